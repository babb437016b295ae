"""`set` and `add` with the folder of a cell: one file is found, and only that is edited."""

from pathlib import Path

import pytest

from tenancy.inventory import nkeys
from tenancy.inventory.validation import load
from tests.unit.operations.cells import cell, tenants
from tests.unit.operations.test_commands import run

KEY = nkeys.EXAMPLE
FIRST = {
    "001": tenants(acme="", globex=f"clients: {{nkeys: [{KEY}]}}"),
    "002": '# who is here: acme-corp is not\ntenants:\n  "hooli": {}\n  acme-2: {} # not acme\n',
    "003": 'tenants:\n  "\\x73tark": {}\n',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return cell(tmp_path, FIRST)


def contents(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text() for file in folder.iterdir()}


def set_(*arguments: str) -> tuple[int, str]:
    result = run("set", *arguments, "--inventory", "inventory/eu")
    return result.exit_code, result.output


def test_the_one_file_that_has_the_tenant_is_edited(folder: Path) -> None:
    code, said = set_("acme-2", "instances=2")
    assert code == 0
    assert said.startswith("inventory/eu/002.yaml is written.\n1 tenant changes: 2 → 3 instances")
    edited = FIRST["002"].replace("acme-2: {}", "acme-2: {instances: 2}")
    assert contents(folder) == {**FIRST, "002": edited}


def test_a_tenant_is_found_however_its_id_is_written(folder: Path) -> None:
    assert set_("hooli", "instances=2")[0] == 0
    assert contents(folder)["002"] != FIRST["002"]
    assert set_("stark", "instances=2")[0] == 0
    assert load(folder / "003.yaml").tenants["stark"].instances == 2


def test_a_tenant_that_is_nowhere_is_not_made(folder: Path) -> None:
    assert set_("acme-corp", "instances=2") == (
        1,
        "There is no tenant acme-corp in inventory/eu.\nNothing was written.\n",
    )
    assert contents(folder) == FIRST


def test_a_tenant_in_two_files_is_edited_in_neither(folder: Path) -> None:
    (folder / "004.yaml").write_text(tenants(acme=""))
    before = contents(folder)
    assert set_("acme", "instances=2") == (
        1,
        "Tenant acme is in inventory/eu/001.yaml and inventory/eu/004.yaml; keep one of them.\n"
        "Nothing was written.\n",
    )
    assert contents(folder) == before


def test_a_key_of_a_tenant_in_another_file_is_refused(folder: Path) -> None:
    code, said = set_("hooli", f"clients.nkeys=[{KEY}]")
    assert code == 1
    assert f"{KEY} — it is a key of tenant globex in inventory/eu/001.yaml too" in said
    assert said.endswith("Nothing was written.\n")
    assert contents(folder) == FIRST


def test_a_stray_file_may_be_where_the_tenant_is_so_nothing_is_edited(folder: Path) -> None:
    (folder / "004.yml").write_text(tenants(initech=""))
    code, said = set_("acme", "instances=2")
    assert code == 1
    assert "inventory/eu/004.yml has 1 fault" in said
    assert (folder / "001.yaml").read_text() == FIRST["001"]


def test_nobody_but_a_person_says_in_which_file_a_new_tenant_is(folder: Path) -> None:
    result = run("add", "initech", "--inventory", "inventory/eu")
    assert result.exit_code == 2
    assert "name the file of a shard, for example inventory/eu/001.yaml" in result.output.replace(
        "\n", " "
    )
    assert contents(folder) == FIRST
