"""The primary is gone in the middle of an `up`, and its standby is promoted: two real servers."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from controlplane import records, store
from controlplane.connection import ControlPlaneError, UnreachableError
from controlplane.reader import take_snapshot
from tests.controlplane.rows import DOMAIN, ONE, TWO
from tests.controlplane.servers import Server
from tests.controlplane.test_records import configured, inputs, outputs
from tests.waiting import wait_until

ROWS = "SELECT tenant_id, instance_number, status FROM nats_instances ORDER BY 1, 2"
PLACED = (
    "SELECT instance_number, count(*) FROM integrations g JOIN nats_instances i "
    "ON i.id = nats_instance_id GROUP BY 1"
)


@dataclass
class Pair:
    """A primary, and a standby that has all that the primary has committed."""

    primary: Server
    standby: Server

    @property
    def dsn(self) -> str:
        """The provisioner's, at whichever of the two takes writes."""
        return make_conninfo(
            host="127.0.0.1,127.0.0.1",
            port=f"{self.primary.port},{self.standby.port}",
            user="provisioner",
            dbname="platform",
            target_session_attrs="read-write",
        )

    def fail_over(self, *, after: float = 0) -> None:
        """Take the primary away; after some seconds without any the standby takes its place."""
        self.primary.stop()
        time.sleep(after)
        self.standby.promote()


@pytest.fixture
def pair(postgres: str, shared: Path, worker_id: str, tmp_path: Path) -> Generator[Pair]:
    del postgres  # the first server lets others run the wheel's programs
    folder = shared / f"pair-{worker_id}-{tmp_path.name}"
    folder.mkdir(mode=0o755)
    primary, standby = Server(folder / "1"), Server(folder / "2")
    primary.make()
    with primary.running():
        primary.prepare()
        standby.copy(primary)
        with standby.running():
            # A commit waits until the standby has it, so that nothing that was reported is lost.
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
            yield Pair(primary, standby)


def test_an_up_goes_on_at_the_new_primary_and_no_row_is_lost_or_there_twice(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Less than the drain: only the outage counts.
    monkeypatch.setattr(records, "_FAILOVER_SECONDS", 4)
    provider = configured(pair.dsn)
    provider.create(inputs(ONE, TWO))
    pair.primary.execute(
        "INSERT INTO integrations (tenant_id, nats_instance_id) "
        "SELECT tenant_id, id FROM nats_instances, generate_series(1, 3)"
    )
    with ThreadPoolExecutor() as pool:
        # Instance 2 drains: its integrations have moved in one transaction, and another one is to
        # retire its row.
        shrinking = pool.submit(
            provider.update, "acme", outputs(ONE, TWO), inputs(ONE, drain_seconds=5.0)
        )
        drains = ("acme", 2, "draining")
        wait_until(lambda: drains in pair.primary.execute(ROWS))
        pair.fail_over(after=5)
        assert shrinking.result(60).outs == outputs(ONE)
    assert pair.standby.execute(ROWS) == [("acme", 1, "active")]
    assert pair.standby.execute(PLACED) == [(1, 6)]


def test_a_primary_that_ends_in_the_middle_of_a_transaction_rolls_it_back(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = configured(pair.dsn)
    once(monkeypatch, pair.fail_over)
    assert provider.create(inputs(ONE, TWO)).outs == outputs(ONE, TWO)
    assert pair.standby.execute(ROWS) == [("acme", 1, "active"), ("acme", 2, "active")]


def once(monkeypatch: pytest.MonkeyPatch, happen: Callable[[], None]) -> None:
    """Let something happen after the rows are inserted, and before they are committed."""
    insert = store._insert  # pyright: ignore[reportPrivateUsage]

    def inserted(*arguments: object) -> None:
        insert(*arguments)  # pyright: ignore[reportArgumentType]
        monkeypatch.setattr(store, "_insert", insert)
        happen()

    monkeypatch.setattr(store, "_insert", inserted)


def test_without_a_new_primary_the_operation_fails_in_one_line_and_the_next_up_repairs(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_FAILOVER_SECONDS", 2)
    provider = configured(pair.dsn)
    once(monkeypatch, pair.primary.stop)
    began = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        provider.create(inputs(ONE, TWO))
    assert len(str(caught.value).splitlines()) == 1
    assert 2 <= time.monotonic() - began < 20
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        provider.create({**inputs(ONE), "tenant_id": "globex"})
    assert time.monotonic() - began < 2, "one has waited in vain for all"
    pair.standby.promote()
    assert provider.create(inputs(ONE, TWO)).outs == outputs(ONE, TWO)
    assert pair.standby.execute(ROWS) == [("acme", 1, "active"), ("acme", 2, "active")]


def test_a_standby_alone_is_told_as_what_it_is(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_FAILOVER_SECONDS", 0)
    dsn = make_conninfo(
        host="127.0.0.1", port=pair.standby.port, user="provisioner", dbname="platform"
    )
    assert take_snapshot(dsn).instances == (), "whoever only reads may ask a standby"
    with pytest.raises(ControlPlaneError, match=r"takes no writes .* it is a standby. Name the pr"):
        configured(dsn).create(inputs(ONE))
    assert store.rows_of(dsn, "acme", [1], domain=DOMAIN) == []
