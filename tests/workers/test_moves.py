"""An integration moves between real servers under load; what the worker missed is counted."""

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

from controlplane import store
from controlplane.store import InstanceRow, TenantRows
from sandbox import database
from tests.controlplane.rows import by_hand, execute
from tests.nats.server import Server, free_port, planned, running
from tests.workers.account import Account, Circumstance, Move, visits
from tests.workers.conftest import Command, Platform
from tests.workers.program import PATIENCE, working
from tests.workers.publisher import Publisher, publish

LINGER = 1.0
MOVES = 6


def test_a_move_under_load_loses_nothing_for_a_worker_that_had_joined(
    command: Command,
    platform: Platform,
    servers: tuple[Server, Server],
    tmp_path: Path,
) -> None:
    urls = [server.url for server in servers]
    # One moves with the notification, mostly before the worker has joined. One moves in the middle
    # of the linger time. One moves when the worker has left, which is too late.
    prompt, late, too_late = [
        Publisher(name, rate, servers, urls[0])
        for name, rate in [("prompt", 1000), ("late", 500), ("too-late", 200)]
    ]
    moves = [Move(urls[0], 0)]
    with working(command, platform.dsn, tmp_path, linger=LINGER) as worker:
        worker.wait_for("joined", url=urls[0])
        began = time.monotonic()
        with prompt.running(), late.running(), too_late.running(), following(platform, prompt):
            for number in range(1, MOVES + 1):
                old, new = urls[(number - 1) % 2], urls[number % 2]
                since = len(worker.events)
                moves.append(Move(new, time.time()))
                platform.move(new)
                worker.wait_for("joined", since=since, url=new)
                time.sleep(LINGER / 2)  # not to wait for something: this is how late it is
                late.target = new
                worker.wait_for("left", since=since, url=old)
                time.sleep(0.05)
                too_late.target = new
            seconds = time.monotonic() - began
        assert worker.stop() == 0, worker.output()

    found = visits(worker.events)
    accounts = {
        publisher.name: Account.of(publisher.sent, worker.received, found, moves)
        for publisher in (prompt, late, too_late)
    }
    published = sum(account.published for account in accounts.values())
    lines = [f"{name}: {account}" for name, account in accounts.items()]
    print(f"{MOVES} moves, {published / seconds:.0f} messages/s", *lines, sep="\n  ")  # noqa: T201

    assert [visit.url for visit in found] == [move.url for move in moves]
    for visit, following_visit in pairwise(found):
        stayed = visit.leaving - following_visit.joined
        assert stayed >= LINGER - 0.05, "it leaves the old server after it has joined the new one"
    for account in accounts.values():
        assert account.lost[Circumstance.COVERED] == 0, account
        assert account.circumstances[Circumstance.COVERED] > 100, account
    assert [text for text, times in Counter(worker.received).items() if times > 1] == []
    assert published > 1000


