"""Publishers that know of each message when it was published, and that the server has routed it.

They speak the protocol themselves. A client library would do so with less candour: the PING of
nats-py's `flush` overtakes what was published before it.
"""

import itertools
import socket
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.nats.server import Server

SUBJECTS = itertools.cycle(["acme.webhook.orders", "acme.convert.orders"])


@dataclass(frozen=True)
class Sent:
    """A message that a server has routed."""

    text: str
    url: str
    before: float
    """Wall-clock time before it was published."""
    after: float
    """Wall-clock time after the server has said that it has routed it."""


class Connection:
    """A connection of a publisher to one server."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self._socket = socket.create_connection(("127.0.0.1", server.client_port), timeout=10)
        self._lines = self._socket.makefile("rb")
        self._socket.sendall(b'CONNECT {"verbose":false}\r\n')

    def publish(self, texts: Sequence[str]) -> list[Sent]:
        """Publish, and return when the server has routed it all."""
        before = time.time()
        parts = [
            f"PUB {subject} {len(text)}\r\n{text}\r\n"
            for subject, text in zip(SUBJECTS, texts, strict=False)
        ]
        self._socket.sendall("".join([*parts, "PING\r\n"]).encode())
        while (line := self._lines.readline()) != b"PONG\r\n":
            assert line, f"{self.url} has closed the connection"
            if line == b"PING\r\n":  # the server measures the round trip
                self._socket.sendall(b"PONG\r\n")
        after = time.time()
        return [Sent(text, self.url, before, after) for text in texts]

    def close(self) -> None:
        """Close it."""
        self._lines.close()
        self._socket.close()


def publish(server: Server, *texts: str) -> None:
    """Publish on a connection for this one time."""
    connection = Connection(server)
    connection.publish(texts)
    connection.close()


class Publisher:
    """Publishes so many messages a second at the server that it is told to, until it is stopped."""

    def __init__(self, name: str, rate: int, servers: Sequence[Server], target: str) -> None:
        self.name, self.rate = name, rate
        self.target = target
        """The URL of the server; read anew for each few messages."""
        self.sent: list[Sent] = []
        self.failure: BaseException | None = None
        self._servers = servers
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def running(self) -> Generator["Publisher"]:
        """Publish while the context lasts."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            self._thread.join()
        assert self.failure is None, self.failure

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                connections: dict[str, Connection] = {}
                for server in self._servers:
                    connections[server.url] = Connection(server)
                    stack.callback(connections[server.url].close)
                began, number = time.monotonic(), 0
                while not self._stopped.wait(0.004):
                    due = int((time.monotonic() - began) * self.rate)
                    # Few at a time, so that what a move finds halfway is little.
                    while number < due and not self._stopped.is_set():
                        texts = [f"{self.name}-{n}" for n in range(number, min(number + 10, due))]
                        self.sent += connections[self.target].publish(texts)
                        number += len(texts)
        except BaseException as error:  # handed to the thread that asked for it
            self.failure = error
