"""A worker at its server: through a restart, to its own end, and with servers that are slow."""

import signal
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from controlplane.store import InstanceRow
from sandbox import database
from tests.controlplane.rows import insert
from tests.nats.server import Server, free_port
from tests.workers.conftest import Command, Platform
from tests.workers.program import Worker, working
from tests.workers.publisher import publish


def test_after_its_server_was_restarted_the_worker_receives_again(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    server, _ = servers
    with working(command, platform.dsn, tmp_path) as worker:
        worker.wait_for("joined", url=server.url)
        server.restart()
        worker.wait_for("disconnected", url=server.url)
        worker.wait_for("reconnected", url=server.url)
        publish(server, "after the restart")
        worker.wait_for_message("after the restart")


def test_a_worker_that_is_stopped_first_handles_what_it_was_sent(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    server, _ = servers
    sent = [f"message {number}" for number in range(10_000)]
    with working(command, platform.dsn, tmp_path) as worker:
        worker.wait_for("joined", url=server.url)
        worker.process.send_signal(signal.SIGSTOP)  # so that it has all of it still to read
        publish(server, *sent)
        worker.process.send_signal(signal.SIGTERM)
        worker.process.send_signal(signal.SIGCONT)
        assert worker.wait() == 0, worker.output()
    assert sorted(worker.received) == sorted(sent)
    assert worker.names()[-2:] == ["leaving", "left"]


def test_a_worker_that_reaches_nothing_stops_as_well_and_tells_no_password(
    command: Command, tmp_path: Path
) -> None:
    dsn = f"postgresql://worker:s3cr3t@127.0.0.1:{free_port()}/platform"
    with working(command, dsn, tmp_path) as worker:
        worker.wait_for("database-lost")
        worker.wait_for("database-lost", since=1)
        assert worker.stop() == 0, worker.output()
    assert "s3cr3t" not in worker.output()
    assert "postgresql:" not in worker.output()


def test_workers_come_back_to_the_database_each_at_a_time_of_its_own(
    command: Command, tmp_path: Path
) -> None:
    dsn = f"postgresql://worker@127.0.0.1:{free_port()}/platform"
    with working(command, dsn, tmp_path) as one, working(command, dsn, tmp_path) as other:
        waits = [
            [worker.wait_for("database-lost", since=since).facts["wait"] for since in range(4)]
            for worker in (one, other)
        ]
    for each in waits:
        assert all(0 <= wait <= most for wait, most in zip(each, MOST, strict=True)), waits
    assert waits[0] != waits[1]


def test_workers_come_back_to_their_server_each_at_a_time_of_its_own(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    server, _ = servers
    with (
        working(command, platform.dsn, tmp_path) as one,
        working(command, platform.dsn, tmp_path) as other,
    ):
        for worker in (one, other):
            worker.wait_for("joined", url=server.url)
        server.process.terminate()
        waits = [waits_for(worker, server.url) for worker in (one, other)]
    for each in waits:
        assert all(wait <= most + 1 for wait, most in zip(each, MOST, strict=True)), waits
    assert any(abs(a - b) > 0.03 for a, b in zip(*waits, strict=True)), waits


MOST = (0.5, 1, 2, 4)
"""Seconds; the longest waits before the first attempts."""


def waits_for(worker: Worker, url: str) -> list[float]:
    """How long a worker waits before each of its first attempts to reach a server that is gone."""
    last = worker.wait_for("disconnected", url=url)
    waits: list[float] = []
    while len(waits) < len(MOST):
        event = worker.wait_for("error", since=worker.events.index(last) + 1, url=url)
        if "refused" in event.facts["error"].lower():
            waits.append(event.time - last.time)
        last = event
        assert len(worker.events) < 50, worker.output()
    return waits


def test_a_connection_string_that_cannot_be_read_is_not_repeated(
    command: Command, tmp_path: Path
) -> None:
    with working(command, "s3cr3t@db.example.com", tmp_path) as worker:
        assert worker.wait() == 1
    assert worker.output().strip() == (
        "DATABASE_URL is missing or is not a Postgres connection string."
    )


def test_a_worker_has_joined_when_the_server_has_its_subscriptions(
    command: Command, dsn: str, tmp_path: Path
) -> None:
    with slow_server(seconds=0.5) as server:
        insert(dsn, "acme", InstanceRow(1, f"127.0.0.1:{server.port}", "active"), integrations=1)
        with working(command, database.worker(dsn), tmp_path) as worker:
            joined = worker.wait_for("joined")
            assert server.answered is not None
            assert joined.time >= server.answered


def test_a_worker_hears_a_server_that_has_answered_too_late(
    command: Command, dsn: str, tmp_path: Path
) -> None:
    with slow_server(seconds=5.5) as server:
        insert(dsn, "acme", InstanceRow(1, f"127.0.0.1:{server.port}", "active"), integrations=1)
        with working(command, database.worker(dsn), tmp_path) as worker:
            worker.wait_for("joined")
            server.send(b"still heard")
            worker.wait_for_message("still heard")


class SlowServer:
    """As much of a NATS server as a worker needs. Once, it is slow to answer a PING."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """How long after the subscriptions it answers the first client."""
        self.answered: float | None = None
        """When it has first answered a PING that came after both subscriptions."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def send(self, text: bytes) -> None:
        """Send a message to the client that has come last."""
        self._clients[-1].sendall(b"MSG acme.webhook.orders 1 %d\r\n%b\r\n" % (len(text), text))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        self._thread.join()

    def _accept(self) -> None:
        threads: list[threading.Thread] = []
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                threads.append(threading.Thread(target=self._serve, args=(client,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        is_slow = len(self._clients) == 1
        subscribed = 0
        with suppress(OSError), client.makefile("rb") as lines:
            client.sendall(b'INFO {"server_id":"slow","version":"2.15.1","max_payload":1000}\r\n')
            for line in lines:
                subscribed += line.startswith(b"SUB ")
                if line != b"PING\r\n":
                    continue
                if subscribed and is_slow:
                    time.sleep(self.seconds)
                    is_slow = False
                if subscribed == 2 and self.answered is None:
                    self.answered = time.time()
                client.sendall(b"PONG\r\n")


@contextmanager
def slow_server(seconds: float) -> Generator[SlowServer]:
    """Run a slow server."""
    server = SlowServer(seconds)
    try:
        yield server
    finally:
        server.close()
