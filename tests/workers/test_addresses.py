"""The address of a worker's server changes and the server stays: another `clusterDomain`."""

import asyncio
from pathlib import Path

import nats

from tests.controlplane.rows import execute
from tests.nats.server import Server
from tests.workers.conftest import Command, Platform
from tests.workers.program import working


def test_a_worker_follows_its_server_to_another_address_and_misses_nothing(
    command: Command, platform: Platform, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    old = servers[0].url
    new = old.replace("127.0.0.1", "localhost")
    with working(command, platform.dsn, tmp_path, linger=2.0) as worker:
        worker.wait_for("joined", url=old)
        execute(
            platform.dsn,
            "UPDATE nats_instances SET dns_name = %s WHERE dns_name = %s",
            *(url.removeprefix("nats://") for url in (new, old)),
        )
        # Nobody notifies it: it asks again by itself.
        worker.wait_for("joined", url=new)
        publish(old, "during its linger time")
        worker.wait_for("left", url=old)
        publish(new, "afterwards")
        worker.wait_for_message("afterwards")
        assert "disconnected" not in worker.names()
        assert worker.received == ["during its linger time"] * 2 + ["afterwards"]


def publish(url: str, text: str) -> None:
    async def send() -> None:
        client = await nats.connect(url)
        await client.publish("acme.webhook.orders", text.encode())
        await client.drain()

    asyncio.run(send())
