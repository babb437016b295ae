"""What managed databases ask for: certificates, poolers, passwords that change."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from controlplane import store, trust
from controlplane.connection import UnreachableError, connected
from controlplane.reader import take_snapshot
from controlplane.trust import with_system_certificates
from sandbox.layout import PROJECT
from tests.controlplane.rows import ONE, TWO
from tests.controlplane.servers import Server
from tests.controlplane.terminator import encrypting
from tests.controlplane.test_platforms import rows
from tests.controlplane.test_records import configured, inputs, outputs

TAKEN_BY_PGBOUNCER = {"user", "database", "client_encoding", "application_name"}
"""The startup parameters that PgBouncer takes without being told to ignore them, of those that it
knows; it refuses the others, such as `options`."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate authority's `ca.pem`, and what a server of 127.0.0.1 needs."""
    folder = tmp_path_factory.mktemp("authority")
    ca_key, ca = issued("CA")
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    key, certificate = issued("database", ca_key, ca)
    (folder / "server.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder


def issued(
    name: str,
    by_key: ec.EllipticCurvePrivateKey | None = None,
    by: x509.Certificate | None = None,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key and its certificate, of an authority's own unless another one signs it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if by:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    return key, builder.sign(by_key or key, hashes.SHA256())


@pytest.fixture
def encrypted(dsn: str, authority: Path) -> Generator[str]:
    """The provisioner's connection string by way of TLS, of which it says nothing."""
    parts = conninfo_to_dict(dsn)
    with encrypting(Path(f"{parts['host']}/.s.PGSQL.{parts['port']}"), authority) as port:
        yield make_conninfo(dsn, host="127.0.0.1", port=port)


def test_the_systems_authorities_vouch_for_the_server(
    encrypted: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sslrootcert=system`, where the OpenSSL in psycopg's wheel knows no such place."""
    dsn = make_conninfo(encrypted, sslrootcert="system")
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    bundle = str(authority / "ca.pem")
    monkeypatch.setattr(trust, "_bundles", lambda: [bundle])
    assert take_snapshot(dsn).instances == ()
    with connected(dsn, "read") as connection:
        assert connection.pgconn.ssl_in_use
        assert conninfo_to_dict(connection.info.dsn)["sslmode"] == "verify-full"
    with pytest.raises(UnreachableError, match=r"does not match host name .localhost"):
        take_snapshot(make_conninfo(dsn, host="localhost", hostaddr="127.0.0.1"))
    monkeypatch.setattr(trust, "_bundles", list)
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        take_snapshot(dsn)


def test_the_variable_of_openssl_names_the_authorities_too(encrypted: str, authority: Path) -> None:
    """In a process of its own, since OpenSSL reads the variable from the process's environment."""
    code = "import os, controlplane.reader as reader; reader.take_snapshot(os.environ['D'])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={
            **os.environ,
            "D": make_conninfo(encrypted, sslrootcert="system"),
            "SSL_CERT_FILE": str(authority / "ca.pem"),
        },
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db sslmode=require",
        "host=db sslrootcert=/etc/ca.pem sslmode=verify-full",
        "host=db sslrootcert=system sslmode=require",
        "no connection string",
    ],
)
def test_what_asks_for_no_system_is_passed_on_as_it_is(dsn: str) -> None:
    assert with_system_certificates(dsn, {}) == dsn


def test_the_systems_bundle_is_a_file_of_this_machine() -> None:
    parts = conninfo_to_dict(with_system_certificates("host=db sslrootcert=system", {}))
    assert Path(str(parts["sslrootcert"])).is_file()
    assert parts["sslmode"] == "verify-full"


def test_a_password_that_is_replaced_in_the_middle_of_an_up_is_read_again(
    postgres: str, shared: Path, worker_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del postgres  # the first server lets others run the wheel's programs
    folder = shared / f"passwords-{worker_id}"
    folder.mkdir(mode=0o755)
    server, file = Server(folder / "data"), tmp_path / "url"
    server.make(hba="local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    with server.running():
        server.prepare()
        server.execute("ALTER ROLE provisioner PASSWORD 'first'")
        dsn = f"host=127.0.0.1 port={server.port} user=provisioner dbname=platform"
        file.write_text(f"{dsn} password=first")
        provider = configured("")
        provider.create(inputs(ONE))
        server.execute("ALTER ROLE provisioner PASSWORD 'second'")
        file.write_text(f"{dsn} password=second")
        provider.update("acme", outputs(ONE), inputs(ONE, TWO))
        assert server.execute("SELECT count(*) FROM nats_instances") == [(2,)]


def test_nothing_is_asked_of_a_session_that_a_pooler_would_refuse() -> None:
    """What psycopg sends first, and PgBouncer reads: no `options`, and no setting but its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sent: list[bytes] = []

        def answer() -> None:
            with listener.accept()[0] as client:
                length = int.from_bytes(client.recv(4))
                sent.append(client.recv(length - 4))

        thread = Thread(target=answer)
        thread.start()
        dsn = f"host=127.0.0.1 port={listener.getsockname()[1]} user=u dbname=d sslmode=disable"
        with pytest.raises(UnreachableError):
            take_snapshot(f"{dsn} gssencmode=disable")
        thread.join(10)
    words = sent[0][4:].rstrip(b"\0").decode().split("\0")
    assert set(words[::2]) == TAKEN_BY_PGBOUNCER


def test_nothing_is_left_in_a_session_that_a_pooler_gives_to_others(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole life on one session of the server, which is as it was at its beginning."""
    session = psycopg.connect(dsn, prepare_threshold=None, client_encoding="utf8")
    seen = "SELECT name, setting FROM pg_settings WHERE name <> 'application_name'"
    before = session.execute(seen).fetchall()
    session.commit()

    class Pooled:
        """Closes nothing: what a pooler by transactions does when a client leaves."""

        def __enter__(self) -> psycopg.Connection:
            return session

        def __exit__(self, kind: object, *_: object) -> None:
            session.rollback() if kind else session.commit()

    def connect(*_: object, **__: object) -> Pooled:
        return Pooled()

    with monkeypatch.context() as patched:
        patched.setattr("controlplane.connection.psycopg.connect", connect)
        store.record(dsn, rows("acme", 1, 2), managed=())
        store.record(dsn, rows("acme", 1), managed=(1, 2))
        take_snapshot(dsn)
        store.remove(dsn, "acme", [1], domain="")
    assert session.execute(seen).fetchall() == before
    for kept in (
        "SELECT name FROM pg_prepared_statements",
        "SELECT name FROM pg_cursors WHERE is_holdable",
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        "SELECT pg_listening_channels()",
        "SELECT 1 FROM pg_class WHERE relpersistence = 't'",
    ):
        assert session.execute(kept).fetchall() == []
    session.close()
