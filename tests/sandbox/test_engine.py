"""Which programs the sandbox's engine consists of, with a fake `pulumi` on PATH."""

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox import engine, progress, toolchain
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.toolchain import Group

OFFICIAL = f"official {version('pulumi-kubernetes')}"
BUILT = engine.BUILT
PINNED = f"v{toolchain.PULUMI_VERSION}"
HOST = "pulumi-language-python"


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where built programs would be."""

    def ensure(group: Group) -> Path:
        return tmp_path / "built" / group.name

    monkeypatch.setattr(engine.toolchain, "ensure", ensure)
    monkeypatch.setattr(engine, "_HOME", tmp_path / "pulumi-home")
    monkeypatch.delenv("TENANT_NATS_KUBERNETES_PLUGIN", raising=False)
    return tmp_path / "built"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "sandbox")
    layout.root.mkdir()
    return layout


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **programs: str) -> None:
    """Make these shell scripts the only programs on PATH beside the system's."""
    for name, script in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("pulumi", "with_host", "is_built"),
    [(PINNED, True, False), ("v4.0.0", True, False), ("v3.99.9", True, True),
     (PINNED, False, True)],
    ids=["as pinned", "newer", "older", "without its Python host"],
)  # fmt: skip
def test_the_engine_on_path_is_taken_when_it_is_new_enough_and_whole(
    layout: Layout,
    built: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pulumi: str,
    with_host: bool,
    is_built: bool,
) -> None:
    layout.plugin_choice.write_text(BUILT)
    host = {"pulumi_language_python": "true"} if with_host else {}
    put_on_path(monkeypatch, tmp_path, pulumi=f"echo {pulumi}", **host)
    path = engine.environment(layout, "")["PATH"].split(":")
    assert (str(built / "pulumi") in path) is is_built


@pytest.mark.parametrize(
    ("can_be_downloaded", "wanted", "choice"),
    [(True, "", OFFICIAL), (False, "", BUILT), (True, "built", BUILT), (False, "official", "")],
    ids=["it can be had", "it cannot", "the built one is wanted", "it is wanted and cannot"],
)
def test_the_official_plugin_is_the_first_choice_where_it_can_be_had(
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    can_be_downloaded: bool,
    wanted: str,
    choice: str,
) -> None:
    script = f"echo {PINNED}; test $1 = version || exit {0 if can_be_downloaded else 1}"
    put_on_path(monkeypatch, tmp_path, pulumi=script, pulumi_language_python="true")
    if wanted:
        monkeypatch.setenv("TENANT_NATS_KUBERNETES_PLUGIN", wanted)
    if choice:
        engine.environment(layout, "")
        assert layout.plugin_choice.read_text() == choice
    else:
        with pytest.raises(SandboxError, match="cannot be downloaded from here"):
            engine.environment(layout, "")
        assert not layout.plugin_choice.exists()


def test_the_built_plugin_is_where_the_engine_looks_for_the_official_one(
    layout: Layout, built: Path
) -> None:
    layout.plugin_choice.write_text(BUILT)
    environment = engine.environment(layout, "")
    official = f"resource-kubernetes-v{version('pulumi-kubernetes')}"
    plugin = Path(environment["PULUMI_HOME"], "plugins", official, "pulumi-resource-kubernetes")
    assert plugin.readlink() == built / "kubernetes-plugin" / "pulumi-resource-kubernetes"
    assert "kubernetes-plugin" not in environment["PATH"], "the engine warns of one on PATH"


def test_a_long_command_says_that_it_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.1)
    progress.run_logged(
        [sys.executable, "-c", "import time; time.sleep(1)"],
        log=tmp_path / "log", what="a nap", env={}, cwd=tmp_path,
    )  # fmt: skip
    assert re.search(r"a nap: \d+ s so far", capsys.readouterr().err)
