"""Who a server with keys admits, and to what: the generated configuration in a real nats-server."""

import asyncio
import json
import socket
from collections.abc import Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from tenancy.inventory.models import Inventory
from tests.nats.keys import Key, new_key
from tests.nats.server import Server, planned_tenants, running
from tests.nats.test_server import connected, get_json, ping

PATIENCE = 60
"""Seconds until what must happen is held not to."""

ACME, GLOBEX, STRANGER = new_key(), new_key(), new_key()
LIMITED, MUTE = new_key(), new_key()


def config_with(*nkeys: object) -> str:
    [plan] = planned_tenants({"acme": {"clients": {"nkeys": nkeys}}})
    return plan.config


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """A server of acme, with one client that may do anything, one that may little, one nothing."""
    limited = {
        "key": LIMITED.public,
        "publish": ("orders.new", "prices.*", "_INBOX.>"),
        "subscribe": ("orders.>", "_INBOX.>"),
    }
    mute = {"key": MUTE.public, "publish": (), "subscribe": ()}
    with running(
        config_with(ACME.public, limited, mute), tmp_path_factory.mktemp("acme")
    ) as server:
        yield server


class Errors:
    """What a server has told a client."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()

    async def hear(self, error: Exception) -> None:
        await self.told.put(str(error))

    async def next(self) -> str:
        return await asyncio.wait_for(self.told.get(), PATIENCE)


@asynccontextmanager
async def client(server: Server, key: Key | None, **options: Any):
    connection = await nats.connect(
        server.url,
        nkeys_seed_str=key.seed if key else None,
        allow_reconnect=False,
        connect_timeout=PATIENCE,
        **options,
    )
    try:
        yield connection
    finally:
        await connection.close()


def is_admitted(server: Server, key: Key | None) -> bool:
    """Whether a client with this key, or without any, gets in.

    A plain socket: nats-py leaves its own open when it is refused.
    """
    with raw(server) as connection:
        lines = connection.makefile("rb")
        info = json.loads(lines.readline().removeprefix(b"INFO "))
        proof = {"nkey": key.public, "sig": key.sign(info["nonce"])} if key else {}
        connection.sendall(
            f"CONNECT {json.dumps({'verbose': False, **proof})}\r\nPING\r\n".encode()
        )
        while (answer := lines.readline()) == b"PING\r\n":
            pass
        lines.close()
    assert answer in (b"PONG\r\n", b"-ERR 'Authorization Violation'\r\n")
    return answer == b"PONG\r\n"


async def hears(connection: Client, subject: str) -> bool:
    """Whether what a client publishes comes back to it."""
    subscription = await connection.subscribe(subject)
    await connection.publish(subject, b"hello")
    message = await subscription.next_msg(timeout=PATIENCE)
    return message.data == b"hello"


def test_a_client_with_a_key_of_the_tenant_is_admitted_and_heard(server: Server) -> None:
    async def exchange() -> bool:
        async with client(server, ACME) as connection:
            return await hears(connection, "acme.webhook.orders")

    assert asyncio.run(exchange())


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(None, id="no key"),
        pytest.param(STRANGER, id="a key that nobody lists"),
        pytest.param(GLOBEX, id="a key of another tenant"),
    ],
)
def test_other_clients_are_refused(server: Server, key: Key | None) -> None:
    assert is_admitted(server, key) is False


def test_a_public_key_is_not_enough(server: Server) -> None:
    """What is in the inventory opens nothing: the server asks for a signature of its nonce."""
    assert is_admitted(server, Key(ACME.public, STRANGER.seed)) is False


def test_each_tenants_server_admits_its_own_key_and_not_the_others(tmp_path: Path) -> None:
    plans = planned_tenants(
        {
            "acme": {"clients": {"nkeys": (ACME.public,)}},
            "globex": {"clients": {"nkeys": (GLOBEX.public,)}},
        }
    )
    found: list[bool] = []
    for number, plan in enumerate(plans):
        folder = tmp_path / str(number)
        folder.mkdir()
        with running(plan.config, folder) as server:
            found += [is_admitted(server, key) for key in (ACME, GLOBEX)]
    assert found == [True, False, False, True]


def test_a_rotation_never_shuts_a_client_out_and_ends_with_the_old_key_refused(
    tmp_path: Path,
) -> None:
    old, new = new_key(), new_key()
    seen: list[tuple[bool, bool]] = []
    with running(config_with(old.public), tmp_path) as server:
        for keys in ((old.public,), (old.public, new.public), (new.public,)):
            server.restart(config_with(*keys))
            seen.append((is_admitted(server, old), is_admitted(server, new)))
    assert seen == [(True, False), (True, True), (False, True)]


def test_a_key_that_is_taken_away_ends_the_connection_of_its_client(tmp_path: Path) -> None:
    """The configuration has the keys, so an edit of them restarts the server by itself."""
    gone, stays = new_key(), new_key()
    with running(config_with(gone.public, stays.public), tmp_path) as server, raw(server) as client:
        lines = client.makefile("rb")
        info = json.loads(lines.readline().removeprefix(b"INFO "))
        proof = {"verbose": False, "nkey": gone.public, "sig": gone.sign(info["nonce"])}
        client.sendall(f"CONNECT {json.dumps(proof)}\r\nPING\r\n".encode())
        while lines.readline() != b"PONG\r\n":
            pass
        server.restart(config_with(stays.public))
        while lines.readline():
            pass
        lines.close()
        assert (is_admitted(server, gone), is_admitted(server, stays)) == (False, True)


def test_a_client_comes_back_by_itself_after_the_step_of_a_rotation(tmp_path: Path) -> None:
    old, new = new_key(), new_key()

    async def follow(server: Server) -> bool:
        back = asyncio.Event()

        async def reconnected() -> None:
            back.set()

        connection = await nats.connect(
            server.url,
            nkeys_seed_str=old.seed,
            reconnected_cb=reconnected,
            error_cb=Errors().hear,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
        )
        await asyncio.to_thread(server.restart, config_with(old.public, new.public))
        await asyncio.wait_for(back.wait(), PATIENCE)
        heard = await hears(connection, "acme.webhook.orders")
        await connection.close()
        return heard

    with running(config_with(old.public), tmp_path) as server:
        assert asyncio.run(follow(server))


@pytest.mark.parametrize(
    ("key", "subject"),
    [
        pytest.param(ACME, "$SYS.REQ.SERVER.PING", id="the system, by who may do anything"),
        pytest.param(ACME, "$SYS.REQ.USER.INFO", id="about itself"),
        pytest.param(LIMITED, "$SYS.REQ.SERVER.PING", id="the system, by who may do little"),
        pytest.param(LIMITED, "orders.old", id="a subject that is not listed"),
        pytest.param(LIMITED, "prices.eu.today", id="a token more than the star stands for"),
        pytest.param(MUTE, "orders.new", id="anything, by who may do nothing"),
    ],
)
def test_publishing_outside_the_permissions_is_refused(
    server: Server, key: Key, subject: str
) -> None:
    async def attempt() -> str:
        errors = Errors()
        async with client(server, key, error_cb=errors.hear) as connection:
            await connection.publish(subject, b"")
            return await errors.next()

    words = f'Permissions Violation for Publish to "{subject}"'
    assert words.lower() in asyncio.run(attempt()).lower()


@pytest.mark.parametrize(
    ("key", "subject"),
    [
        pytest.param(ACME, "$SYS.>", id="the system, by who may do anything"),
        pytest.param(LIMITED, "$SYS.>", id="the system, by who may do little"),
        pytest.param(LIMITED, "prices.eu", id="what it may publish only"),
        pytest.param(LIMITED, ">", id="everything"),
        pytest.param(MUTE, "orders.new", id="anything, by who may do nothing"),
    ],
)
def test_subscribing_outside_the_permissions_is_refused(
    server: Server, key: Key, subject: str
) -> None:
    async def attempt() -> str:
        errors = Errors()
        async with client(server, key, error_cb=errors.hear) as connection:
            await connection.subscribe(subject)
            return await errors.next()

    words = f'Permissions Violation for Subscription to "{subject}"'
    assert words.lower() in asyncio.run(attempt()).lower()


def test_what_is_permitted_arrives(server: Server) -> None:
    async def exchange() -> list[bytes]:
        async with client(server, ACME) as anybody, client(server, LIMITED) as limited:
            prices = await anybody.subscribe("prices.*")
            orders = await limited.subscribe("orders.*")
            await anybody.rtt(timeout=PATIENCE)
            await limited.rtt(timeout=PATIENCE)
            await limited.publish("prices.eu", b"from the limited")
            await anybody.publish("orders.old", b"to the limited")
            first = await prices.next_msg(timeout=PATIENCE)
            second = await orders.next_msg(timeout=PATIENCE)
            return [first.data, second.data]

    assert asyncio.run(exchange()) == [b"from the limited", b"to the limited"]


def test_a_request_is_answered_where_inboxes_are_listed(server: Server) -> None:
    async def exchange() -> bytes:
        async with client(server, ACME) as responder, client(server, LIMITED) as requester:

            async def answer(message: Any) -> None:
                await message.respond(b"yes")

            await responder.subscribe("orders.new", cb=answer)
            await responder.rtt(timeout=PATIENCE)
            response = await requester.request("orders.new", b"?", timeout=PATIENCE)
            return response.data

    assert asyncio.run(exchange()) == b"yes"


def test_every_subject_that_the_inventory_takes_is_what_the_server_understands(
    tmp_path: Path,
) -> None:
    """No character of a subject is read as a variable, an escape or the end of the text."""
    subjects = (
        "a.$HOME",
        "a{b}",
        "a[b]",
        "a#b",
        "a//b",
        "a'b",
        "a;b,c",
        "a(b)",
        "a=b:c",
        "a`b%~^|?",
    )
    key = {"key": ACME.public, "publish": subjects, "subscribe": ()}
    inventory = Inventory.model_validate({"tenants": {"acme": {"clients": {"nkeys": (key,)}}}})
    assert inventory.tenants["acme"].clients.nkeys[0].publish == subjects

    async def publish(server: Server) -> list[str]:
        errors, refused = Errors(), list[str]()
        async with client(server, ACME, error_cb=errors.hear) as connection:
            for subject in (*subjects, "a", "b", "a.x"):
                await connection.publish(subject, b"")
            for _ in range(3):
                refused.append(await errors.next())
            await connection.rtt(timeout=PATIENCE)
            return [*refused, *([errors.told.get_nowait()] if errors.told.qsize() else [])]

    with running(config_with(key), tmp_path) as server:
        refused = asyncio.run(publish(server))
    assert [text.rpartition("to ")[2].strip("\"'") for text in refused] == ["a", "b", "a.x"]


def test_monitoring_answers_without_a_key_and_knows_no_seed(server: Server) -> None:
    assert get_json(server, "/healthz") == {"status": "ok"}
    assert get_json(server, "/varz")["auth_required"] is True
    assert ACME.seed not in str(get_json(server, "/connz?auth=1"))


def test_a_tenant_at_its_limit_of_clients_leaves_anothers_server_whole(tmp_path: Path) -> None:
    full, other = planned_tenants({"acme": {"size": "other"}, "globex": {}}, max_connections=3)
    folders = tmp_path / "full", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
    with running(full.config, folders[0]) as acme, running(other.config, folders[1]) as globex:
        clients = [connected(acme) for _ in range(3)]
        late = raw(acme)
        answer = late.recv(4096) + late.recv(4096)
        assert b"-ERR 'maximum connections exceeded'" in answer
        neighbours = [connected(globex) for _ in range(4)]
        for neighbour in neighbours:
            ping(neighbour)
        for each in (*clients, late, *neighbours):
            each.close()


def raw(server: Server) -> socket.socket:
    """A connection on which nothing was said yet."""
    return socket.create_connection(("127.0.0.1", server.client_port), timeout=PATIENCE)
