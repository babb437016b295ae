"""The series that the rules record, and their names in the old templates."""

from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.promtool import Series, promtool_says, rising, server, steady, table

BUSY = server(
    gnatsd_varz_in_msgs=rising(1000),
    gnatsd_varz_connections=steady(120),
    gnatsd_varz_mem=steady(512 * 2**20),
    gnatsd_varz_cpu=steady(50),
)
SERVER = 'namespace="vrsky-tenants", tenant_id="acme", instance_num="1"'
SCRAPED = f'job="tenant-nats", pod="nats-acme-1-x", {SERVER}'


def sample(series: str, value: float) -> dict[str, Any]:
    return {"labels": series, "value": value}


@pytest.mark.parametrize(
    ("query", "labels", "value"),
    [
        # As the templates' dashboards have them, word for word.
        ('rate(nats_server_in_msgs{job="tenant-nats"}[5m])', f"{{{SCRAPED}}}", 1000),
        (
            'nats_server_connections{job="tenant-nats"}',
            f"nats_server_connections{{{SCRAPED}}}",
            120,
        ),
        # As their table of key metrics has them: messages a second, MB, percent of a core.
        ("msg_rate", f"msg_rate{{{SERVER}}}", 1000),
        ("connection_count", f"connection_count{{{SERVER}}}", 120),
        ("memory_usage", f"memory_usage{{{SERVER}}}", 512),
        ("cpu_usage", f"cpu_usage{{{SERVER}}}", 50),
        ("tenant_nats:cpu_cores:avg5m", f"tenant_nats:cpu_cores:avg5m{{{SERVER}}}", 0.5),
    ],
)
def test_a_figure_has_the_name_and_the_unit_that_people_know(
    tmp_path: Path, query: str, labels: str, value: float
) -> None:
    assert asked(tmp_path, BUSY | table(), query, sample(labels, value)) == ""


@pytest.mark.parametrize(
    ("limit", "standard", "large"),
    [
        ("messages", 100_000, 200_000),
        ("connections", 1000, 2000),
        ("memory_bytes", 4 * 2**30, 8 * 2**30),
        ("cpu_cores", 2, 4),
        ("integrations", 50, 100),
    ],
)
def test_a_limit_is_that_of_the_tenants_size(
    tmp_path: Path, limit: str, standard: float, large: float
) -> None:
    series = server() | server("globex") | server("hooli", "2") | table()
    name = f"tenant_nats:{limit}:limit"
    expected = [
        sample(f'{name}{{namespace="vrsky-tenants", tenant_id="{tenant}", {number}}}', value)
        for tenant, number, value in (
            ("acme", 'instance_num="1"', standard),
            ("globex", 'instance_num="1"', large),
            ("hooli", 'instance_num="2"', large),
        )
    ]
    assert asked(tmp_path, series, name, *expected) == ""


def test_a_tenant_that_is_not_in_the_inventory_has_the_limits_of_a_standard_server(
    tmp_path: Path,
) -> None:
    name = "tenant_nats:connections:limit"
    labels = '{namespace="vrsky-tenants", tenant_id="globex2", instance_num="1"}'
    found = asked(tmp_path, server("globex2") | table(), name, sample(f"{name}{labels}", 1000))
    assert found == ""


def test_a_dead_server_has_no_figures(tmp_path: Path) -> None:
    dead = server(gnatsd_healthz_status_value=steady(0)) | table()
    assert asked(tmp_path, dead, '{__name__=~"tenant_nats:.*(avg|rate)5m"}') == ""


def asked(folder: Path, series: Series, query: str, *expected: dict[str, Any]) -> str:
    """What promtool reports about this answer to a query after half an hour."""
    expectation = {"eval_time": "30m", "expr": query, "exp_samples": list(expected)}
    return promtool_says(folder, series, promql_expr_test=[expectation])
