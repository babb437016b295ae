"""Every query of the dashboard, in a real Prometheus about real servers."""

import asyncio
import json
import re
import socket
from typing import Any

import nats
import pytest

from monitoring.dashboard import VARIABLES, dashboard_json
from tests.metrics.conftest import NAMESPACE, Watched
from tests.metrics.prometheus import instances_of
from tests.nats.server import Server
from tests.waiting import within

PATIENCE = 15
"""How many seconds a series needs to come back after one late scrape."""
DASHBOARD = json.loads(dashboard_json())
TARGETS: list[Any] = [
    pytest.param(target["expr"], target.get("legendFormat", ""), id=f"{panel['title']} {number}")
    for panel in DASHBOARD["panels"]
    for number, target in enumerate(panel.get("targets", []))
]
CHOICES = {
    "$__rate_interval": "1m",
    "$namespace": NAMESPACE,
    "$tenant": ".+",
    "$instance": ".+",
}
OF_THE_TEMPLATES = (
    'rate(nats_server_in_msgs{job="tenant-nats"}[5m])',
    'nats_server_connections{job="tenant-nats"}',
)


def chosen(query: str, **other: str) -> str:
    """The query as Grafana sends it; all tenants and instances are chosen, unless `other` says."""
    for variable, value in {**CHOICES, **other}.items():
        query = query.replace(variable, value)
    assert "$" not in query
    return query


@pytest.mark.parametrize(("query", "legend"), TARGETS)
@within(PATIENCE).wraps
def test_a_panel_shows_something_of_each_server(watched: Watched, query: str, legend: str) -> None:
    answer = watched.prometheus.query(chosen(query))
    assert answer
    if "{{tenant_id}}" in legend:
        assert instances_of(answer) == sorted(watched.servers)


@pytest.mark.parametrize(("query", "legend"), TARGETS)
@within(PATIENCE).wraps
def test_a_panel_shows_only_the_tenant_and_the_instance_that_are_chosen(
    watched: Watched, query: str, legend: str
) -> None:
    answer = watched.prometheus.query(chosen(query, **{"$tenant": "acme", "$instance": "2"}))
    found = [(labels["tenant_id"], labels["instance_num"]) for labels, _ in answer if labels]
    assert {*found} <= {("acme", "2")}
    assert found or "{{tenant_id}}" not in legend


@pytest.mark.parametrize(("query", "legend"), TARGETS)
@within(PATIENCE).wraps
def test_a_panel_names_series_that_exist(watched: Watched, query: str, legend: str) -> None:
    """A panel that shows 0 for missing series would hide a wrong name."""
    assert legend is not None
    known = watched.prometheus.values("__name__", '{__name__=~".+"}')
    named = re.findall(r"\b([A-Za-z_:][A-Za-z0-9_:]*)\{", query)
    assert named
    # There is none as long as nothing is wrong; tests/monitoring sees them fire.
    assert {*named} - {"ALERTS"} <= {*known}


@within(PATIENCE).wraps
def test_the_glance_says_how_many_servers_and_integrations_there_are(watched: Watched) -> None:
    assert glance(watched) == {
        "Servers": [3],
        "Servers that answer": [3],
        "Servers down": [0],
        "Not seen": [0],
        "Integrations": [40],
        "Without a server": [1],
        "Alerts": [0],
    }


def test_a_client_that_does_not_keep_up_is_seen_where_it_was_cut_off(watched: Watched) -> None:
    stall(watched.servers["acme", 1])
    [panel] = [each for each in DASHBOARD["panels"] if each["title"].startswith("Slow consumers")]
    [target] = panel["targets"]

    def cut_off() -> set[tuple[str, str]]:
        answer = watched.prometheus.query(chosen(target["expr"]))
        return {
            (labels["tenant_id"], labels["instance_num"]) for labels, value in answer if value > 0
        }

    @within(60).wraps
    def check() -> None:
        assert cut_off() == {("acme", "1")}

    check()


def test_a_person_can_choose_among_what_exists(watched: Watched) -> None:
    choices = {
        name: watched.prometheus.values(*_asked(chosen(query))) for name, query in VARIABLES.items()
    }
    assert choices == {
        "namespace": [NAMESPACE],
        "tenant": ["acme", "globex"],
        "instance": ["1", "2"],
    }


@pytest.mark.parametrize("query", OF_THE_TEMPLATES)
@within(PATIENCE).wraps
def test_the_templates_queries_answer_for_each_server(watched: Watched, query: str) -> None:
    assert instances_of(watched.prometheus.query(query)) == sorted(watched.servers)


def test_what_is_dead_and_what_is_not_seen_shows_at_a_glance(watched: Watched) -> None:
    watched.servers["acme", 2].process.kill()
    watched.exporters["globex", 1].close()

    @within(60).wraps
    def check() -> None:
        figures = glance(watched)
        assert (figures["Not seen"], figures["Servers down"]) == ([1], [1])
        assert figures["Servers that answer"] == [1]

    check()


def glance(watched: Watched) -> dict[str, list[float]]:
    """The figures at the top, by their titles."""
    return {
        panel["title"]: [
            value
            for target in panel["targets"]
            for _, value in watched.prometheus.query(chosen(target["expr"]))
        ]
        for panel in DASHBOARD["panels"]
        if panel["type"] == "stat"
    }


def stall(server: Server) -> None:
    """Let a client subscribe and read nothing, until the server has cut it off."""

    async def publish() -> None:
        client = await nats.connect(server.url)
        for _ in range(20):
            await client.publish("acme.big", b"x" * 8 * 2**20)
            await client.flush(timeout=30)
        await client.close()

    with socket.create_connection(("127.0.0.1", server.client_port)) as reader:
        reader.sendall(b'CONNECT {"verbose":false}\r\nSUB acme.big 1\r\nPING\r\n')
        answer = b""
        while b"PONG" not in answer:  # the server has the subscription
            answer += reader.recv(4096)
        asyncio.run(publish())


def _asked(query: str) -> tuple[str, str]:
    """The label and the series of a `label_values(series, label)`."""
    match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert match
    return match[2], match[1]
