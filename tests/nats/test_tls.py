"""A server with a certificate: the generated configuration in a real nats-server."""

import asyncio
import json
import socket
import ssl
from collections.abc import Generator
from pathlib import Path

import nats
import pytest
from cryptography import x509

from tests.nats.certificates import Authority, new_authority
from tests.nats.keys import new_key
from tests.nats.server import Server, planned_tenants, running
from tests.nats.test_server import get_json

PATIENCE = 60
"""Seconds until what must happen is held not to."""

KEY = new_key()
TENANT = {"tls": {"secretName": "acme-tls"}, "clients": {"nkeys": (KEY.public,)}}
[PLAN] = planned_tenants({"acme": TENANT})


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority()


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Generator[Server]:
    authority.issue(tmp_path)
    with running(PLAN.config, tmp_path) as server:
        yield server


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem())


def shown(server: Server, context: ssl.SSLContext) -> int:
    """Shake hands as a client does; returns the serial number of the server's certificate.

    A plain socket: nats-py leaves its own open when a handshake fails.
    """
    with socket.create_connection(("127.0.0.1", server.client_port), timeout=PATIENCE) as plain:
        info = b""
        while not info.endswith(b"\r\n"):
            info += plain.recv(1)
        assert json.loads(info.removeprefix(b"INFO "))["tls_required"] is True
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted:
            certificate = encrypted.getpeercert(binary_form=True)
            assert certificate
            return x509.load_der_x509_certificate(certificate).serial_number


@pytest.mark.parametrize(
    "scheme", [pytest.param("tls", id="as the view says"), pytest.param("nats", id="as before")]
)
def test_a_client_that_trusts_the_authority_is_served(
    server: Server, authority: Authority, scheme: str
) -> None:
    async def exchange() -> bytes:
        client = await nats.connect(
            f"{scheme}://127.0.0.1:{server.client_port}",
            tls=trusting(authority),
            nkeys_seed_str=KEY.seed,
            connect_timeout=PATIENCE,
            allow_reconnect=False,
        )
        subscription = await client.subscribe("acme.webhook.orders")
        await client.publish("acme.webhook.orders", b"hello")
        message = await subscription.next_msg(timeout=PATIENCE)
        await client.close()
        return message.data

    assert asyncio.run(exchange()) == b"hello"


def test_a_client_in_plain_text_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.client_port), timeout=PATIENCE) as plain:
        lines = plain.makefile("rb")
        lines.readline()
        plain.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        answer = lines.read()
        lines.close()
    assert b"PONG" not in answer
    assert "TLS handshake error" in server.log.read_text()


def test_a_client_that_trusts_another_authority_refuses_the_server(server: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="CERTIFICATE_VERIFY_FAILED"):
        shown(server, trusting(new_authority()))


def test_a_client_refuses_a_certificate_that_has_expired(
    authority: Authority, tmp_path: Path
) -> None:
    authority.issue(tmp_path, days=-1)
    with (
        running(PLAN.config, tmp_path) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"),
    ):
        shown(server, trusting(authority))


def test_a_server_without_its_certificate_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"tls\.crt"), running(PLAN.config, tmp_path):
        pass


def test_a_renewed_certificate_is_shown_after_a_restart_or_a_sighup_and_not_before(
    server: Server, authority: Authority
) -> None:
    context = trusting(authority)
    first = shown(server, context)
    second = authority.issue(server.folder)
    assert shown(server, context) == first, "the file alone changes nothing"
    server.reload()
    assert shown(server, context) == second
    third = authority.issue(server.folder)
    server.restart()
    assert shown(server, context) == third


def test_monitoring_stays_in_plain_text_for_the_probes(server: Server) -> None:
    assert get_json(server, "/healthz") == {"status": "ok"}
    assert get_json(server, "/varz")["tls_required"] is True
