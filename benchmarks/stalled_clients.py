"""`python -m benchmarks.stalled_clients`: the memory of a server whose clients stall.

Each row is a server of its own. Its clients subscribe and read nothing, and may have begun to send
a message; then a publisher sends messages of the largest size until all of them are cut off, four
times. Columns: the memory limit of the size, its maxPayload, maxConnections and maxPending; the
most memory that the server used (RSS), and what the kernel held for it in sockets, which counts as
the container's; both as a share of the limit; and how many clients were cut off. The size of the
third row admits more clients than its memory holds, as `check` says; for the last one nats-server
has its default, 64MB.
"""

import re
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tenancy.inventory.types import in_bytes
from tenancy.plan.plan import InstancePlan
from tests.nats.server import Server, planned, running

MOST_MESSAGES = 80
"""Enough to fill any max_pending: it is at most 64MB, or a few messages."""
_SIZES = (
    ("64Mi", "1MB", 5),
    ("256Mi", "1MB", 20),
    ("256Mi", "512KB", 200),
    ("1Gi", "8MB", 25),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a server and its clients."""

    peak: int
    """The most memory that the server has used at a time, in bytes."""
    sockets: int
    """The most bytes that waited in the kernel at a time."""
    cut_off: int
    """How many clients it has cut off as slow consumers."""


def main() -> None:
    """Print the table; takes half a minute, and about 1.5 GiB of memory."""
    print(
        f"{'limit':>6} {'payload':>8} {'clients':>8} {'pending':>8} {'peak':>9} {'sockets':>9} "
        f"{'share':>6}  cut"
    )
    for memory, payload, connections in _SIZES:
        plan = size(memory, payload, connections)
        _print(memory, payload, connections, _setting(plan.config, "max_pending"), stalled(plan))
    memory, payload, connections = _SIZES[1]
    plan = size(memory, payload, connections)
    _print(memory, payload, connections, "none", stalled(plan, config=without_limit(plan.config)))


def size(memory: str, payload: str, connections: int) -> InstancePlan:
    """A server of such a size, with the `maxPending` that follows."""
    resources = {"cpu": "1", "memory": memory}
    return planned(
        requests=resources, limits=resources, max_payload=payload, max_connections=connections
    )


def without_limit(config: str) -> str:
    """The configuration with what nats-server allows by default to wait for a client."""
    return re.sub(r"^max_pending: .*\n", "", config, flags=re.MULTILINE)


def stalled(
    plan: InstancePlan,
    *,
    config: str | None = None,
    waves: int = 4,
    messages: int = MOST_MESSAGES,
) -> Outcome:
    """Stall all clients that the server of `plan` admits but one, which publishes.

    Args:
        plan: of the server.
        config: another configuration than the plan's.
        waves: how often they come back after they were cut off.
        messages: how many of the largest size are published in each wave, at most.
    """
    config = plan.config if config is None else config
    largest = in_bytes(_setting(config, "max_payload"))
    clients = int(_setting(config, "max_connections")) - 1
    message = f"{largest}\r\n".encode() + b"x" * largest + b"\r\n"
    environment = {"GOMEMLIMIT": plan.gomemlimit}
    with (
        TemporaryDirectory() as folder,
        running(config, Path(folder), environment=environment) as server,
        _client(server) as publisher,
    ):
        sockets = 0
        for wave in range(1, waves + 1):
            with ExitStack() as stack:
                for _ in range(clients):
                    client = stack.enter_context(_client(server, b"SUB stalled 1\r\n"))
                    client.sendall(b"PUB nowhere " + message[: len(message) // 2])
                for _ in range(messages):
                    publisher.sendall(b"PUB stalled " + message)
                    sockets = max(sockets, _in_sockets(server))
                    if _cut_off(server) == wave * clients:
                        break
            _until_alone(server)
        return Outcome(peak=_peak(server), sockets=sockets, cut_off=_cut_off(server))


@contextmanager
def _client(server: Server, commands: bytes = b"") -> Generator[socket.socket]:
    """A client that has sent `commands`, and reads nothing after the server has seen them."""
    with socket.socket() as connection:
        # The less the kernel takes, the sooner it is the server where bytes wait.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.client_port))
        connection.sendall(b'CONNECT {"verbose":false}\r\n' + commands + b"PING\r\n")
        answer = b""
        while not answer.endswith(b"PONG\r\n"):
            received = connection.recv(4096)
            assert received, answer
            answer += received
        yield connection


def _until_alone(server: Server) -> None:
    """Wait until only the publisher is connected, so that the next wave is admitted."""
    deadline = time.monotonic() + 60
    while server.varz()["connections"] > 1:
        assert time.monotonic() < deadline, "clients that have left are still connected"
        time.sleep(0.05)


def _cut_off(server: Server) -> int:
    return server.varz()["slow_consumers"]


def _peak(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [kibibytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, flags=re.MULTILINE)
    return int(kibibytes) * 2**10


def _in_sockets(server: Server) -> int:
    """The bytes that wait in the kernel for the server's clients to read them."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = f":{server.client_port:04X}"
    return sum(int(row[4].partition(":")[0], 16) for row in rows if row[1].endswith(own))


def _setting(config: str, name: str) -> str:
    [value] = re.findall(rf"^{name}: (.*)$", config, flags=re.MULTILINE)
    return value


def _print(memory: str, payload: str, connections: int, pending: str, outcome: Outcome) -> None:
    share = (outcome.peak + outcome.sockets) / in_bytes(memory)
    print(
        f"{memory:>6} {payload:>8} {connections:>8} {pending:>8} {outcome.peak / 2**20:>5.0f} MiB "
        f"{outcome.sockets / 2**20:>5.0f} MiB "
        f"{share:>6.0%}  {outcome.cut_off}",
        flush=True,
    )


if __name__ == "__main__":
    main()
