"""Commands that take the folder of a cell in place of an inventory's file, and only read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from monitoring.rule_file import rules
from sandbox.layout import PROJECT
from tenancy.inventory.validation import load
from tests.unit.operations.cells import SIZES, cell, tenants
from tests.unit.operations.test_commands import run

WHOLE = tenants(acme="instances: 2", globex="size: large", hooli="") + SIZES
PARTS = {
    "001": tenants(acme="instances: 2"),
    "002": tenants(globex="size: large", hooli="") + SIZES,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a cell of two shards, and a file with the same tenants."""
    monkeypatch.chdir(tmp_path)
    cell(tmp_path, PARTS)
    (tmp_path / "whole.yaml").write_text(WHOLE)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_a_cell_asks_for_as_much_as_one_file_with_all_its_tenants() -> None:
    result = run("check", "inventory/eu")
    assert result.exit_code == 0
    assert result.stdout == run("check", "whole.yaml").stdout.replace("whole.yaml", "inventory/eu")
    assert "3 tenants, 4 instances, which request 5 CPU and 10Gi" in result.stdout


@pytest.mark.usefixtures("project")
def test_programs_get_the_totals_of_the_whole_cell() -> None:
    [cell_, file] = json.loads(run("check", "inventory/eu", "whole.yaml", "--json").stdout)
    assert cell_ == {**file, "file": "inventory/eu"}


def test_faults_of_files_and_between_files_are_in_one_report(project: Path) -> None:
    folder = project / "inventory/eu"
    (folder / "003.yaml").write_text(tenants(hooli=""))
    (folder / "004.yaml").write_text("tenants:\n  initech: {instances: 0}\n")
    result = run("check", "inventory/eu")
    assert (result.exit_code, result.stdout) == (1, "")
    first, second = result.stderr.split("inventory/eu/004.yaml has")
    assert first == (
        "inventory/eu/003.yaml has 1 fault; nothing is deployed from it.\n"
        "  line 2, tenant hooli: inventory/eu/002.yaml, line 3, has this tenant too; keep one of "
        "the two.\n"
    )
    assert "line 2, tenant initech, instances: 0" in second
    [told] = json.loads(run("check", "inventory/eu", "--json").stdout)
    assert [(each["file"], each["line"]) for each in told["faults"]] == [
        ("inventory/eu/003.yaml", 2),
        ("inventory/eu/004.yaml", 2),
    ]


@pytest.mark.parametrize(
    "stray", ["Eu 1.yaml", "base.yaml", "003.yml", "003", "tenants-of-eu.yaml", "003.yaml~", "old/"]
)
def test_a_file_that_is_named_otherwise_is_refused_and_not_left_out(
    project: Path, stray: str
) -> None:
    file = project / "inventory/eu" / stray.rstrip("/")
    if stray.endswith("/"):
        file.mkdir()
    else:
        file.write_text(tenants(initech=""))
    result = run("check", "inventory/eu")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"inventory/eu/{file.name} has 1 fault; ")
    assert "it is not named as the inventory of a shard" in result.stderr
    assert "For example: 001.yaml" in result.stderr


def test_what_is_no_inventory_may_be_beside_the_shards(project: Path) -> None:
    for name in (".gitkeep", ".001.yaml.swp", "README.md", "eu.approval"):
        (project / "inventory/eu" / name).write_text("anything")
    assert run("check", "inventory/eu").exit_code == 0


def test_a_folder_without_a_shard_is_no_cell(project: Path) -> None:
    (project / "inventory/empty").mkdir()
    (project / "inventory/empty/README.md").write_text("soon")
    result = run("check", "inventory/empty")
    assert result.exit_code == 1
    assert result.stderr == (
        "inventory/empty has 1 fault; nothing is deployed from it.\n"
        "  line 1: it is a folder without an inventory of a shard, which a cell's folder has. For "
        "example: inventory/empty/001.yaml\n"
    )


def test_many_files_are_read_by_several_processes_with_the_same_result(project: Path) -> None:
    """Only the real command has no other thread, which would forbid it to divide itself."""
    folder = project / "inventory/eu"
    for number in range(100, 200):
        (folder / f"{number}.yaml").write_text(tenants(**{f"t{number}": "integrations: 60"}))
    command = [sys.executable, "-m", "operations", "check", "inventory/eu"]

    def checked() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=project, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True
        )

    whole = checked()
    assert "103 tenants, 204 instances" in whole.stdout, whole.stderr
    assert whole.stdout == run("check", "inventory/eu").stdout
    (folder / "150.yaml").write_text("tenants:\n  t150: {integrations: many}\n")
    (folder / "160.yaml").write_text(tenants(t161=""))
    wrong = checked()
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == run("check", "inventory/eu").stderr
    assert "line 2, tenant t150, integrations: many" in wrong.stderr
    assert "line 2, tenant t161: inventory/eu/160.yaml, line 2" in wrong.stderr


@pytest.mark.usefixtures("project")
def test_the_rules_of_a_cell_are_those_of_all_its_tenants() -> None:
    result = run("rules", "--inventory", "inventory/eu")
    assert result.exit_code == 0
    printed = YAML(typ="safe").load(result.stdout)  # pyright: ignore[reportUnknownVariableType]
    assert printed == rules(load(Path("whole.yaml")), "vrsky-tenants")


def test_a_cell_is_rendered_into_one_namespace(project: Path) -> None:
    (project / "Pulumi.eu.yaml").write_text(
        "config: {tenant-nats:cell: eu, tenant-nats:namespace: eu-tenants}\n"
    )
    (project / "Pulumi.one.yaml").write_text(
        "config: {tenant-nats:inventory: whole.yaml, tenant-nats:namespace: eu-tenants}\n"
    )
    for stack in ("eu", "one"):
        result = run("render", stack, "--settings", f"Pulumi.{stack}.yaml")
        assert result.exit_code == 0, result.output
    written = {
        stack: {file.name: file.read_text() for file in (project / stack).iterdir()}
        for stack in ("eu", "one")
    }
    assert written["eu"] == written["one"]
    assert {"10-acme.yaml", "10-globex.yaml", "10-hooli.yaml"} < written["eu"].keys()
    given = run("render", "given", "--inventory", "inventory/eu", "--set", "namespace=eu-tenants")
    assert given.exit_code == 0
    assert {file.name: file.read_text() for file in (project / "given").iterdir()} == written["one"]
