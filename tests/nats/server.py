"""A real nats-server on loopback, with the configuration that the plan makes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenancy.inventory.models import Inventory
from tenancy.plan.nats_config import TLS_FOLDER
from tenancy.plan.plan import InstancePlan, expand
from tests.waiting import wait_until

PROGRAM = shutil.which("nats-server") or "nats-server"


def planned(**size: object) -> InstancePlan:
    """The plan of one server of the standard size, or of one with some other settings."""
    [instance] = planned_tenants({"acme": {"size": "other"} if size else {}}, **size)
    return instance


def planned_tenants(tenants: Mapping[str, object], **size: object) -> list[InstancePlan]:
    """The plans of the first server of each tenant; they may be of a size `other` with `size`."""
    resources = {"cpu": "1", "memory": "1Gi"}
    sizes = {"other": {"requests": resources, "limits": resources, **size}}
    inventory = Inventory.model_validate({"tenants": tenants, "sizes": sizes})
    plan = expand(inventory, namespace="vrsky-tenants")
    return [tenant.instances[0] for tenant in plan.tenants]


def loopback(config: str, client_port: int, monitoring_port: int, folder: Path) -> str:
    """`config` on loopback and other ports, its certificate below `folder`; the rest stays."""
    assert "port: 4222\n" in config
    assert "http_port: 8222\n" in config
    return (
        config.replace("\nport: 4222\n", f"\nlisten: 127.0.0.1:{client_port}\n")
        .replace("\nhttp_port: 8222\n", f"\nhttp: 127.0.0.1:{monitoring_port}\n")
        .replace(TLS_FOLDER, str(folder))
    )


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    client_port: int
    monitoring_port: int
    log: Path
    config_file: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Beside that of the test."""

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.client_port}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.config_file.parent

    def varz(self) -> dict[str, Any]:
        """What it says of itself."""
        address = f"http://127.0.0.1:{self.monitoring_port}/varz"
        with urllib.request.urlopen(address, timeout=10) as response:
            return json.load(response)

    def reload(self) -> None:
        """Let it read its files anew, and wait until it has: meanwhile it may refuse a client."""
        before = self.varz()["config_load_time"]
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.varz()["config_load_time"] != before)

    def restart(self, config: str | None = None) -> None:
        """End the server, as a rollout would, and start it anew on the same ports.

        Args:
            config: another configuration, as the plan makes it.
        """
        if config is not None:
            ports = self.client_port, self.monitoring_port
            self.config_file.write_text(loopback(config, *ports, self.folder))
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process = _start(self.config_file, self.log, self.environment)
        _wait_for(self.client_port, self.process, self.log)


@contextmanager
def running(
    config: str, folder: Path, *, environment: Mapping[str, str] | None = None
) -> Generator[Server]:
    """Run the server with `config`; ends it by its own process, whatever happens."""
    client_port, monitoring_port = free_ports(2)
    file = folder / "nats.conf"
    file.write_text(loopback(config, client_port, monitoring_port, folder))
    log = folder / "nats.log"
    environment = environment or {}
    process = _start(file, log, environment)
    server = Server(process, client_port, monitoring_port, log, file, environment)
    try:
        _wait_for(client_port, server.process, log)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _start(config_file: Path, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [PROGRAM, "-c", str(config_file)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"no server on port {port}: {log.read_text()}")


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones: held all at once, since one that is given back may come again."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
