"""What Prometheus says, and which of its figures count."""

import pytest

from tenancy.scaling.usage import Answers, Instance, Observation, Reading, Usage, observed, queries

QUERIES = queries("vrsky-tenants")
ACME_1, ACME_2 = ("acme", 1), ("acme", 2)
FIGURES = {
    "rate": 90_000.0,
    "connections": 40.0,
    "memory": 1e9,
    "rate_peak": 95_000.0,
    "connections_peak": 60.0,
    "memory_peak": 2e9,
    "healthy": 1.0,
    "age": 12.0,
    "uptime": 86_400.0,
    "watched": 1.0,
}


def answers(figures: dict[Instance, dict[str, float]]) -> Answers:
    """What all queries say, given what is known of each instance."""
    return {
        name: {instance: known[name] for instance, known in figures.items() if name in known}
        for name in QUERIES
    }


def doubt(figures: dict[str, float]) -> str | None:
    """Why these figures of an instance are not believed."""
    observation = observed(answers({ACME_1: FIGURES, ACME_2: figures}))
    assert (ACME_2 in observation.readings) == (ACME_2 not in observation.doubts)
    return observation.doubts.get(ACME_2)


def without(*names: str) -> dict[str, float]:
    return {name: figure for name, figure in FIGURES.items() if name not in names}


def test_what_is_complete_and_fresh_is_believed() -> None:
    assert observed(answers({ACME_1: FIGURES})) == Observation(
        readings={
            ACME_1: Reading(
                held=Usage(rate=90_000, connections=40, memory=1e9),
                peak=Usage(rate=95_000, connections=60, memory=2e9),
            )
        },
        watched={ACME_1: 1.0},
    )


def test_an_age_of_three_minutes_is_fresh_and_more_is_not() -> None:
    assert doubt(FIGURES | {"age": 180}) is None
    assert doubt(FIGURES | {"age": 181}) == "was last heard of 3 minutes ago"


@pytest.mark.parametrize("figures", [FIGURES | {"healthy": 0}, without("healthy")])
def test_a_server_that_is_dead_is_not_believed_whatever_its_exporter_repeats(
    figures: dict[str, float],
) -> None:
    assert doubt(figures) == "does not answer its exporter, which repeats the last figures"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(300, None, id="five minutes"),
        pytest.param(299, "started 4 minutes ago", id="nearly five"),
        pytest.param(119, "started 1 minute ago", id="nearly two"),
        pytest.param(59, "started less than a minute ago", id="seconds"),
        pytest.param(-1, "started less than a minute ago", id="a clock that is ahead"),
    ],
)
def test_nothing_was_held_for_five_minutes_by_a_server_that_ran_for_less(
    seconds: float, said: str | None
) -> None:
    assert doubt(FIGURES | {"uptime": seconds}) == said
    # A server that has just started has no rate yet; the report is of the start, not of the rate.
    assert said is None or doubt(without("rate") | {"uptime": seconds}) == said


def test_a_figure_that_is_missing_is_named() -> None:
    assert doubt(without("rate", "memory_peak")) == "has no figures of rate, memory_peak"


def test_a_server_that_was_there_earlier_in_the_day_is_remembered_and_not_believed() -> None:
    assert doubt({"watched": 0.4, "rate_peak": 3.0}) == "has no recent data in Prometheus"
    gone = observed(answers({ACME_1: FIGURES, ACME_2: {"watched": 0.4}}))
    assert gone.watched == {ACME_1: 1.0, ACME_2: 0.4}


def test_nothing_at_all_is_a_failure_that_says_which_label_to_look_for() -> None:
    nothing = observed(answers({})).failure
    assert nothing == (
        'Prometheus has no series with job="tenant-nats", this namespace and tenant_id'
    )
    assert observed(answers({ACME_1: {"watched": 0.4}})).failure is None


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_every_query_has_one_answer_for_an_instance_of_our_job_and_namespace(query: str) -> None:
    assert "by (tenant_id, instance_num)" in query
    ours = '{job="tenant-nats",namespace="vrsky-tenants"}'
    assert query.count("gnatsd_") == query.count(ours) == 1
    assert query.count("(") == query.count(")")
