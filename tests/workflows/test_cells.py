"""The targets by which CI and people deploy a cell, with an engine that only says what it does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.test_targets import folder

__all__ = ["folder"]

PULUMI = """\
#!/bin/sh
# Stacks are files in ./stacks. `up` of a stack in ./broken fails.
stack=$(echo "$*" | sed 's/.*--stack \\([^ ]*\\).*/\\1/')
case "$*" in
"stack --show-name"*) test -e "stacks/$stack" || {
  echo "error: no stack named '$stack' found" >&2; exit 6; } ;;
"stack init"*) touch "stacks/$stack"; echo encryptionsalt: x >"Pulumi.$stack.yaml" ;;
"preview"*) test -e "stacks/$stack" ;;
"up"*) echo "$stack begins" >>order; sleep "$(cat pause)"
  echo "$*"; echo "$stack ends" >>order; test ! -e "broken/$stack" ;;
esac
"""
COMMAND = f"""\
#!/bin/sh
# The gate is right unless ./closed exists; what is due is given.
case "$*" in
"shards check"*) echo "$*" >>order; test ! -e closed || exit 3 ;;
"shards due"*) echo "$*" >>order; cat given.json ;;
"guard"*) echo "$*" >>guarded ;;
*) exec {sys.executable} -m operations "$@" ;;
esac
"""


class Cell:
    """A folder with the Makefile, and an engine and a `tenant-nats` that only say what they do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bin", "stacks", "broken"):
            (folder / name).mkdir()
        for name, text in {"pulumi": PULUMI, "tenant-nats": COMMAND}.items():
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        (folder / "pause").write_text("0")
        (folder / "order").touch()

    def give(self, *, base: str | None = None, **waves: str) -> None:
        """Say what is due."""
        names = ("edits", "canary", "tenth", "rest")
        shards = {name: waves.get(name, "").split() for name in names}
        due = {
            "cell": "eu",
            "base": base,
            "waves": [
                {"name": name, "shards": each, "batches": each} for name, each in shards.items()
            ],
            "why": {f"eu-{each}": "another inventory" for wave in shards.values() for each in wave},
            "gone": [],
        }
        (self.folder / "given.json").write_text(json.dumps(due, indent=2))

    def make(self, *goals: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        outside = {key: value for key, value in os.environ.items() if "GITHUB" not in key}
        return subprocess.run(
            ["make", "--no-print-directory", "RUN=", *goals],
            cwd=self.folder, capture_output=True, text=True,
            env={**outside, "PATH": path, "CELL": "eu", **environment},
        )  # fmt: skip

    @property
    def order(self) -> list[str]:
        """What was done, in this order."""
        return (self.folder / "order").read_text().splitlines()

    @property
    def deployed(self) -> list[str]:
        """The stacks, in the order in which an `up` of them began."""
        return [line.split()[0] for line in self.order if line.endswith(" begins")]


@pytest.fixture
def cell(folder: Path) -> Cell:
    return Cell(folder)


def test_make_cell_deploys_the_base_then_the_edits_then_a_new_version_in_waves(cell: Cell) -> None:
    cell.give(base="another settings", edits="007", canary="001", tenth="002", rest="003 004")
    made = cell.make("cell", PARALLEL="1")
    assert made.returncode == 0, made.stdout + made.stderr
    assert cell.order[:2] == [
        "shards check --cell eu",
        "shards due --cell eu --json",
    ]
    assert cell.deployed == ["eu-base", "eu-007", "eu-001", "eu-002", "eu-003", "eu-004"]
    assert "**eu: 6 of 6 members that were due are green.**" in made.stdout
    assert "| eu-base | base | another settings | green | 0 s |" in made.stdout


def test_a_new_version_stops_after_the_canary_that_fails(cell: Cell) -> None:
    cell.give(canary="001", tenth="002", rest="003 004")
    (cell.folder / "broken" / "eu-001").touch()
    made = cell.make("cell")
    assert made.returncode != 0
    assert cell.deployed == ["eu-001"]
    assert "red: eu-001. not begun: eu-002, eu-003, eu-004." in made.stdout
    assert "| eu-003 | rest | another inventory | not begun |  |" in made.stdout


def test_the_rest_does_not_begin_after_a_tenth_with_a_red_shard(cell: Cell) -> None:
    cell.give(canary="001", tenth="002 003", rest="004")
    (cell.folder / "broken" / "eu-002").touch()
    made = cell.make("cell")
    assert made.returncode != 0
    assert sorted(cell.deployed) == ["eu-001", "eu-002", "eu-003"]


def test_a_red_edit_holds_up_no_other_shard_and_no_wave(cell: Cell) -> None:
    cell.give(edits="005 006 007", canary="001", rest="002")
    (cell.folder / "broken" / "eu-005").touch()
    made = cell.make("cell", PARALLEL="1")
    assert made.returncode != 0
    assert cell.deployed == ["eu-005", "eu-006", "eu-007", "eu-001", "eu-002"]
    assert "**eu: 4 of 5 members that were due are green.** red: eu-005.\n" in made.stdout


def test_no_shard_is_deployed_after_a_base_that_failed(cell: Cell) -> None:
    cell.give(base="another program", edits="001", canary="002")
    (cell.folder / "broken" / "eu-base").touch()
    assert cell.make("cell").returncode != 0
    assert cell.deployed == ["eu-base"]


def test_nothing_is_asked_or_deployed_behind_a_gate_that_is_closed(cell: Cell) -> None:
    cell.give(edits="001")
    (cell.folder / "closed").touch()
    assert cell.make("cell").returncode != 0
    assert len(cell.order) == 1


def test_a_cell_of_which_nothing_is_due_is_left_as_it_is(cell: Cell) -> None:
    cell.give()
    made = cell.make("cell")
    assert made.returncode == 0, made.stderr
    assert cell.deployed == []
    assert "**eu: nothing was due.**" in made.stdout


def test_what_became_of_an_earlier_run_is_not_told_as_if_it_were_of_this_one(cell: Cell) -> None:
    cell.give(canary="001", rest="002")
    assert cell.make("cell").returncode == 0
    (cell.folder / "broken" / "eu-001").touch()
    made = cell.make("cell")
    assert "red: eu-001. not begun: eu-002." in made.stdout


def test_a_member_has_the_settings_of_its_cell_and_an_inventory_of_its_own(cell: Cell) -> None:
    made = cell.make("deploy", SHARD="017")
    assert made.returncode == 0, made.stderr
    assert made.stdout == (
        "up --continue-on-error --stack eu-017 --config-file Pulumi.eu.yaml --yes --skip-preview "
        "--non-interactive\n"
    )
    assert (cell.folder / "guarded").read_text() == (
        "guard --head inventory/eu/017.yaml --preview .shards/017.json "
        "--approval inventory/eu/017.approval --gated\n"
    )


def test_a_stack_that_is_missing_is_made_and_leaves_no_settings_of_its_own(cell: Cell) -> None:
    assert cell.make("deploy", SHARD="017").returncode == 0
    assert [each.name for each in (cell.folder / "stacks").iterdir()] == ["eu-017"]
    assert list(cell.folder.glob("Pulumi.*")) == []
    (cell.folder / "Pulumi.eu-018.yaml").write_text("by a person")
    assert cell.make("deploy", SHARD="018").returncode == 0
    assert (cell.folder / "Pulumi.eu-018.yaml").exists()


def test_the_base_is_previewed_and_has_no_inventory_to_guard(cell: Cell) -> None:
    made = cell.make("deploy", SHARD="base")
    assert made.returncode == 0, made.stderr
    assert cell.deployed == ["eu-base"]
    assert not (cell.folder / "guarded").exists()


def test_as_many_shards_are_deployed_at_once_as_parallel_says(cell: Cell) -> None:
    (cell.folder / "pause").write_text("2")
    assert cell.make("shards", SHARDS="001 002 003", PARALLEL="2").returncode == 0
    assert [line.split()[1] for line in cell.order[:3]] == ["begins", "begins", "ends"]
    assert sorted(cell.deployed) == ["eu-001", "eu-002", "eu-003"]


def test_each_line_of_a_shard_is_behind_its_name_and_in_a_log(cell: Cell) -> None:
    (cell.folder / "broken" / "eu-002").touch()
    made = cell.make("shards", SHARDS="001 002")
    assert made.returncode != 0
    said = "up --continue-on-error --stack eu-001 --config-file"
    assert f"eu-001 | {said}" in made.stdout
    assert (cell.folder / ".shards" / "001.log").read_text().startswith(said)
    told = [line.split()[:2] for line in made.stdout.splitlines() if line.endswith(".log")]
    assert told == [["eu-001", "green"], ["eu-002", "red"]]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SHARDS", ""),
        ("SHARDS", "../x"),
        ("SHARDS", "$(touch pwned)"),
        ("SHARDS", "*"),
        ("CELL", ""),
    ],
)
def test_what_is_no_member_of_a_cell_is_refused(cell: Cell, variable: str, value: str) -> None:
    refused = cell.make("shards", **{"SHARDS": "001", variable: value})
    assert refused.returncode != 0
    assert 'For example: make shards CELL=eu SHARDS="001 002"' in refused.stderr
    assert cell.order == []
    assert not (cell.folder / "pwned").exists()


