"""Both workers, as people would start them, and two servers for them to move between."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.store import InstanceRow
from sandbox import database, toolchain
from sandbox.layout import PROJECT
from tests.controlplane.rows import execute, insert
from tests.nats.server import Server, planned, running

EXAMPLES = PROJECT / "examples"
GO_WORKER = EXAMPLES / "worker-go"
GO_ENVIRONMENT = {
    **os.environ,
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    "GOWORK": "off",
}

Command = list[str | Path]


@pytest.fixture(scope="session")
def go() -> Path:
    """Go as the sandbox has it: from PATH, else from PyPI; that there is none is an error."""
    return toolchain.find_go()


@pytest.fixture(scope="session")
def go_worker(go: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker in Go, built."""
    program = tmp_path_factory.mktemp("worker-go") / "worker"
    built = subprocess.run(
        [go, "build", "-o", program, "."],
        cwd=GO_WORKER, env=GO_ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    if built.returncode:
        pytest.fail(
            f"{GO_WORKER} could not be built; its modules come from the Go module proxy "
            f"(`go env GOPROXY`):\n{built.stderr}"
        )
    return program


@pytest.fixture(params=["python", "go"])
def command(request: pytest.FixtureRequest) -> Command:
    """How the worker is started: each test runs with both."""
    if request.param == "python":
        return [sys.executable, EXAMPLES / "worker-python" / "worker.py"]
    return [request.getfixturevalue("go_worker")]


@pytest.fixture
def servers(tmp_path: Path) -> Generator[tuple[Server, Server]]:
    """Two servers that do not know of each other."""
    with ExitStack() as stack:
        folders = [tmp_path / "1", tmp_path / "2"]
        for folder in folders:
            folder.mkdir()
        first, second = [
            stack.enter_context(running(planned().config, folder)) for folder in folders
        ]
        yield first, second


@dataclass(frozen=True)
class Platform:
    """The platform's database, with one integration of the tenant acme on its first server."""

    dsn: str
    """As a worker has it."""
    integration: int
    rows: dict[str, int]
    """The ids of the servers' rows by URL."""

    def move(self, url: str | None) -> None:
        """Place the integration on another server, or on none."""
        row = self.rows[url] if url else None
        execute(
            self.dsn,
            "UPDATE integrations SET nats_instance_id = %s WHERE id = %s",
            row, self.integration,
        )  # fmt: skip

    def add(self, number: int, dns_name: str) -> str:
        """Add a row of one more server; returns its URL."""
        row = InstanceRow(number, dns_name, "active")
        self.rows[f"nats://{dns_name}"] = insert(self.dsn, "acme", row)
        return f"nats://{dns_name}"


@pytest.fixture
def platform(dsn: str, servers: tuple[Server, Server]) -> Platform:
    made = Platform(database.worker(dsn), 1, {})
    for number, server in enumerate(servers, start=1):
        made.add(number, server.url.removeprefix("nats://"))
    execute(
        dsn,
        "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)",
        made.rows[servers[0].url],
    )
    [(integration,)] = execute(dsn, "SELECT id FROM integrations")
    assert integration == made.integration
    return made
