"""The autoscaler's queries, in a real Prometheus about real servers."""

from math import nan
from pathlib import Path
from time import time

import pytest

from operations.outside.prometheus import observe
from tenancy.scaling.usage import queries
from tests.metrics.conftest import (
    CLIENTS,
    PEAK_CONNECTIONS,
    PEAK_RATE,
    USUAL_RATE,
    Watched,
)
from tests.metrics.history import Values, write_history
from tests.metrics.prometheus import instances_of, running
from tests.monitoring.promtool import NAMESPACE, braced
from tests.waiting import within

DAY = 24 * 3600
QUERIES = queries(NAMESPACE)


@pytest.mark.parametrize("name", QUERIES)
@within(15).wraps
def test_each_question_is_answered_with_one_number_for_each_server(
    watched: Watched, name: str
) -> None:
    answer = watched.prometheus.query(QUERIES[name])
    assert instances_of(answer) == sorted(watched.servers)
    assert {label for labels, _ in answer for label in labels} == {"tenant_id", "instance_num"}


@within(15).wraps
def test_what_is_read_is_what_the_servers_have_and_had(watched: Watched) -> None:
    observation = observe(watched.prometheus.url, NAMESPACE)
    assert (observation.failure, dict(observation.doubts)) == (None, {})
    for instance in watched.servers:
        reading = observation.readings[instance]
        assert reading.held.connections == pytest.approx(CLIENTS, abs=1)
        # Less at first, since the history ends a minute ago.
        assert 0 < reading.held.rate < 1.5 * USUAL_RATE
        assert 5e6 < reading.held.memory < 200e6
        assert reading.peak.connections == PEAK_CONNECTIONS
        assert reading.peak.memory >= reading.held.memory
        assert reading.peak.rate == pytest.approx(PEAK_RATE, rel=0.01)
        assert observation.watched[instance] == pytest.approx(1, abs=0.01)


@within(15).wraps
def test_a_stack_in_another_namespace_has_none_of_these_servers(watched: Watched) -> None:
    observation = observe(watched.prometheus.url, "staging")
    assert (observation.failure or "").startswith("Prometheus has no series with ")
    assert not observation.readings
    assert not observation.doubts


def test_a_server_that_is_dead_or_not_seen_is_doubted_and_the_others_are_not(
    watched: Watched,
) -> None:
    watched.servers["acme", 2].process.kill()
    watched.exporters["globex", 1].close()

    @within(60).wraps
    def check() -> None:
        observation = observe(watched.prometheus.url, NAMESPACE)
        assert observation.doubts["acme", 2].startswith("does not answer its exporter")
        assert observation.doubts["globex", 1].startswith("has no recent data in Prometheus")
        assert list(observation.readings) == [("acme", 1)]
        # Both are still there as servers that were seen for most of the day: nothing shrinks.
        assert observation.watched.keys() == watched.servers.keys()

    check()


def test_a_server_that_started_minutes_ago_is_doubted(tmp_path: Path) -> None:
    started = {"acme": time() - DAY, "young": time() - 150}
    series = {
        name: braced(
            {
                "job": "tenant-nats",
                "namespace": NAMESPACE,
                "tenant_id": name,
                "instance_num": "1",
            }
        )
        for name in started
    }

    def all_day(value: float) -> Values:
        return lambda _: value

    write_history(
        tmp_path,
        {
            "gnatsd_varz_connections": {labels: all_day(5) for labels in series.values()},
            "gnatsd_varz_start": {
                labels: all_day(started[name] * 1000) for name, labels in series.items()
            },
            "gnatsd_healthz_status_value": {labels: all_day(1) for labels in series.values()},
        },
    )
    with running(tmp_path, {"scrape_configs": []}) as prometheus:
        doubts = observe(prometheus.url, NAMESPACE).doubts
    assert doubts["young", 1] == "started 2 minutes ago"
    assert doubts["acme", 1].startswith("has no figures of ")


def test_old_figures_are_doubted_and_half_a_day_is_seen_as_half(tmp_path: Path) -> None:
    servers = {
        name: braced(
            {
                "job": "tenant-nats",
                "namespace": NAMESPACE,
                "tenant_id": name,
                "instance_num": "1",
            }
        )
        for name in ("acme", "young")
    }

    def since(name: str, value: float) -> Values:
        return lambda ago: nan if name == "young" and ago > DAY / 2 else value

    metrics = {
        "gnatsd_varz_connections": 5.0,
        "gnatsd_varz_mem": 1e7,
        "gnatsd_varz_in_msgs": 7.0,
        "gnatsd_healthz_status_value": 1.0,
    }
    series = {
        metric: {labels: since(name, value) for name, labels in servers.items()}
        for metric, value in metrics.items()
    }
    write_history(tmp_path, series, end=200)
    with running(tmp_path, {"scrape_configs": []}) as prometheus:
        observation = observe(prometheus.url, NAMESPACE)
    assert {*observation.doubts} == {("acme", 1), ("young", 1)}
    assert observation.doubts["acme", 1] == "was last heard of 4 minutes ago"
    assert observation.watched["acme", 1] == pytest.approx(1, abs=0.01)
    assert observation.watched["young", 1] == pytest.approx(0.5, abs=0.01)
