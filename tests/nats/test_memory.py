"""How much memory a real nats-server uses while all its clients stall."""

import socket
from pathlib import Path

import pytest

from benchmarks.stalled_clients import size, stalled, without_limit
from tenancy.inventory.memory import max_pending, stalled_clients
from tenancy.inventory.models import Resources, Size
from tenancy.inventory.types import in_bytes
from tests.nats.server import planned, running

SMALL = size("128Mi", "1MB", 10)
LIMIT = in_bytes("128Mi")
MESSAGES = 24
"""More than the limit for nine clients, and less than nats-server lets wait by default."""


def test_a_server_whose_clients_all_stall_again_and_again_stays_below_its_limit() -> None:
    outcome = stalled(SMALL, waves=4, messages=MESSAGES)
    assert outcome.cut_off == 4 * 9, "all clients must have stalled, or nothing is shown"
    assert outcome.peak + outcome.sockets < LIMIT


def test_without_the_setting_the_same_clients_kill_it() -> None:
    outcome = stalled(SMALL, config=without_limit(SMALL.config), waves=1, messages=MESSAGES)
    assert outcome.cut_off == 0
    assert outcome.peak > LIMIT


@pytest.mark.parametrize(
    ("settings", "pending"),
    [
        pytest.param({}, 16 * 2**20, id="derived"),
        pytest.param({"max_pending": "9MB"}, 9 * 2**20, id="said"),
        pytest.param({"max_payload": "513KB"}, 1026 * 2**10, id="derived in KB"),
    ],
)
def test_the_server_takes_what_may_wait_as_the_plan_says_it(
    settings: dict[str, object], pending: int, tmp_path: Path
) -> None:
    with running(planned(**settings).config, tmp_path) as server:
        assert server.varz()["max_pending"] == pending


@pytest.mark.parametrize(
    ("pending", "arrives"),
    [
        pytest.param("1MB", False, id="as much as one message, which is refused"),
        pytest.param("2MB", True, id="the least that the size gets"),
    ],
)
def test_the_largest_message_needs_more_than_its_own_size(
    pending: str, tmp_path: Path, *, arrives: bool
) -> None:
    """Why an inventory may not have a `maxPending` of `maxPayload`, which nats-server takes."""
    largest = 2**20
    plan = planned(max_payload="1MB", max_pending=pending)
    with running(plan.config, tmp_path) as server:
        address = ("127.0.0.1", server.client_port)
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(b'CONNECT {"verbose":false}\r\nSUB all 1\r\n')
            client.sendall(f"PUB all {largest}\r\n".encode() + b"x" * largest + b"\r\n")
            lines = client.makefile("rb")
            assert lines.readline().startswith(b"INFO ")
            assert (lines.readline() == f"MSG all 1 {largest}\r\n".encode()) is arrives
            lines.close()


def test_what_killed_a_standard_server_is_within_what_it_holds() -> None:
    """66 clients that stalled took 4,203 MiB of its 4,096 with nats-server's own 64MB."""
    resources = Resources(cpu="2", memory="4Gi")
    standard = Size(requests=resources, limits=resources)
    assert (max_pending(standard), stalled_clients(standard)) == ("16MB", 102)
