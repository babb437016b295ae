"""The engine of one shard is killed while those of the others run.

The others finish, and `tenant-nats recover` of that shard and its `up` put right what the engine
left. tests/e2e/test_interrupted.py has what a killed engine leaves.
"""

import random
import time

import pytest

from tests.e2e.cell import Cell, inventory
from tests.e2e.comparison import compare
from tests.sweeps import swept
from tests.waiting import wait_until

SHARDS = {
    "001": ("acme", "globex", "hooli"),
    "002": ("initech", "massive", "stark", "umbrella"),
    "003": ("vandelay", "wayne", "wonka"),
}
KILLED = "002"


@pytest.mark.sweep
@pytest.mark.parametrize("early", [False, True], ids=["recovered later", "recovered meanwhile"])
@pytest.mark.parametrize("moment", swept(range(10), 1))
def test_a_shard_that_is_killed_holds_up_no_other_and_leaves_no_orphan(
    cell: Cell, moment: int, early: bool, drawn: random.Random
) -> None:
    for shard, tenants in SHARDS.items():
        cell.write(shard, *tenants)
    # A server that never becomes ready, so that the `up` goes on until it is killed.
    endless = inventory(*SHARDS[KILLED]).replace("massive: {size: small}", "massive: {size: huge}")
    (cell.folder / f"{KILLED}.yaml").write_text(endless)
    cell.up("base")
    members = {shard: cell.member(shard) for shard in SHARDS}
    killed = members[KILLED]
    # Five of each tenant, and the reading of the closing policy; of `massive` less two, no mark.
    most = 5 * len(SHARDS[KILLED]) + 1 - 2
    share = (moment + drawn.random()) / 10
    written = killed.written()
    engines = {KILLED: killed.begin_up()}
    # Those of the others begin as soon as this one works, and so they all run when it is killed.
    wait_until(lambda: engines[KILLED].poll() is not None or killed.written() != written)
    engines |= {shard: members[shard].begin_up() for shard in SHARDS if shard != KILLED}
    wait_until(lambda: engines[KILLED].poll() is not None or len(killed.recorded()) >= share * most)
    time.sleep(drawn.uniform(0, 0.3))
    for shard, engine in engines.items():
        assert engine.poll() is None, members[shard].said()
    engines[KILLED].kill()
    engines[KILLED].wait()

    def recover() -> None:
        code, said = killed.recover()
        assert code == 0, said

    if early:
        recover()
    for shard in SHARDS.keys() - {KILLED}:
        assert engines[shard].wait() == 0, members[shard].said()
    if not early:
        recover()
    wait_until(lambda: killed.processes() == [])

    cell.write(KILLED, *SHARDS[KILLED])
    cell.up(KILLED)
    found = compare(cell, ("base", *SHARDS))
    assert found.is_clean, found
    tenants = sorted(tenant for each in SHARDS.values() for tenant in each)
    assert sorted(cell.any.rows()) == [(tenant, 1, "active") for tenant in tenants]
    for member in members.values():
        again = member.up()
        assert not again.failed, again.output
        assert again.changes == []
