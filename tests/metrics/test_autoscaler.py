"""What the autoscaler asks, in a real Prometheus about real servers."""

import pytest

from operations.prometheus import observe
from tenancy.load import QUERIES, Observation
from tests.metrics.conftest import (
    CLIENTS,
    PEAK_CONNECTIONS,
    PEAK_RATE,
    USUAL_RATE,
    Watched,
)
from tests.metrics.prometheus import wait_for


@pytest.mark.parametrize("name", QUERIES)
def test_each_question_is_answered_with_one_number_for_each_server(
    watched: Watched, name: str
) -> None:
    answer = watched.prometheus.query(QUERIES[name])
    found = [(labels["tenant_id"], int(labels["instance_num"])) for labels, _ in answer]
    assert sorted(found) == sorted(watched.servers)
    assert {*labels_of(answer)} == {"tenant_id", "instance_num"}


def test_what_is_read_is_what_the_servers_have_and_had(watched: Watched) -> None:
    observation = observe(watched.prometheus.url)
    assert (observation.failure, dict(observation.doubts)) == (None, {})
    for instance in watched.servers:
        reading = observation.readings[instance]
        assert reading.held.connections == pytest.approx(CLIENTS, abs=1)
        assert reading.held.rate == pytest.approx(USUAL_RATE, rel=0.5)
        assert 5e6 < reading.held.memory < 200e6
        assert reading.peak.connections == PEAK_CONNECTIONS
        assert reading.peak.rate == pytest.approx(PEAK_RATE, rel=0.01)
        assert observation.watched[instance] == pytest.approx(1, abs=0.01)


def test_a_server_that_is_dead_or_not_seen_is_doubted_and_the_others_are_not(
    watched: Watched,
) -> None:
    watched.servers["acme", 2].process.kill()
    watched.exporters["globex", 1].close()

    def observed() -> Observation:
        return observe(watched.prometheus.url)

    wait_for(lambda: len(observed().doubts) == 2)
    observation = observed()
    assert observation.doubts["acme", 2].startswith("does not answer its exporter")
    assert observation.doubts["globex", 1].startswith("is not heard of")
    assert list(observation.readings) == [("acme", 1)]
    # Both are still there as servers that were seen for most of the day: nothing shrinks.
    assert observation.watched.keys() == watched.servers.keys()


def labels_of(answer: list[tuple[dict[str, str], float]]) -> list[str]:
    return [label for labels, _ in answer for label in labels]
