"""`add` and `set` on the command line: what is written, and when nothing is."""

import json
import os
from pathlib import Path

import pytest

from tests.unit.operations.test_commands import run

FILE = """\
tenants:
  acme-corp:
    integrations: 80 # so two
  globex: {}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tenants.yaml"
    path.write_text(FILE)
    return path


def identity(file: Path) -> tuple[int, int]:
    """What changes when a file is written or replaced."""
    return file.stat().st_ino, file.stat().st_mtime_ns


def test_a_field_is_set_and_what_changes_is_printed(file: Path) -> None:
    result = run("set", "acme-corp", "integrations=120")
    assert (result.exit_code, result.stderr) == (0, "")
    assert file.read_text() == FILE.replace("80", "120")
    assert result.stdout.startswith("tenants.yaml is written.\n1 tenant changes: 3 → 4 instances")


def test_several_fields_are_set_and_removed_at_once(file: Path) -> None:
    result = run(
        "set", "acme-corp", "integrations=", "instances=2", "clients.namespaces=[jobs, no]"
    )
    assert result.exit_code == 0, result.output
    assert file.read_text() == FILE.replace(
        "    integrations: 80 # so two\n",
        '    instances: 2\n    clients:\n      namespaces:\n      - jobs\n      - "no"\n',
    )


def test_a_tenant_is_added_with_options_and_fields(file: Path) -> None:
    result = run("add", "initech", "--integrations", "60", "--instances", "3", "egress=open")
    assert result.exit_code == 0, result.output
    added = "  initech:\n    integrations: 60\n    instances: 3\n    egress: open\n"
    assert file.read_text() == f"{FILE}{added}"


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        pytest.param(
            ["set", "acme-corp", "instances=1"],
            "line 4, tenant acme-corp, instances: 1 — 80 integrations need 2",
            id="a contradiction",
        ),
        pytest.param(["set", "acme-corp", "siz=large"], "did you mean `size`?", id="no field"),
        pytest.param(["set", "acme-corp", "integrations.x=1"], "a whole number", id="dots"),
        pytest.param(["add", "Wayne"], "Wayne — expected a tenant id of", id="no tenant's id"),
        pytest.param(
            ["add", "wayne", "--size", "huge"], "huge — no such size; there are standard", id="size"
        ),
        pytest.param(["add", "globex"], "Tenant globex is there already", id="there already"),
        pytest.param(["set", "globx", "size=x"], "did you mean globex?", id="not there"),
    ],
)  # fmt: skip
def test_nothing_is_written_when_the_result_would_have_a_fault(
    file: Path, arguments: list[str], report: str
) -> None:
    before = identity(file)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert report in result.stderr
    assert result.stderr.endswith("Nothing was written.\n")
    assert (file.read_text(), identity(file)) == (FILE, before)
    assert [each.name for each in file.parent.iterdir()] == ["tenants.yaml"]


def test_a_field_that_has_its_value_already_leaves_the_file_alone(file: Path) -> None:
    before = identity(file)
    result = run("set", "acme-corp", "integrations=80")
    told = "tenants.yaml says so already.\nThis edit changes nothing.\n"
    assert (result.exit_code, result.stdout) == (0, told)
    assert identity(file) == before


def test_a_fault_may_be_mended(file: Path) -> None:
    file.write_text(FILE.replace("globex: {}", "globex: {instances: 0}"))
    result = run("set", "globex", "instances=2")
    assert result.exit_code == 0, result.output
    assert result.stdout == "tenants.yaml is written.\nIt had faults before.\n"


def test_a_file_that_is_not_there_is_an_error() -> None:
    result = run("add", "acme", "--inventory", "missing.yaml")
    assert result.exit_code == 1
    assert "missing.yaml has 1 fault" in result.stderr


def test_mode_and_links_stay(file: Path) -> None:
    (file.parent / "stacks").mkdir()
    real = file.rename(file.parent / "stacks" / "prod.yaml")
    file.symlink_to(real)
    real.chmod(0o640)
    assert run("add", "wayne").exit_code == 0
    assert file.is_symlink()
    assert real.read_text() == f"{FILE}  wayne: {{}}\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in real.parent.iterdir()] == ["prod.yaml"]


def test_a_crash_while_writing_leaves_the_file_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    result = run("add", "wayne")
    assert result.exit_code == 1
    assert result.stderr == (
        "tenants.yaml cannot be written (No space left on device); it is as it was.\n"
    )
    assert file.read_text() == FILE
    assert [each.name for each in file.parent.iterdir()] == ["tenants.yaml"]


def test_json_says_what_was_written_and_what_changes(file: Path) -> None:
    told = json.loads(run("set", "globex", "instances=2", "--json").stdout)
    assert (told["file"], told["tenant"], told["written"]) == ("tenants.yaml", "globex", True)
    assert told["plan"]["tenants"][0]["instances"] == {"before": 1, "after": 2}
    assert file.read_text() == FILE.replace("globex: {}", "globex: {instances: 2}")


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    "arguments",
    [
        ["set"],
        ["set", "acme-corp"],
        ["set", "acme-corp", "instances"],
        ["set", "acme-corp", "=2"],
        ["set", "acme-corp", "clients.=2"],
        ["set", "acme-corp", "instances=["],
        ["add"],
        ["add", "wayne", "--instances", "two"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["set", "globex", "instances=2", "size=large", "instances=3"],
        ["set", "globex", "instances=2", "instances=2"],
        ["add", "initech", "instances=2", "instances=3"],
        ["add", "initech", "--instances", "2", "instances=3"],
    ],
)
def test_a_field_that_is_given_twice_is_wrong_usage(file: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "instances is given twice" in result.stderr
    assert file.read_text() == FILE
