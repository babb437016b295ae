"""What CI runs for a cell, by the Makefile: a shard that cannot become green, and the waves."""

import os
import subprocess

from sandbox.layout import PROJECT
from tests.e2e.cell import CELL, Cell, inventory


def make(cell: Cell, goal: str, **environment: str) -> tuple[int, str]:
    """Make a target as CI does; its exit code and its output."""
    answer = subprocess.run(
        ["make", "-f", PROJECT / "Makefile", "RUN=", goal], cwd=cell.any.folder,
        env={**os.environ, **cell.any.env, "CELL": CELL, **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    return answer.returncode, answer.stdout + answer.stderr


def table(said: str) -> list[list[str]]:
    """Stack, wave, reason and result, as the summary has them."""
    rows = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("| ")]
    return [row[:4] for row in rows[1:]]


def test_a_red_shard_is_red_alone_and_the_next_run_deploys_it_alone(cell: Cell) -> None:
    cell.configure({"readyTimeout": "15s"})
    cell.write("001", "acme")
    too_large = inventory("globex", "initech").replace(
        "globex: {size: small}", "globex: {size: huge}"
    )
    (cell.folder / "002.yaml").write_text(too_large)
    cell.write("003", "hooli")
    code, said = make(cell, "cell", PARALLEL="2")
    assert code != 0
    new = "never deployed as a whole"
    assert table(said) == [
        ["eu-base", "base", new, "green"],
        ["eu-001", "edits", new, "green"],
        ["eu-002", "edits", new, "red"],
        ["eu-003", "edits", new, "green"],
    ], said
    assert "**eu: 3 of 4 members that were due are green.** red: eu-002." in said
    active = [("acme", 1, "active"), ("hooli", 1, "active"), ("initech", 1, "active")]
    assert cell.any.rows() == active
    assert (
        "timed out waiting for the condition"
        in (cell.any.folder / ".shards" / "002.log").read_text()
    )
    files = {each.name for each in cell.any.folder.glob("Pulumi.*.yaml")}
    assert files == {f"Pulumi.{CELL}.yaml"}, "a member has the settings of its cell"

    cell.write("002", "globex", "initech")
    before = cell.identities()
    code, said = make(cell, "cell")
    assert code == 0, said
    assert table(said) == [["eu-002", "edits", new, "green"]]
    assert cell.any.rows() == sorted([*active, ("globex", 1, "active")])
    after = cell.identities()
    others = [name for name in before if "globex" not in name]
    assert {name: after[name] for name in others} == {name: before[name] for name in others}

    code, said = make(cell, "cell")
    assert (code, table(said)) == (0, []), said
    assert "**eu: nothing was due.**" in said


def test_other_settings_go_to_one_shard_first_and_stop_there_if_it_is_red(cell: Cell) -> None:
    shards = {"001": "acme", "002": "globex", "003": "hooli"}
    cell.configure({"readyTimeout": "15s"})
    for shard, tenant in shards.items():
        cell.write(shard, tenant)
    cell.up("base", *shards)
    before = cell.identities()

    cell.configure({"pod": {"nodeSelector": {"pool": "elsewhere"}}})
    code, said = make(cell, "cell", PARALLEL="2")
    assert code != 0
    assert [[stack, wave, result] for stack, wave, _, result in table(said)] == [
        ["eu-base", "base", "green"],
        ["eu-001", "canary", "red"],
        ["eu-002", "tenth", "not begun"],
        ["eu-003", "rest", "not begun"],
    ], said
    assert touched(before, cell.identities()) == {"acme"}

    cell.configure({"pod": None})
    code, said = make(cell, "cell")
    assert code == 0, said
    assert [row[0] for row in table(said)] == ["eu-base", "eu-001"], (
        "the others have these settings"
    )
    assert touched(before, cell.identities()) == {"acme"}

    cell.configure({"pod": {"annotations": {"example.com/edit": "2"}}})
    code, said = make(cell, "cell", PARALLEL="2")
    assert code == 0, said
    assert {row[3] for row in table(said)} == {"green"}
    assert touched(before, cell.identities()) == {*shards.values()}
    ended = {each: (cell.any.folder / ".shards" / f"{each}.log").stat().st_mtime for each in shards}
    assert ended["001"] < ended["002"] < ended["003"]
    assert cell.due() == []


def touched(before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]) -> set[str]:
    """The tenants of the Deployments that are others than before."""
    return {
        name.split("-")[1]
        for name in before
        if name.startswith("Deployment/") and before[name] != after[name]
    }
