"""`shards waves` and `shards summary`: what due.json says, for a shell and for people."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from operations.__main__ import app

DUE: dict[str, Any] = {
    "cell": "eu",
    "base": "another settings",
    "waves": [
        {"name": "edits", "shards": ["007"], "batches": ["007"]},
        {"name": "canary", "shards": ["001"], "batches": ["001"]},
        {"name": "tenth", "shards": [], "batches": []},
        {"name": "rest", "shards": ["002", "003"], "batches": ["002 003"]},
    ],
    "why": {
        "eu-base": "another settings",
        "eu-007": "another inventory",
        **{f"eu-{each}": "another program" for each in ("001", "002", "003")},
    },
    "gone": [],
}
NOTHING: dict[str, Any] = {**DUE, "base": None, "waves": [], "why": {}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "due.json").write_text(json.dumps(DUE))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["shards", *arguments])


def test_each_wave_is_a_line_in_the_order_in_which_they_begin_and_empty_ones_are_left_out() -> None:
    printed = run("waves")
    assert (printed.exit_code, printed.output) == (
        0,
        "base base\nedits 007\ncanary 001\nrest 002 003\n",
    )


def test_where_nothing_is_due_there_is_no_line(folder: Path) -> None:
    (folder / "other.json").write_text(json.dumps(NOTHING))
    printed = run("waves", "--due", "other.json")
    assert (printed.exit_code, printed.output) == (0, "")


def test_the_summary_tells_each_member_and_first_what_is_red_or_not_begun(folder: Path) -> None:
    (folder / ".shards").mkdir()
    for name, result in {"base": "green 5", "007": "green 9", "001": "red 61"}.items():
        (folder / ".shards" / f"{name}.result").write_text(f"{result}\n")
    printed = run("summary")
    assert printed.exit_code == 0
    assert printed.output == (
        "**eu: 2 of 5 members that were due are green.** red: eu-001. "
        "not begun: eu-002, eu-003.\n\n"
        "| stack | wave | why it was due | result | time |\n"
        "|---|---|---|---|---|\n"
        "| eu-base | base | another settings | green | 5 s |\n"
        "| eu-007 | edits | another inventory | green | 9 s |\n"
        "| eu-001 | canary | another program | red | 61 s |\n"
        "| eu-002 | rest | another program | not begun |  |\n"
        "| eu-003 | rest | another program | not begun |  |\n"
    )


def test_programs_get_both_as_json() -> None:
    assert json.loads(run("waves", "--json").output) == {
        "base": ["base"],
        **{each["name"]: each["shards"] for each in DUE["waves"]},
    }
    assert json.loads(run("summary", "--json").output)[2] == {
        "stack": "eu-001",
        "wave": "canary",
        "why": "another program",
        "result": "not begun",
    }


def test_a_stack_without_an_inventory_is_told_though_nothing_is_due(folder: Path) -> None:
    (folder / "due.json").write_text(json.dumps({**NOTHING, "gone": ["eu-009"]}))
    assert run("summary").output == (
        "**eu: nothing was due.** Without an inventory, and still deployed: eu-009.\n"
    )


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("", "the whole"),
        ("[]", "the whole"),
        (json.dumps({**DUE, "cell": "../eu"}), "cell"),
        (json.dumps({**DUE, "waves": [{"name": "rest", "shards": ["x; id"]}]}), "waves.0.shards.0"),
        (json.dumps({key: each for key, each in DUE.items() if key != "why"}), "why"),
    ],
)
@pytest.mark.parametrize("command", ["waves", "summary"])
def test_what_is_no_due_json_is_told_with_the_place(
    folder: Path, command: str, content: str, where: str
) -> None:
    (folder / "due.json").write_text(content)
    refused = run(command)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(
        f"due.json is not what `tenant-nats shards due --json` prints: {where}: "
    )
    assert refused.stderr.endswith("Make it anew, for example by `make due`.\n")


@pytest.mark.parametrize("result", ["", "green", "blue 5", "green 5 s", "red x"])
def test_a_result_that_nobody_wrote_whole_is_told(folder: Path, result: str) -> None:
    (folder / ".shards").mkdir()
    (folder / ".shards" / "001.result").write_text(result)
    refused = run("summary")
    assert refused.exit_code == 1
    assert refused.stderr == (
        ".shards/001.result is no result of `make shards`: expected `green` or `red` and seconds, "
        "for example: green 12\n"
    )


@pytest.mark.parametrize("command", ["waves", "summary"])
def test_a_missing_due_json_is_told(folder: Path, command: str) -> None:
    (folder / "due.json").unlink()
    refused = run(command)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("due.json cannot be read (")