def test_previews_are_of_what_would_be_deployed_first_and_make_no_stack(cell: Cell) -> None:
    cell.give(base="another program", edits="005", canary="001", tenth="002", rest="003")
    for name in ("eu-base", "eu-001"):
        (cell.folder / "stacks" / name).touch()
    made = cell.make("due", "previews")
    assert made.returncode == 0, made.stderr
    assert "eu-005 | There is no stack eu-005 yet, so an `up` makes all of it." in made.stdout
    assert cell.deployed == []
    assert sorted(each.name for each in (cell.folder / "stacks").iterdir()) == ["eu-001", "eu-base"]
    told = [line.split()[:2] for line in made.stdout.splitlines() if line.endswith(".log")]
    assert told == [["eu-base", "green"], ["eu-005", "green"], ["eu-001", "green"]]
    assert "--head inventory/eu/001.yaml" in (cell.folder / "guarded").read_text()


def test_what_is_due_is_an_output_of_githubs_job_on_one_line(cell: Cell) -> None:
    cell.give(canary="001")
    output = cell.folder / "output"
    made = cell.make("due", GITHUB_OUTPUT=str(output), CANARY="001")
    assert made.returncode == 0, made.stderr
    assert cell.order == ["shards due --cell eu --canary 001 --json"]
    [line] = output.read_text().splitlines()
    assert json.loads(line.removeprefix("due=")) == json.loads(
        (cell.folder / "given.json").read_text()
    )


def test_the_summary_is_shown_by_github(cell: Cell) -> None:
    cell.give(edits="001")
    summary = cell.folder / "summary"
    made = cell.make("due", "summary", GITHUB_STEP_SUMMARY=str(summary))
    assert made.returncode == 0, made.stderr
    assert summary.read_text() == made.stdout
    assert "| eu-001 | edits | another inventory | not begun |  |" in made.stdout


@pytest.mark.parametrize("variable", ["CELL", "SHARD", "SHARDS", "CANARY", "PARALLEL"])
def test_no_function_of_make_in_a_variable_is_run(cell: Cell, variable: str) -> None:
    cell.give(edits="001")
    for goal in ("gate", "due", "shards", "deploy", *(["changes", "drift"] * (variable == "CELL"))):
        cell.make(goal, **{"SHARDS": "001", variable: "$(shell touch pwned)"})
    assert not (cell.folder / "pwned").exists()
