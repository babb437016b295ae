"""`changes` and `guard` over the folder of a cell, in a real git repository."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from operations.inventories import differing, loading
from tests.unit.operations.cells import SIZES, cell, tenants
from tests.unit.operations.test_commands import run

FIRST = {
    "001": tenants(acme="", globex=""),
    "002": tenants(hooli="", initech=""),
    "003": tenants(umbrella="instances: 20"),
}
GROWS = "  acme: 1 → 2 instances: +1 Deployment, +1 Service, +1 ConfigMap, +1 row\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cell of three shards, in a project below a repository's root, committed."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    project = tmp_path / "stacks"
    project.mkdir()
    monkeypatch.chdir(project)
    folder = cell(project, FIRST)
    git("init", "--quiet", "--initial-branch", "main")
    commit()
    return folder


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def commit() -> None:
    git("add", "--all")
    git("commit", "--quiet", "--message", "x")


def write(folder: Path, **contents: str) -> None:
    for name, content in contents.items():
        (folder / f"{name.strip('_')}.yaml").write_text(content)


def changes(*more: str) -> str:
    result = run("changes", "--head", "inventory/eu", *more)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_edit_of_one_file_is_described_and_the_totals_say_of_what_they_are(
    folder: Path,
) -> None:
    write(folder, _001=tenants(acme="instances: 2", globex=""))
    result = run("changes", "--head", "inventory/eu")
    assert (result.exit_code, result.stderr) == (0, "Compared with inventory/eu of HEAD.\n")
    assert result.stdout == (
        "1 tenant changes: 2 → 3 instances, 2 → 3 CPU and 4 → 6Gi of memory requested.\n"
        "The totals are of the 1 of 3 files that differs: 001.\n\n"
        f"Adds servers (1 tenant, +1 instance):\n{GROWS}"
    )


def test_files_that_do_not_differ_are_not_read_as_yaml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are wrong here, and that is for `check` to say."""
    write(folder, _003="tenants: [\n")
    commit()
    write(folder, _001=tenants(acme="instances: 2", globex=""))
    assert changes().endswith(GROWS)
    read: list[Path] = []
    whole = loading.load_all

    def load_all(files: tuple[Path, ...]) -> object:
        read.extend(files)
        return whole(files)

    monkeypatch.setattr(differing, "load_all", load_all)
    changes()
    assert read == [folder / "001.yaml"]


def test_new_and_deleted_files_belong_to_the_edit(folder: Path) -> None:
    (folder / "002.yaml").unlink()
    write(folder, _004=tenants(stark="instances: 2"))
    said = changes()
    assert "The totals are of the 2 of 4 files that differ: 002, 004." in said
    assert "3 tenants change: 2 instances," in said
    assert "  stark: 0 → 2 instances" in said
    assert "  hooli: 1 → 0 instances" in said


def test_a_file_that_git_is_told_to_ignore_or_to_take_as_unchanged_is_looked_at(
    folder: Path,
) -> None:
    git("update-index", "--assume-unchanged", "inventory/eu/001.yaml")
    write(folder, _001=tenants(acme="instances: 2", globex=""), _004=tenants(stark=""))
    Path(".gitignore").write_text("004.yaml\n")
    assert "files that differ: 001, 004." in changes()


def test_a_tenant_that_moves_is_no_loss(folder: Path) -> None:
    write(folder, _001=tenants(globex=""), _002=tenants(hooli="", initech="", acme=""))
    assert changes() == (
        "This edit changes nothing.\n"
        "The totals are of the 2 of 3 files that differ: 001, 002.\n"
        "acme moves from 001 to 002: nothing restarts.\n"
    )
    assert "- acme moves from 001 to 002: nothing restarts.\n" in changes("--format", "markdown")
    told = json.loads(changes("--json"))
    assert told["files"] == {"differing": ["001", "002"], "of": 3}
    assert told["moves"] == [{"tenant": "acme", "from": "001", "to": "002"}]
    assert (told["tenants"], told["approval"]["needed"]) == ([], False)


def test_a_whole_shard_may_move_into_another(folder: Path) -> None:
    (folder / "001.yaml").unlink()
    write(folder, _002=tenants(hooli="", initech="", acme="", globex=""))
    assert changes().splitlines()[2:] == [
        "acme moves from 001 to 002: nothing restarts.",
        "globex moves from 001 to 002: nothing restarts.",
    ]


def test_a_tenant_that_moves_and_changes_is_told_as_both(folder: Path) -> None:
    write(folder, _001=tenants(globex=""), _002=tenants(hooli="", initech="", acme="instances: 2"))
    said = changes()
    assert "acme moves from 001 to 002: it also changes, as below.\n" in said
    assert said.endswith(GROWS)


def test_a_tenant_that_is_in_both_files_after_a_half_done_move_is_refused(folder: Path) -> None:
    write(folder, _001=tenants(acme="", globex="").replace("globex", "g"), _002=tenants(acme=""))
    result = run("changes", "--head", "inventory/eu")
    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        "line 2, tenant acme: inventory/eu/001.yaml, line 2, has this tenant too" in result.stderr
    )


