"""Real servers, an exporter beside each, and a real Prometheus with a day's history of them."""

import asyncio
import json
import threading
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import nats
import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from controlplane.store import InstanceRow
from monitoring.rule_file import rules
from monitoring.scrape import TABLE_JOB
from tenancy.inventory.models import Inventory
from tenancy.names import METRICS_JOB
from tenancy.plan.plan import expand
from tenancy.scaling.usage import Instance
from tests.conftest import NewDatabase
from tests.controlplane.rows import execute, insert
from tests.metrics.exporter import Exporter
from tests.metrics.history import write_history
from tests.metrics.prometheus import Prometheus, running
from tests.metrics.serving import serving
from tests.monitoring.promtool import LARGE, NAMESPACE, braced
from tests.monitoring.sql import METRICS, scraped
from tests.nats.server import Server
from tests.nats.server import running as running_server
from tests.waiting import wait_until

INVENTORY = Inventory.model_validate(
    {
        "tenants": {"acme": {"instances": 2}, "globex": {"size": "large"}},
        "sizes": {"large": LARGE},
    }
)
CLIENTS = 7
"""How many clients are connected to each server."""
PEAK_CONNECTIONS = 300
PEAK_RATE = 900
USUAL_RATE = 50
_PEAK = range(10 * 3600, 11 * 3600)
"""The busy hour, in seconds ago."""
_MEMORY = 20e6
_DAY = 24 * 3600
"""How long the servers are said to have run, to agree with their history."""
_LAST = (
    "tenant_nats:connections:avg5m",
    "tenant_nats:integrations:limit",
    "rate(gnatsd_varz_slow_consumers[1m])",
)
"""The series that appear last, since they need two scrapes, or a rule after a scrape."""


@dataclass
class Watched:
    """The servers, their exporters, and the Prometheus that watches them."""

    prometheus: Prometheus
    servers: dict[Instance, Server]
    exporters: dict[Instance, ExitStack] = field(default_factory=dict[Instance, ExitStack])
    """Closing one ends the exporter of an instance."""


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase
) -> Generator[Watched]:
    """Three servers with clients, their rows, and a Prometheus that has seen them for a day."""
    folder = tmp_path_factory.mktemp("metrics")
    plan = expand(INVENTORY, namespace=NAMESPACE)
    with ExitStack() as stack:
        servers: dict[Instance, Server] = {}
        exporters: dict[Instance, ExitStack] = {}
        targets: dict[Instance, str] = {}
        for instance in plan.instances.values():
            known = (instance.tenant, instance.number)
            (folder / instance.name).mkdir()
            server = running_server(instance.config, folder / instance.name)
            servers[known] = stack.enter_context(server)
            exporters[known] = stack.enter_context(ExitStack())
            exporter = Exporter(servers[known].monitoring_port, earlier=_DAY)
            targets[known] = exporters[known].enter_context(serving(exporter.text))
        stack.enter_context(_clients(servers))
        dsn = _rows(new_database(), servers)
        table = stack.enter_context(serving(lambda: _table(dsn)))
        _history(folder, targets)
        prometheus = stack.enter_context(running(folder, _config(folder, targets, table)))
        for query in _LAST:
            wait_until(lambda query=query: len(prometheus.query(query)) == len(servers))
        yield Watched(prometheus, servers, exporters)


def _labels(instance: Instance, target: str) -> dict[str, str]:
    tenant, number = instance
    return {
        "job": METRICS_JOB,
        "instance": target,
        "namespace": NAMESPACE,
        "pod": f"nats-{tenant}-{number}-x",
        "tenant_id": tenant,
        "instance_num": str(number),
    }


def _config(folder: Path, targets: dict[Instance, str], table: str) -> dict[str, object]:
    (folder / "rules.json").write_text(json.dumps(rules(INVENTORY, NAMESPACE)))
    servers = [
        {"targets": [target], "labels": _labels(instance, target)}
        for instance, target in targets.items()
    ]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.json"],
        "scrape_configs": [
            {"job_name": METRICS_JOB, "static_configs": servers},
            {
                "job_name": TABLE_JOB,
                "honor_labels": True,
                "static_configs": [{"targets": [table]}],
            },
        ],
    }


def _history(folder: Path, targets: dict[Instance, str]) -> None:
    def sent(ago: float) -> float:
        """All messages until then, at the usual rate and at another one for the busy hour.

        Less those until now, when the live servers begin to count: they are no counter that was
        reset.
        """
        still_busy = len(_PEAK) - max(0.0, min(_PEAK.stop - ago, len(_PEAK)))
        return -(ago * USUAL_RATE + still_busy * (PEAK_RATE - USUAL_RATE))

    series = {
        instance: {**_labels(instance, target), "server_id": f"nats-{instance[0]}-{instance[1]}"}
        for instance, target in targets.items()
    }

    def each(**more: str) -> list[str]:
        return [braced({**labels, **more}) for labels in series.values()]

    write_history(
        folder,
        {
            "gnatsd_varz_connections": dict.fromkeys(
                each(), lambda ago: PEAK_CONNECTIONS if ago in _PEAK else CLIENTS
            ),
            "gnatsd_varz_mem": dict.fromkeys(each(), lambda _: _MEMORY),
            "gnatsd_varz_in_msgs": dict.fromkeys(each(), sent),
            "gnatsd_healthz_status_value": dict.fromkeys(each(value="ok"), lambda _: 1),
        },
    )


def _rows(dsn: str, servers: dict[Instance, Server]) -> str:
    for tenant, number in servers:
        host = f"nats-{tenant}-{number}.{NAMESPACE}.svc.cluster.local:4222"
        insert(dsn, tenant, InstanceRow(number, host, "active"), integrations=10 * number)
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES ('acme')")
    return dsn


def _table(dsn: str) -> bytes:
    """What sql_exporter would print: a gauge for each metric, by its query and its labels."""
    registry = CollectorRegistry()
    for name, metric in METRICS.items():
        gauge = Gauge(name, metric["help"], metric.get("key_labels", []), registry=registry)
        for labels, value in scraped(dsn, name).items():
            (gauge.labels(*labels) if labels else gauge).set(value)
    return generate_latest(registry)


def _clients(servers: dict[Instance, Server]) -> ExitStack:
    """Keep clients connected, one of which sends at the usual rate, until the stack is closed."""
    stop = threading.Event()
    connected = threading.Event()

    async def work() -> None:
        clients = [
            await nats.connect(server.url) for server in servers.values() for _ in range(CLIENTS)
        ]
        connected.set()
        while not stop.is_set():
            for client in clients[::CLIENTS]:
                if client.is_connected:
                    for _ in range(USUAL_RATE // 10):
                        await client.publish("acme.work", b"x")
            await asyncio.sleep(0.1)
        await asyncio.gather(*(client.close() for client in clients))

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    stack = ExitStack()
    stack.callback(thread.join)
    stack.callback(stop.set)
    assert connected.wait(30)
    return stack
