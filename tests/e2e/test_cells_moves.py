"""Moves between the shards of a cell: nothing restarts, and the same call finishes what stopped."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.e2e.cell import CELL, Cell, inventory
from tests.sweeps import swept
from tests.waiting import wait_until


def deployed(cell: Cell) -> dict[str, tuple[str, int]]:
    """A base and two shards; what their tenants have."""
    cell.write("001", "acme", "globex", "initech")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    assert cell.due() == []
    before = cell.identities()
    assert len(before) == 4 * len(("ConfigMap", "Deployment", "Service", "NetworkPolicy"))
    return before


def check_settled(cell: Cell, before: dict[str, tuple[str, int]], **shards: set[str]) -> None:
    """An `up` of each shard changes its mark alone; each tenant is in one state, and as it was."""
    names = [name.removeprefix("s") for name in shards]
    for name in names:
        run = cell.member(name).up()
        assert not run.failed, run.output
        assert run.changed <= {
            f"update ConfigMap {name}-mark",
            f"create ConfigMap {name}-mark",
            f"create Mark {name}",
            f"create ConfigMap tenant-nats-begun-{name}",
            f"replace ConfigMap tenant-nats-begun-{name}",
            "update pulumi-python default",
        }, run.output
    assert cell.identities() == before
    assert cell.states(*names) == list(shards.values())
    assert cell.due() == []
    assert [file.name for file in cell.any.folder.glob("Pulumi.*.yaml")] == [f"Pulumi.{CELL}.yaml"]
    assert len(cell.any.rows()) == sum(map(len, shards.values()))


def test_a_move_restarts_nothing(cell: Cell) -> None:
    before = deployed(cell)
    code, said = cell.shards("move", "acme", "globex", "002")
    assert (code, said) == (
        0,
        "acme, globex: inventory/eu/001.yaml → inventory/eu/002.yaml.\n"
        "State of acme, globex: eu-001 → eu-002.\n"
        "Commit the inventories, and deploy the shards that are due.\n",
    )
    assert cell.due() == ["eu-001", "eu-002"]
    check_settled(cell, before, s001={"initech"}, s002={"acme", "globex", "hooli"})


def test_a_move_can_be_run_again(cell: Cell) -> None:
    before = deployed(cell)
    assert cell.shards("move", "acme", "002")[0] == 0
    code, said = cell.shards("move", "acme", "002")
    assert (code, said) == (0, "Commit the inventories, and deploy the shards that are due.\n")
    check_settled(cell, before, s001={"globex", "initech"}, s002={"acme", "hooli"})


def test_a_split_restarts_nothing_and_makes_a_stack(cell: Cell) -> None:
    before = deployed(cell)
    code, said = cell.shards("split", "001")
    assert code == 0, said
    assert "globex, initech: inventory/eu/001.yaml → inventory/eu/003.yaml." in said
    assert "State of globex, initech: eu-001 → eu-003." in said
    assert sorted(each.name for each in cell.any.folder.glob("Pulumi.*.yaml")) == ["Pulumi.eu.yaml"]
    cell.know("003")
    check_settled(cell, before, s001={"acme"}, s002={"hooli"}, s003={"globex", "initech"})


def test_a_merge_restarts_nothing_and_says_how_to_remove_the_empty_stack(cell: Cell) -> None:
    before = deployed(cell)
    code, said = cell.shards("merge", "002", "001")
    assert code == 0, said
    assert "hooli: inventory/eu/002.yaml → inventory/eu/001.yaml." in said
    assert f"pulumi destroy --stack {CELL}-002 --config-file Pulumi.{CELL}.yaml" in said
    assert not (cell.folder / "002.yaml").exists()
    empty = cell.member("002").destroy()
    assert not empty.failed, empty.output
    assert "delete ConfigMap 002-mark" in empty.changed
    assert "NetworkPolicy/tenant-nats-closed" in cell.any.names(), "only read, so only forgotten"
    check_settled(cell, before, s001={"acme", "globex", "hooli", "initech"})


Interrupt = Callable[[Cell], None]


def with_the_target_written(cell: Cell) -> None:
    cell.write("002", "hooli", "acme")


def with_both_files_written(cell: Cell) -> None:
    cell.write("002", "hooli", "acme")
    cell.write("001", "globex", "initech")


def with_the_targets_state_written(cell: Cell) -> None:
    unmoved = cell.member("001").pulumi("stack", "export")
    code, said = cell.shards("move", "acme", "002")
    assert code == 0, said
    cell.member("001").pulumi("stack", "import", stdin=unmoved)


@pytest.mark.parametrize(
    ("interrupt", "failing"),
    [
        (with_the_target_written, {"002"}),
        (with_both_files_written, {"001", "002"}),
        (with_the_targets_state_written, {"001"}),
    ],
)
@pytest.mark.parametrize("finish", ["move acme 002", "settle"])
def test_an_interrupted_move_harms_nothing_and_is_finished(
    cell: Cell, interrupt: Interrupt, failing: set[str], finish: str
) -> None:
    """`failing` are the shards whose `up` fails until then."""
    before = deployed(cell)
    interrupt(cell)
    if finish == "settle" and interrupt is with_the_target_written:
        code, said = cell.shards("settle")
        assert code == 1
        assert "acme is in inventory/eu/001.yaml and in inventory/eu/002.yaml" in said
        finish = "move acme 002"
    for _ in range(2):  # what the first one leaves in a state gives the second no right to more
        ups = {name: cell.member(name).up() for name in ("001", "002")}
        assert {name for name, run in ups.items() if run.failed} == failing
        assert cell.identities() == before
    code, said = cell.shards(*finish.split())
    assert code == 0, said
    check_settled(cell, before, s001={"globex", "initech"}, s002={"acme", "hooli"})


COMMANDS = {
    "move acme globex 002": {"s001": {"initech"}, "s002": {"acme", "globex", "hooli"}},
    "split 001": {"s001": {"acme"}, "s002": {"hooli"}, "s003": {"globex", "initech"}},
    "merge 002 001": {"s001": {"acme", "globex", "hooli", "initech"}, "s002": set[str]()},
}
"""What each makes of `deployed`."""
KILLS = [
    case for command in COMMANDS for case in swept([(command, written) for written in range(5)], 1)
]
"""Each is killed when it has written so many inventories and states; it writes three or four."""


@pytest.mark.sweep
@pytest.mark.parametrize(("command", "written"), KILLS)
def test_a_command_that_is_killed_is_finished_by_the_same_one(
    cell: Cell, command: str, written: int, drawn: random.Random
) -> None:
    before = deployed(cell)
    found = files(cell)
    running = cell.any.begin_operations("shards", *command.split())
    wait_until(lambda: running.poll() is not None or len(files(cell) - found) >= written)
    time.sleep(drawn.uniform(0, 0.5))
    with suppress(ProcessLookupError):  # it was sooner
        os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() in (0, -signal.SIGKILL)
    if running.returncode != 0:
        again = f"{command} --new 003" if (cell.folder / "003.yaml").exists() else command
        code, said = cell.shards(*again.split())
        assert code == 0, said
    names = [name.removeprefix("s") for name in COMMANDS[command]]
    for name in names:
        cell.know(name)
    assert cell.states(*names) == list(COMMANDS[command].values())
    there = {name: tenants for name, tenants in COMMANDS[command].items() if tenants}
    for name in there:  # it may have died when only its lock was left to remove
        code, said = cell.member(name.removeprefix("s")).recover()
        assert code == 0, said
    check_settled(cell, before, **there)


def files(cell: Cell) -> set[tuple[str, int]]:
    """The inventories and states of the cell, each with when it was written."""
    found = set[tuple[str, int]]()
    for file in (*cell.folder.glob("*.yaml"), *cell.any.state.glob(".pulumi/stacks/*/*.json")):
        with suppress(FileNotFoundError):  # a merge removes one
            found.add((file.name, file.stat().st_mtime_ns))
    return found


def test_an_interrupted_split_is_finished_and_not_repeated(cell: Cell) -> None:
    before = deployed(cell)
    cell.write("003", "globex", "initech")
    code, said = cell.shards("split", "001")
    assert code == 0, said
    cell.know("003")
    unmoved = cell.member("003").pulumi("stack", "export")
    assert "nats-globex-1" in unmoved
    code, said = cell.shards("split", "001", "--new", "003")
    assert (code, "inventory/eu/003.yaml is there already. Nothing was left" in said) == (0, True)
    check_settled(cell, before, s001={"acme"}, s002={"hooli"}, s003={"globex", "initech"})


def test_an_interrupted_merge_is_finished_and_never_destroys(cell: Cell) -> None:
    before = deployed(cell)
    cell.write("001", "acme", "globex", "initech", "hooli")
    (cell.folder / "002.yaml").unlink()
    code, said = cell.shards("settle")
    assert (code, "State of hooli: eu-002 → eu-001." in said) == (0, True), said
    cell.write("001", "acme", "globex", "initech")
    cell.write("004", "hooli")
    code, said = cell.shards("settle")
    assert code == 0, said
    (cell.folder / "004.yaml").unlink()
    code, said = cell.shards("merge", "004", "001")
    assert code == 1
    assert "eu-004 still has hooli, and no inventory has this tenant" in said
    assert "pulumi destroy" not in said
    cell.write("004", "hooli")
    cell.know("004")
    check_settled(cell, before, s001={"acme", "globex", "initech"}, s004={"hooli"})


def test_shards_with_different_settings_are_deployed_before_a_move(cell: Cell) -> None:
    before = deployed(cell)
    cell.configure({"readyTimeout": "2m"})
    cell.up("002")
    code, said = cell.shards("move", "acme", "002")
    assert code == 1
    assert "were last deployed with different settings" in said
    assert (cell.folder / "001.yaml").read_text() == inventory("acme", "globex", "initech")
    cell.up("base", "001")
    assert cell.shards("move", "acme", "002")[0] == 0
    check_settled(cell, before, s001={"globex", "initech"}, s002={"acme", "hooli"})


def test_a_shard_that_was_interrupted_is_recovered_before_a_move(cell: Cell) -> None:
    before = deployed(cell)

    def interrupt(latest: dict[str, object]) -> None:
        latest["pending_operations"] = [{"resource": latest["resources"][-1], "type": "updating"}]  # pyright: ignore

    cell.member("001").edit_state(interrupt)
    code, said = cell.shards("move", "acme", "002")
    assert code == 1
    assert "eu-001 has 1 pending operation. Its `up` runs: wait until it ends. Or it was" in said
    assert "run `tenant-nats recover --stack eu-001` first" in said
    assert (cell.folder / "001.yaml").read_text() == inventory("acme", "globex", "initech")
    code, said = cell.member("001").recover()
    assert code == 0, said
    assert cell.shards("move", "acme", "002")[0] == 0
    check_settled(cell, before, s001={"globex", "initech"}, s002={"acme", "hooli"})


@pytest.mark.parametrize("locked", ["001", "002"])
def test_the_lock_of_a_dead_engine_is_removed_by_a_move(cell: Cell, locked: str) -> None:
    before = deployed(cell)
    lock = cell.member(locked).lock()
    code, said = cell.shards("move", "acme", "002")
    assert code == 0, said
    assert "The lock of a dead engine is removed" in said
    assert not lock.exists()
    check_settled(cell, before, s001={"globex", "initech"}, s002={"acme", "hooli"})


def test_a_lock_of_another_machine_holds_up_its_own_shard_only(cell: Cell) -> None:
    deployed(cell)
    cell.write("003", "vandelay")
    cell.up("003")
    before = cell.identities()
    lock = cell.member("002").lock(pid=1, username="ci", hostname="another-machine")
    code, said = cell.shards("move", "acme", "002")
    assert (code, said) == (
        1,
        "eu-002 is locked by pid 1 of ci on another-machine. Whether that engine runs cannot be "
        "seen from here. Wait until it ends; if it is dead, run `tenant-nats recover --stack "
        "eu-002 --engine-is-dead`, whatever else that says. Then run this again.\n",
    )
    assert (cell.folder / "001.yaml").read_text() == inventory("acme", "globex", "initech")
    cell.write("001", "globex")
    cell.write("002", "acme", "hooli")
    cell.write("003", "initech", "vandelay")
    code, said = cell.shards("settle")
    assert (code, "State of initech: eu-001 → eu-003." in said) == (1, True), said
    assert "eu-002 is locked by" in said
    cell.member("002").recover("--engine-is-dead")
    assert not lock.exists()
    code, said = cell.shards("settle")
    assert (code, "State of acme: eu-001 → eu-002." in said) == (0, True), said
    check_settled(
        cell, before, s001={"globex"}, s002={"acme", "hooli"}, s003={"initech", "vandelay"}
    )


def test_a_tenant_that_no_inventory_has_is_named(cell: Cell) -> None:
    deployed(cell)
    cell.write("001", "acme", "initech")
    assert cell.shards("settle") == (
        0,
        "eu-001 has globex, in no inventory. Its next `up` removes it, but refuses while a row is "
        "live.\n"
        "Each tenant is in the state of its own shard.\n",
    )


def test_one_stack_becomes_a_cell_without_a_restart(cell: Cell) -> None:
    """As docs/scale.md says it."""
    one = cell.alone()
    tenants = ("acme", "globex", "hooli", "initech", "initrode", "umbrella")
    one.write(inventory(*tenants))
    run = one.up()
    assert not run.failed, run.output
    before = cell.identities()
    cell.become_a_cell()
    assert cell.identities() == before
    for command in (("split", "001"), ("split", "002", "--new", "003")):
        code, said = cell.shards(*command)
        assert code == 0, said
    for name in ("001", "002", "003"):
        cell.know(name)
    run = cell.base.up()
    assert not run.failed, run.output
    assert run.changed == {
        "create ConfigMap base-mark",
        "create Keeper keeper",
        "create Mark base",
        "update pulumi-python default",
        f"update NetworkPolicy {cell.namespace}-closed",  # the state learns of the annotation
    }
    check_settled(
        cell, before,
        s001={"acme", "globex", "hooli"}, s002={"initech"}, s003={"initrode", "umbrella"},
    )  # fmt: skip
    assert cell.base.destroy().failed
