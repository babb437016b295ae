"""The workflows of a team's repository, which call those of this one: docs/adopting.md."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sandbox.layout import PROJECT
from tests.e2e.platform import commands
from tests.workflows.test_linters import actionlint
from tests.workflows.test_rules import CALLED, JOBS
from tests.workflows.workflow import FOLDER

EXAMPLE = PROJECT / "examples" / "platform-repository"
FILES = sorted((EXAMPLE / FOLDER).iterdir())

every_caller = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def content(file: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(file)


def job(file: Path) -> dict[str, Any]:
    [only] = content(file)["jobs"].values()
    return only


def called(file: Path) -> dict[str, Any]:
    """The workflow of this repository that it calls."""
    return content(PROJECT / FOLDER / file.name)


def test_each_workflow_that_may_be_called_is() -> None:
    assert {file.stem for file in FILES} == CALLED


def test_actionlint_finds_nothing_in_them() -> None:
    linted = actionlint(*FILES)
    assert (linted.returncode, linted.stdout) == (0, "")


@every_caller
def test_it_calls_the_workflow_of_its_name_at_a_commit_with_the_version_beside_it(
    file: Path,
) -> None:
    [line] = re.findall(r"uses: (.*)", file.read_text())
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    workflow = f"example/tenant-nats/.github/workflows/{file.name}"
    assert line == f"{workflow}@{'0' * 40} # v{version}"
    source = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["tool"]["uv"]["sources"]
    assert source["tenant-nats"]["tag"] == f"v{version}"


@every_caller
def test_it_starts_when_ours_does_and_has_no_group_that_would_block_ours(file: Path) -> None:
    own = content(file)["on"]
    ours = {name: each for name, each in called(file)["on"].items() if name != "workflow_call"}
    started = {own: None} if isinstance(own, str) else own
    assert {*started} == {*ours}
    assert started.get("push") == ours.get("push")
    assert "concurrency" not in content(file)


@every_caller
def test_it_gives_the_rights_that_the_called_jobs_ask_for_and_no_others(file: Path) -> None:
    asked = [each.permissions.items() for each in JOBS if each.workflow == file.stem]
    assert content(file)["permissions"] == {}
    assert job(file)["permissions"].items() == {right for rights in asked for right in rights}


@every_caller
def test_it_names_each_secret_and_input_that_it_passes(file: Path) -> None:
    declared = called(file)["on"]["workflow_call"]
    passed = job(file)["secrets"]
    assert passed == {name: f"${{{{ secrets.{name} }}}}" for name in passed}
    assert passed.keys() <= declared["secrets"].keys()
    assert job(file).get("with", {}).keys() <= declared["inputs"].keys()


def test_an_upgrade_moves_the_commit_of_calls_and_leaves_pins_of_copies(tmp_path: Path) -> None:
    upgrade = commands("Upgrading")[0]
    [move] = [line for line in upgrade.splitlines() if line.endswith("/workflows/*.yml")]
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    copies = [PROJECT / FOLDER / file.name for file in FILES]
    for file in FILES:
        (folder / file.name).write_text(file.read_text())
    for file in copies:
        (folder / f"copied-{file.name}").write_text(file.read_text())
    script = f"version=v9.9.9; commit={'f' * 40}; {move}"
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True)
    for file in FILES:
        moved = (folder / file.name).read_text()
        assert f"/tenant-nats/.github/workflows/{file.name}@{'f' * 40} # v9.9.9\n" in moved
    for file in copies:
        assert (folder / f"copied-{file.name}").read_text() == file.read_text()


def test_what_the_called_workflows_make_is_installed_in_the_repository_that_calls() -> None:
    installed = (PROJECT / "installed/share/tenant-nats/ci.mk").read_text()
    there = set(re.findall(r"^([a-z]+):", installed, re.MULTILINE))
    made = {target for each in JOBS if each.workflow in CALLED for target in each.targets}
    assert made
    assert made - there == set()


@every_caller
def test_it_is_about_ten_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 13