def test_a_worker_has_left_an_instance_that_goes_before_its_row_does(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    staying, going = [server.url for server in servers]
    platform.move(going)
    publisher = Publisher("late", 500, servers, going)
    moves = [Move(going, 0)]
    one = TenantRows(
        tenant_id="acme",
        rows=(InstanceRow(1, staying.removeprefix("nats://"), "active"),),
        domain="",
    )
    with (
        working(command, platform.dsn, tmp_path, linger=LINGER) as worker,
        ThreadPoolExecutor() as pool,
    ):
        worker.wait_for("joined", url=going)
        with publisher.running():
            moves.append(Move(staying, time.time()))
            provisioner = database.provisioner(platform.dsn)
            shrunk = pool.submit(
                store.record, provisioner, one, managed=[1, 2], drain_seconds=10 * LINGER
            )
            worker.wait_for("joined", url=staying)
            publisher.target = staying
            shrunk.result()
            gone = time.time()
        assert worker.wait_for("left", url=going).time < gone
        assert worker.stop() == 0, worker.output()
    assert execute(platform.dsn, "SELECT instance_number, status FROM nats_instances") == [
        (1, "active")
    ]
    account = Account.of(publisher.sent, worker.received, visits(worker.events), moves)
    assert account.lost[Circumstance.COVERED] == 0, account
    assert account.circumstances[Circumstance.COVERED] > 100, account


@contextmanager
def following(platform: Platform, publisher: Publisher) -> Generator[None]:
    """Let a publisher move as soon as the database tells of the integration's move."""
    stopped, listening = threading.Event(), threading.Event()

    def follow() -> None:
        with psycopg.connect(platform.dsn, autocommit=True) as database:
            database.execute("LISTEN integration_moved")
            listening.set()
            while not stopped.is_set():
                if list(database.notifies(timeout=0.2, stop_after=1)):
                    rows = database.execute("SELECT url FROM integration_servers").fetchall()
                    [(publisher.target,)] = rows

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert listening.wait(PATIENCE)
        yield
    finally:
        stopped.set()
        thread.join()


def test_two_moves_within_the_linger_time_end_at_the_right_server(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    first, second = servers
    # Long, so that it is sure to be called back before it is over.
    with working(command, platform.dsn, tmp_path, linger=4 * LINGER) as worker:
        worker.wait_for("joined", url=first.url)
        platform.move(second.url)
        worker.wait_for("joined", url=second.url)
        since = len(worker.events)
        platform.move(first.url)
        worker.wait_for("joined", since=since, url=first.url)
        worker.wait_for("left", since=since, url=second.url)
        assert_is_only_at(first, second)
        left = {event.url for event in worker.events if event.name == "leaving"}
        assert left == {second.url}, "it has not left the server to which it came back"

        since = len(worker.events)
        for server in (second, first, second):  # without waiting for the worker
            platform.move(server.url)
        worker.wait_for("left", since=since, url=first.url)
        assert_is_only_at(second, first)
        publish(second, "orders", "conversions")  # of two subscriptions, so in either order
        assert worker.stop() == 0, worker.output()
    assert sorted(worker.received) == ["conversions", "orders"], "each has come once"


def test_many_moves_without_a_pause_end_at_the_last_server(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    first, second = servers
    with (
        running(planned().config, tmp_path) as last,
        working(command, platform.dsn, tmp_path, linger=0) as worker,
    ):
        platform.add(3, last.url.removeprefix("nats://"))
        worker.wait_for("joined", url=first.url)
        for server in (second, first) * 10:  # so that some come while it is leaving that server
            platform.move(server.url)
        platform.move(last.url)
        worker.wait_for("joined", url=last.url)
        assert_is_only_at(last, first, second)


def test_a_move_to_a_server_that_cannot_be_reached_leaves_the_worker_where_it_is(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    first, second = servers
    nowhere = platform.add(3, f"127.0.0.1:{free_port()}")
    with working(command, platform.dsn, tmp_path, linger=0) as worker:
        worker.wait_for("joined", url=first.url)
        platform.move(nowhere)
        worker.wait_for("error", url=nowhere)
        publish(first, "while there is no other")
        worker.wait_for_message("while there is no other")
        platform.move(second.url)
        worker.wait_for("joined", url=second.url)
        worker.wait_for("left", url=nowhere)
        worker.wait_for("left", url=first.url)
        assert_is_only_at(second, first)


def test_a_move_while_the_database_is_away_is_followed_when_it_is_back(
    command: Command,
    platform: Platform,
    postgres: str,
    servers: tuple[Server, Server],
    tmp_path: Path,
) -> None:
    first, second = servers
    with (
        working(command, platform.dsn, tmp_path) as worker,
        psycopg.connect(by_hand(platform.dsn), autocommit=True) as inside,
    ):
        worker.wait_for("joined", url=first.url)
        open_to_connections(postgres, inside.info.dbname, is_open=False)
        terminated = inside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        ).fetchall()
        assert terminated == [(True,)], "the worker has one connection"
        lost = worker.events.index(worker.wait_for("database-lost"))
        worker.wait_for("database-lost", since=lost + 1)  # and could not come back
        inside.execute(
            "UPDATE integrations SET nats_instance_id = %s", (platform.rows[second.url],)
        )
        publish(first, "meanwhile")
        worker.wait_for_message("meanwhile")
        assert "leaving" not in worker.names()
        open_to_connections(postgres, inside.info.dbname, is_open=True)
        worker.wait_for("joined", url=second.url)
        worker.wait_for("left", url=first.url)


def open_to_connections(postgres: str, name: str, *, is_open: bool) -> None:
    """Let nobody connect to a database, as if it were down, or let them again."""
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {is_open}")  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_an_integration_that_is_placed_later_is_served_from_then_on(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    platform.move(None)
    with working(command, platform.dsn, tmp_path) as worker:
        worker.wait_for("found", url=None)
        platform.move(servers[1].url)
        worker.wait_for("joined", url=servers[1].url)
        publish(servers[1], "at last")
        worker.wait_for_message("at last")


def test_another_tenants_integration_leads_to_no_server(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    with working(
        command, platform.dsn, tmp_path, tenant="globex", integration=platform.integration
    ) as worker:
        worker.wait_for("found", url=None)
        platform.move(servers[1].url)
        # Make it look once more, which it tells of.
        execute(
            platform.dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'",
        )
        worker.wait_for("found", since=worker.names().index("found") + 1, url=None)
        assert worker.stop() == 0
    assert set(worker.names()) == {"found", "database-lost"}


def assert_is_only_at(here: Server, *elsewhere: Server) -> None:
    """The worker has one connection and its two subscriptions here, and nothing elsewhere."""
    expected = [{"worker-acme-1": ["acme.convert.*", "acme.webhook.*"]}, *({} for _ in elsewhere)]
    deadline = time.monotonic() + PATIENCE
    while (found := [subscriptions(server) for server in (here, *elsewhere)]) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def subscriptions(server: Server) -> dict[str, list[str]]:
    """The subscriptions of each client of a server by the client's name."""
    url = f"http://127.0.0.1:{server.monitoring_port}/connz?subs=1"
    with urllib.request.urlopen(url, timeout=10) as answer:
        connections: list[dict[str, Any]] = json.load(answer)["connections"]
    # One that has not said yet who it is has no name.
    names = [connection.get("name", "") for connection in connections]
    if len(set(names)) != len(names):
        return {f"{len(names)} clients": names}
    return {
        each.get("name", ""): sorted(each.get("subscriptions_list", [])) for each in connections
    }
