"""A worker of one integration: it finds the integration's NATS server and follows every move.

    DATABASE_URL=postgresql://… python worker.py [--linger SECONDS] TENANT INTEGRATION

Copy this file into your service and put the service's own work into `handle`. It needs Python 3.11,
nats-py and psycopg, and a database role that may read the view `integration_servers`. If the tenant
lists keys, NATS_NKEY_SEED_FILE names the file with the worker's seed, and nkeys is needed too. If
it has TLS, NATS_CA_FILE names the file with the authority's certificate.

`watch` asks the database where the integration is. `Worker` follows it: it joins the new server
first, stays at the old one for the linger time, in which it still hears late publishers, and then
leaves. While the database is down, the worker stays where it is.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import ssl
import sys
import time
from contextlib import aclosing, suppress
from typing import Any

import nats.errors
import psycopg
from nats.aio.client import Client
from nats.aio.msg import Msg
from psycopg.conninfo import conninfo_to_dict

LINGER = 5.0  # seconds; less than `drain` (30), for which the old server outlives a move
LOOK_AGAIN = 10.0  # seconds; finds moves whose notification was lost with a connection
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds; the most between attempts to connect

WHERE = "SELECT url FROM integration_servers WHERE tenant_id = %s AND integration_id = %s"
# Detects a silently dead database after seconds; the system's defaults take hours.
DATABASE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}


async def handle(message: Msg) -> None:
    """Do the service's work for a message. One subject's messages arrive one after another."""
    say("message", subject=message.subject, data=message.data.decode(errors="replace"))


def backoff(failures: int) -> float:
    """How many seconds to wait: at random, so that all workers do not come back at once."""
    most = min(FIRST_WAIT * 2 ** min(failures, 9), LONGEST_WAIT)
    return random.uniform(0, most)  # noqa: S311


def say(event: str, **facts: object) -> None:
    """Print an event and its time on stdout."""
    print(json.dumps({"event": event, **facts, "time": time.time()}), flush=True)


class Worker:
    """Has one stay at the integration's server, and ends its stays at all others."""

    def __init__(
        self, tenant: str, integration: str, linger: float, tasks: asyncio.TaskGroup
    ) -> None:
        self.name = f"worker-{tenant}-{integration}"
        self.subjects = (f"{tenant}.webhook.*", f"{tenant}.convert.*")
        self.linger = linger
        self.wanted: str | None = None
        self.stays: dict[str, Stay] = {}
        self.tasks = tasks
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def go_to(self, url: str) -> None:
        """Move to this server."""
        if url != self.wanted:
            self.wanted = url
            self.settle()
            if self.stays[url].joined:  # back before its linger time was over
                say("joined", url=url)

    def settle(self) -> None:
        """Begin, keep and end stays to match `wanted`; called after every change."""
        if self.wanted is None:
            return
        there = self.stays.get(self.wanted)
        if there is None:
            there = self.stays[self.wanted] = Stay(self, self.wanted)
        there.remain()
        for stay in self.stays.values():
            if stay is not there and (there.joined or not stay.joined):
                stay.end(after=self.linger if stay.joined else 0)

    def leave(self) -> None:
        """Leave every server."""
        self.wanted = None
        for stay in self.stays.values():
            stay.end(after=0)

    def end(self, error: Exception | None = None) -> None:
        """End the program, with or without an error."""
        if not self.ended.done():
            self.ended.set_exception(error) if error else self.ended.set_result(None)