def test_a_cell_may_be_compared_with_another_folder(folder: Path) -> None:
    (folder.parent / "old").mkdir()
    for name, content in FIRST.items():
        (folder.parent / "old" / f"{name}.yaml").write_text(content)
    write(folder, _001=tenants(acme="instances: 2", globex=""))
    assert "the 1 of 3 files that differs: 001" in changes("--base", "inventory/old")


def test_a_branch_is_compared_with_where_it_left_main(folder: Path) -> None:
    git("checkout", "--quiet", "-b", "grow")
    write(folder, _001=tenants(acme="instances: 2", globex=""))
    commit()
    git("checkout", "--quiet", "main")
    write(folder, _002=tenants(hooli="instances: 3", initech=""))
    commit()
    git("update-ref", "refs/remotes/origin/main", "main")
    git("checkout", "--quiet", "grow")
    assert changes().endswith(f"+1 instance):\n{GROWS}")


def test_a_cell_that_a_revision_does_not_have_is_new(folder: Path) -> None:
    other = folder.parent / "us"
    other.mkdir()
    write(other, _001=tenants(acme=""))
    result = run("changes", "--head", "inventory/us")
    assert result.exit_code == 0
    assert result.stderr.endswith("There is no inventory/us of HEAD, so all of it is new.\n")
    assert "0 → 1 instance" in result.stdout


def test_nothing_differs_where_nothing_was_edited(folder: Path) -> None:
    del folder
    assert changes() == "This edit changes nothing.\nNone of 3 files differs.\n"


def test_a_fault_of_the_base_is_named_as_git_names_it(folder: Path) -> None:
    write(folder, _001="tenants:\n  acme: {instances: 0}\n")
    commit()
    write(folder, _001=FIRST["001"])
    result = run("changes", "--head", "inventory/eu", "--base", "HEAD")
    assert result.exit_code == 1
    assert result.stderr.startswith("HEAD:inventory/eu/001.yaml has 1 fault; ")


@pytest.mark.parametrize(
    ("left", "reasons"),
    [
        pytest.param(15, [], id="5 of 24 instances"),
        pytest.param(13, ["7 of 24 instances go (29.2%), and 25% is the most without an approval"],
                     id="7 of 24"),
    ],
)  # fmt: skip
def test_the_share_that_goes_is_one_of_the_whole_cell(
    folder: Path, left: int, reasons: list[str]
) -> None:
    """Also where it is over a quarter of the file, which has 20 of the cell's 24 instances."""
    write(folder, _003=tenants(umbrella=f"instances: {left}"))
    assert json.loads(changes("--json"))["approval"]["reasons"] == reasons
    result = run("guard", "--head", "inventory/eu", "--base", "HEAD", "--json")
    assert json.loads(result.stdout)["reasons"] == reasons
    assert result.exit_code == (3 if reasons else 0)


def test_losses_of_several_shards_are_added_up(folder: Path) -> None:
    write(folder, _001=tenants(globex=""), _002=tenants(initech=""))
    result = run("guard", "--head", "inventory/eu", "--base", "HEAD")
    assert result.exit_code == 3
    assert "2 tenants lose every server: acme, hooli" in result.stderr
    assert "> inventory/eu.edit.approval" in result.stderr
    [approval] = re.findall("[0-9a-f]{64}", result.stderr)
    (folder.parent / "eu.edit.approval").write_text(approval)
    approved = run(
        "guard",
        "--head",
        "inventory/eu",
        "--base",
        "HEAD",
        "--approval",
        "inventory/eu.edit.approval",
    )
    assert approved.exit_code == 0
    moved = write(folder, _002=tenants(initech="", acme="", hooli=""))
    assert moved is None
    assert run("guard", "--head", "inventory/eu", "--base", "HEAD").exit_code == 0


def test_a_guard_of_a_cell_needs_a_base_and_takes_no_preview(folder: Path) -> None:
    del folder
    for more in ([], ["--base", "HEAD", "--preview", "preview.json"]):
        result = run("guard", "--head", "inventory/eu", *more)
        assert result.exit_code == 2
        assert "a preview is of one stack" in result.stderr


def test_a_first_inventory_of_a_cell_has_nothing_to_guard(folder: Path) -> None:
    other = folder.parent / "us"
    other.mkdir()
    write(other, _001=tenants(acme=""))
    result = run("guard", "--head", "inventory/us", "--base", "HEAD")
    assert result.exit_code == 1
    assert "There is no inventory/us of HEAD." in result.stderr
    assert "first inventory has nothing to guard" in result.stderr


def test_sizes_that_differ_from_those_of_an_edited_file_are_found(folder: Path) -> None:
    write(
        folder,
        _001=tenants(acme="size: large", globex="") + SIZES,
        _002=tenants(hooli="", initech="") + SIZES.replace("4Gi", "5Gi"),
    )
    result = run("changes", "--head", "inventory/eu")
    assert result.exit_code == 1
    assert "a size means the same in all files of a cell" in result.stderr
