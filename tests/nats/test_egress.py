"""A server with the generated configuration opens no connection and asks no name server.

So `egress: none` takes nothing from it, wherever a cluster has its name servers.
"""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from operations.verification.client import Credentials, round_trip
from sandbox.layout import PROJECT
from tests.nats.certificates import new_authority
from tests.nats.keys import new_key
from tests.nats.server import PROGRAM, free_port, planned, planned_tenants, running

CAGE = f'#!/bin/sh\ncd {PROJECT} && exec {sys.executable} -m tests.nats.cage "$@"\n'


@pytest.fixture
def cage(tmp_path: Path) -> Path:
    """A program that runs another one, and that the kernel ends when that opens a connection."""
    script = tmp_path / "cage"
    script.write_text(CAGE)
    script.chmod(0o755)
    return script


@pytest.fixture
def caged(cage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every server of the test run in a cage."""
    script = tmp_path / "nats-server"
    script.write_text(f'#!/bin/sh\nexec {cage} {PROGRAM} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr("tests.nats.server.PROGRAM", str(script))


@pytest.mark.usefixtures("caged")
@pytest.mark.parametrize("asks", [False, True], ids=["standard", "with TLS and keys"])
def test_a_server_that_may_not_connect_to_anything_serves_as_any_other(
    asks: bool, tmp_path: Path
) -> None:
    seed, ca = tmp_path / "seed", tmp_path / "ca.crt"
    plan, credentials = planned(), Credentials(nkey=None, ca=None)
    if asks:
        key, authority = new_key(), new_authority()
        seed.write_text(key.seed)
        ca.write_text(authority.pem())
        authority.issue(tmp_path)
        tenant = {"tls": {"secretName": "acme-tls"}, "clients": {"nkeys": (key.public,)}}
        [plan] = planned_tenants({"acme": tenant})
        credentials = Credentials(nkey=seed, ca=ca)
    with running(plan.config, tmp_path) as server:
        host = "127.0.0.1" if asks else None
        assert round_trip(server.client_port, "acme.test", credentials, tls_host=host) < 60
        assert server.varz()["server_name"] == "nats-acme-1"
        for path in ("healthz", "connz"):
            address = f"http://127.0.0.1:{server.monitoring_port}/{path}"
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert json.load(answer)
        server.reload()
        assert round_trip(server.client_port, "acme.test", credentials, tls_host=host) < 60
        server.restart()
        assert round_trip(server.client_port, "acme.test", credentials, tls_host=host) < 60
        server.process.terminate()
        assert server.process.wait(60) == 0, server.log.read_text()


@pytest.mark.parametrize(
    "command",
    [
        ["python", "-c", "import socket; socket.getaddrinfo('a.example', 1)"],
        ["nats-server", "--addr=127.0.0.1", "--port=-1", "--cluster_name=a", "--routes=ROUTE"],
    ],
    ids=["a name is resolved", "a server of a cluster looks for the others"],
)
def test_a_program_that_connects_does_not_survive_in_the_cage(
    command: list[str], cage: Path
) -> None:
    """Or the test above shows nothing."""
    programs = {"python": sys.executable, "nats-server": PROGRAM}
    listen, route = free_port(), free_port()
    arguments = [each.replace("ROUTE", f"nats://127.0.0.1:{route}") for each in command[1:]]
    if command[0] == "nats-server":
        arguments.append(f"--cluster=nats://127.0.0.1:{listen}")
    ended = subprocess.run(
        [str(cage), programs[command[0]], *arguments], capture_output=True, timeout=60
    )
    assert ended.returncode == -signal.SIGSYS, ended.stderr