class Stay:
    """The worker's time at one server, from joining it until it has left."""

    def __init__(self, worker: Worker, url: str) -> None:
        self.worker, self.url = worker, url
        self.joined = False
        self.linger: asyncio.TimerHandle | None = None
        self.leaving: asyncio.Task[None] | None = None
        self.client = Client()
        self.joining = worker.tasks.create_task(self._join())

    def remain(self) -> None:
        """Cancel a planned leave. One that has begun continues, and a new stay follows it."""
        if self.linger:
            self.linger.cancel()
            self.linger = None

    def end(self, *, after: float) -> None:
        """Leave after so many seconds, or earlier if an earlier leave is planned."""
        if self.leaving is None and after == 0:
            self.remain()
            self.joined = False
            self.leaving = self.worker.tasks.create_task(self._leave())
        elif self.leaving is None and self.linger is None:
            loop = asyncio.get_running_loop()
            self.linger = loop.call_later(after, lambda: self.end(after=0))

    async def _join(self) -> None:
        await self.client.connect(
            self.url,
            name=self.worker.name,
            max_reconnect_attempts=-1,
            reconnect_to_server_handler=lambda servers, _: (None, backoff(servers[0].reconnects)),
            ping_interval=10,  # detects a silently dead server within half a minute
            drain_timeout=20,
            nkeys_seed=os.environ.get("NATS_NKEY_SEED_FILE"),
            tls=trusted(os.environ.get("NATS_CA_FILE")),
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_reconnect,
            closed_cb=self._on_close,
        )
        for subject in self.worker.subjects:
            await self.client.subscribe(subject, cb=handle)
        try:
            # nats-py sends a PING, that of `flush` too, before the data that waits to be sent. Only
            # the answer to a second PING proves that the server has the subscriptions.
            await self.client.rtt(timeout=5)
            await self.client.rtt(timeout=5)
            self._is_joined()
        except nats.errors.TimeoutError:
            # A late answer would silently end nats-py's reading.
            if not self.joined:
                await self.client.force_reconnect()

    def _is_joined(self) -> None:
        if not self.joined and not self.leaving:
            self.joined = True
            say("joined", url=self.url)
            self.worker.settle()

    async def _leave(self) -> None:
        self.joining.cancel()
        await asyncio.wait({self.joining})
        say("leaving", url=self.url)
        # `drain` handles received messages, `close` would drop them. `drain` fails if the server is
        # down. Then `close` keeps the client from reconnecting to it later.
        with suppress(nats.errors.Error):
            await self.client.drain()
        if not self.client.is_closed:
            await self.client.close()
        say("left", url=self.url)
        del self.worker.stays[self.url]
        self.worker.settle()

    async def _on_error(self, error: Exception) -> None:
        say("error", url=self.url, error=f"{type(error).__name__}: {error}")

    async def _on_disconnect(self) -> None:
        if not self.leaving:
            say("disconnected", url=self.url)

    async def _on_reconnect(self) -> None:
        say("reconnected", url=self.url)  # nats-py has renewed the subscriptions by now
        self._is_joined()

    async def _on_close(self) -> None:
        if not self.leaving:
            reason = f"{self.url} ended the connection permanently: {self.client.last_error}"
            self.worker.end(ConnectionError(reason))


def trusted(ca_file: str | None) -> ssl.SSLContext | None:
    """The TLS context that trusts this authority; None for the system's authorities."""
    return ssl.create_default_context(cafile=ca_file) if ca_file else None


async def watch(dsn: str, tenant: str, integration: str, worker: Worker) -> None:
    """Send the worker to the integration's server, now and after each move."""
    failures = 0
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, **DATABASE
            ) as database:
                await database.execute("LISTEN integration_moved")  # first, to miss no move
                said: str | None = ""
                while True:
                    rows = await database.execute(WHERE, (tenant, integration))
                    row = await rows.fetchone()
                    url = str(row[0]) if row else None
                    if url != said:
                        say("found", url=url)  # null: the integration has no server (yet)
                        said = url
                    if url:
                        worker.go_to(url)
                    failures = 0
                    async with aclosing(database.notifies(timeout=LOOK_AGAIN)) as notifications:
                        async for notification in notifications:
                            if concerns(notification.payload, tenant, integration):
                                break
        except psycopg.Error as error:
            # The error's text may contain the connection string; its name and code do not.
            wait = backoff(failures)
            say("database-lost", error=type(error).__name__, code=error.sqlstate, wait=wait)
            await asyncio.sleep(wait)
            failures += 1


def concerns(payload: str, tenant: str, integration: str) -> bool:
    """Whether a notification is about this integration."""
    try:
        told = json.loads(payload)
        return (told["tenant_id"], str(told["integration_id"])) == (tenant, integration)
    except (ValueError, TypeError, KeyError):
        return True  # an unexpected payload; one more query costs little


async def main(dsn: str, tenant: str, integration: str, linger: float) -> None:
    """Work until SIGTERM or SIGINT, then handle received messages and end."""
    async with asyncio.TaskGroup() as tasks:  # an error in one task ends all, and the program
        worker = Worker(tenant, integration, linger, tasks)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, worker.end)
        watching = tasks.create_task(watch(dsn, tenant, integration, worker))
        await worker.ended
        watching.cancel()
        worker.leave()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The worker of one integration.")
    parser.add_argument("--linger", type=float, default=LINGER, metavar="SECONDS")
    parser.add_argument("tenant")
    parser.add_argument("integration")
    given = parser.parse_args()
    database_url = os.environ.get("DATABASE_URL", "")
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        database_url = ""
    if not database_url:
        sys.exit("DATABASE_URL is missing or is not a Postgres connection string.")
    asyncio.run(main(database_url, given.tenant, given.integration, given.linger))
