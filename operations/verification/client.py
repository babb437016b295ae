"""What a NATS client can find out about one server, and what its monitoring port says."""

import asyncio
import json
import secrets
import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

import nats
import nats.errors

from tenancy.words import counted

_TIMEOUT_SECONDS = 5


LEAST_VALIDITY = timedelta(days=14)
"""A certificate that ends sooner is reported: there has to be time to renew it."""


class UnknownError(Exception):
    """The server does not say what was asked; one line."""


class ServerError(Exception):
    """The server does not answer, or not as a NATS server does."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a client shows, and whom it trusts."""

    nkey: Path | None = None
    """A file with the seed of a user key. It is read by the client and nowhere else."""
    ca: Path | None = None
    """The authority that signed the server's certificate; otherwise those of the machine."""


def read_info(port: int) -> dict[str, Any]:
    """The INFO that a server on 127.0.0.1 sends first to everyone who connects.

    Raises:
        ServerError: it sends none.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection:
            line = connection.makefile("rb").readline()
    except OSError as error:
        raise ServerError(f"it does not answer ({error})") from None
    if not line.startswith(b"INFO "):
        raise ServerError("it does not greet like a NATS server")
    return _mapping(line.removeprefix(b"INFO "), "INFO")


def read_json(port: int, path: str) -> dict[str, Any]:
    """What the monitoring port answers.

    Raises:
        ServerError: it does not answer.
    """
    try:
        # Always 127.0.0.1, by http.
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}{path}", timeout=_TIMEOUT_SECONDS
        ) as answer:
            said = answer.read()
    except (OSError, ValueError, HTTPException) as error:
        raise ServerError(f"{path} does not answer ({error})") from None
    return _mapping(said, path)


def _mapping(said: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServerError(f"what it says in {where} is not that of a NATS server")
    return cast("dict[str, Any]", found)


def certificate(port: int) -> str:
    """Until when the certificate that a server shows is valid, by its monitoring port.

    The server reads its files only when it starts, so this may be earlier than in the Secret.

    Raises:
        ServerError: it does not answer, or the certificate ends within LEAST_VALIDITY.
        UnknownError: it does not say: it has no certificate, or is of an older version.
    """
    said = read_json(port, "/varz").get("tls_cert_not_after")
    if not said:
        raise UnknownError("this nats-server does not say until when its certificate is valid")
    try:
        end = datetime.fromisoformat(said)
        left = end - datetime.now(UTC)
    except (TypeError, ValueError):
        raise UnknownError("what it says of its certificate in /varz is no time") from None
    day = f"{end:%Y-%m-%d %H:%M} UTC"
    if left < timedelta():
        raise ServerError(f"it was valid until {day}; renew it, and restart the server")
    if left < LEAST_VALIDITY:
        raise ServerError(
            f"it is valid until {day}, for {counted(left.days, 'more day')}; renew it, or if the "
            "Secret has a newer one, restart the server, which reads it only when it starts"
        )
    return f"valid until {day}, for {counted(left.days, 'more day')}"


def round_trip(port: int, subject: str, credentials: Credentials, *, tls_host: str | None) -> float:
    """How many seconds a message takes from a publisher to a subscriber of one connection.

    Args:
        port: where the server is, on 127.0.0.1.
        subject: the prefix; each message gets a subject of its own below it.
        credentials: what to show.
        tls_host: the name that its certificate has to have; None without TLS.

    Raises:
        ServerError: the message did not come back.
    """
    try:
        return asyncio.run(
            _round_trip(port, f"{subject}.{secrets.token_hex(4)}", credentials, tls_host)
        )
    except (OSError, TimeoutError, ValueError, nats.errors.Error) as error:
        words = str(error) or type(error).__name__
        raise ServerError(f"a message does not come back ({words})") from None


async def _round_trip(
    port: int, subject: str, credentials: Credentials, tls_host: str | None
) -> float:
    said: list[Exception] = []

    async def remember(error: Exception) -> None:
        said.append(error)

    options: dict[str, Any] = {}
    if credentials.nkey:
        options["nkeys_seed"] = str(credentials.nkey)
    if tls_host:
        trust = ssl.create_default_context(cafile=credentials.ca)
        options |= {"tls": trust, "tls_hostname": tls_host}
    connection = await nats.connect(
        f"{'tls' if tls_host else 'nats'}://127.0.0.1:{port}",
        name="tenant-nats verify", allow_reconnect=False, connect_timeout=_TIMEOUT_SECONDS,
        # These hold for the first connection too: by default 60 attempts, two seconds apart.
        max_reconnect_attempts=1, reconnect_time_wait=0.2,
        error_cb=remember, **options,
    )  # fmt: skip
    try:
        subscription = await connection.subscribe(subject)
        await connection.flush(_TIMEOUT_SECONDS)
        began = time.monotonic()
        await connection.publish(subject, b"verify")
        await subscription.next_msg(_TIMEOUT_SECONDS)
        return time.monotonic() - began
    except nats.errors.TimeoutError:
        # A refusal, `Permissions Violation for Publish to …`, comes through `error_cb`.
        raise (said[0] if said else nats.errors.TimeoutError()) from None
    finally:
        await connection.close()
