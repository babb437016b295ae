"""`changes` on the command line: what it compares with, and in which form it answers."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.operations.test_commands import run

BASE = "tenants:\n  acme: {}\n  globex: {}\n"
GROWN = "tenants:\n  acme: {instances: 2}\n  globex: {}\n"
GROWS = "  acme: 1 → 2 instances: +1 Deployment, +1 Service, +1 ConfigMap, +1 row\n"
ADDED = "tenants:\n  acme: {}\n  globex: {}\n  hooli: {}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in a repository whose branch `main` has an inventory there, with one commit."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    folder = tmp_path / "stacks"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "--quiet", "--initial-branch", "main")
    committed(folder, BASE)
    return folder


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def committed(folder: Path, inventory: str) -> None:
    (folder / "tenants.yaml").write_text(inventory)
    git("add", "tenants.yaml")
    git("commit", "--quiet", "--message", "x")


def test_without_an_origin_uncommitted_changes_are_printed(folder: Path) -> None:
    (folder / "tenants.yaml").write_text(GROWN)
    result = run("changes")
    assert (result.exit_code, result.stderr) == (0, "Compared with tenants.yaml of HEAD.\n")
    assert result.stdout == (
        "1 tenant changes: 2 → 3 instances, 2 → 3 CPU and 4 → 6Gi of memory requested.\n\n"
        f"Adds servers (1 tenant, +1 instance):\n{GROWS}"
    )


def test_a_branch_is_compared_with_where_it_left_main_whatever_main_got_since(
    folder: Path,
) -> None:
    git("checkout", "--quiet", "-b", "grow")
    committed(folder, GROWN)
    git("checkout", "--quiet", "main")
    committed(folder, ADDED)
    git("update-ref", "refs/remotes/origin/main", "main")
    git("checkout", "--quiet", "grow")
    assert run("changes").stdout.endswith(f"+1 instance):\n{GROWS}")
    assert "hooli" in run("changes", "--base", "origin/main").stdout


def test_the_base_may_be_a_file_or_a_revision(folder: Path) -> None:
    (folder / "base.yaml").write_text(GROWN)
    committed(folder, GROWN)
    assert run("changes", "--base", "base.yaml").stdout == "This edit changes nothing.\n"
    assert GROWS in run("changes", "--base", "HEAD~1").stdout


def test_a_revision_without_the_file_is_before_the_first_inventory(folder: Path) -> None:
    (folder / "prod.yaml").write_text(BASE)
    result = run("changes", "--head", "prod.yaml", "--base", "HEAD")
    assert result.exit_code == 0
    assert result.stderr == "There is no prod.yaml of HEAD, so all of it is new.\n"
    assert result.stdout.startswith("2 tenants change: 0 → 2 instances")


@pytest.mark.usefixtures("folder")
def test_a_base_that_is_neither_file_nor_revision_is_an_error_with_examples() -> None:
    result = run("changes", "--base", "maain")
    assert result.exit_code == 1
    assert result.stderr == (
        "maain is neither a file nor a revision of the repository of tenants.yaml. For example: "
        "--base origin/main, --base HEAD~1, --base ../tenants.yaml.\n"
    )


def test_a_clone_that_is_too_shallow_is_an_error_that_says_what_to_fetch(folder: Path) -> None:
    git("checkout", "--quiet", "--orphan", "elsewhere")
    committed(folder, GROWN)
    git("update-ref", "refs/remotes/origin/main", "main")
    result = run("changes")
    assert result.exit_code == 1
    assert "`fetch-depth: 0`" in result.stderr


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_faulty_inventory_is_an_error_on_either_side(folder: Path, side: str) -> None:
    (folder / "faulty.yaml").write_text("tenants: {}\n")
    result = run("changes", "--base", "HEAD", f"--{side}", "faulty.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("faulty.yaml has 1 fault; ")


def test_an_edit_can_be_printed_as_markdown_and_as_json(folder: Path) -> None:
    (folder / "tenants.yaml").write_text(GROWN)
    assert run("changes", "--format", "markdown").stdout.startswith("**1 tenant changes: ")
    as_json = run("changes", "--json")
    assert json.loads(as_json.stdout)["tenants"][0]["tenant"] == "acme"
    assert as_json.stdout == run("changes", "--format", "json").stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [["--format", "html"], ["tenants.yaml"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run("changes", *arguments).exit_code == 2
