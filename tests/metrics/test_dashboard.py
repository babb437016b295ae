"""Every query of the dashboard, in a real Prometheus about real servers."""

import json
import re
from typing import Any

import pytest

from monitoring.dashboard import VARIABLES, dashboard_json
from tests.metrics.conftest import NAMESPACE, Watched

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


def chosen(query: str) -> str:
    """The query as Grafana sends it, when all tenants and instances are chosen."""
    for variable, value in CHOICES.items():
        query = query.replace(variable, value)
    assert "$" not in query
    return query


@pytest.mark.parametrize(("query", "legend"), TARGETS)
def test_a_panel_shows_something_of_each_server(watched: Watched, query: str, legend: str) -> None:
    answer = watched.prometheus.query(chosen(query))
    assert answer
    if "{{tenant_id}}" in legend:
        found = [(labels["tenant_id"], int(labels["instance_num"])) for labels, _ in answer]
        assert sorted(found) == sorted(watched.servers)


@pytest.mark.parametrize(("query", "legend"), TARGETS)
def test_a_panel_names_series_that_there_are(watched: Watched, query: str, legend: str) -> None:
    """Where nothing is counted as none, a wrong name would never show."""
    assert legend is not None
    known = watched.prometheus.values("__name__", '{__name__=~".+"}')
    named = re.findall(r"\b([A-Za-z_:][A-Za-z0-9_:]*)\{", query)
    assert named
    # There is none as long as nothing is wrong; tests/monitoring sees them fire.
    assert {*named} - {"ALERTS"} <= {*known}


def test_the_glance_says_how_many_servers_and_integrations_there_are(watched: Watched) -> None:
    shown = {
        panel["title"]: [
            value
            for target in panel.get("targets", [])
            for _, value in watched.prometheus.query(chosen(target["expr"]))
        ]
        for panel in DASHBOARD["panels"]
        if panel["type"] == "stat"
    }
    assert shown == {
        "Servers that answer": [3],
        "Servers down": [0],
        "Not seen": [0],
        "Integrations": [40],
        "Without a server": [1],
        "Alerts": [0],
    }


def test_a_person_can_choose_among_what_there_is(watched: Watched) -> None:
    choices = {
        name: watched.prometheus.values(*_asked(chosen(query))) for name, query in VARIABLES.items()
    }
    assert choices == {
        "namespace": [NAMESPACE],
        "tenant": ["acme", "globex"],
        "instance": ["1", "2"],
    }


@pytest.mark.parametrize("query", OF_THE_TEMPLATES)
def test_the_templates_queries_answer_for_each_server(watched: Watched, query: str) -> None:
    answer = watched.prometheus.query(query)
    found = [(labels["tenant_id"], int(labels["instance_num"])) for labels, _ in answer]
    assert sorted(found) == sorted(watched.servers)


def _asked(query: str) -> tuple[str, str]:
    """The label and the series of a `label_values(series, label)`."""
    match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert match
    return match[2], match[1]
