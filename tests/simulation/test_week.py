"""A week of 200 tenants under the real decisions: what the benchmark prints, asserted."""

import pytest

from benchmarks.autoscaling import IN_TIME, LONGEST_OVER, MOST_TURNS, longest_over, most_turns
from benchmarks.simulation import Change, Outcome, World, simulate


@pytest.fixture(scope="module")
def week() -> Outcome:
    return simulate(World(tenants=200, days=7))


def test_the_week_has_what_the_rules_are_about(week: Outcome) -> None:
    grown = [change for change in week.changes if change.after > change.before]
    assert len(grown) > 50
    assert len(week.changes) - len(grown) > 10
    assert len(week.overloads) > 20
    assert len(week.waits) > 2000
    assert week.turns()


def test_no_tenant_changes_its_direction_more_than_once_a_day(week: Outcome) -> None:
    assert most_turns(week) <= MOST_TURNS == 1


def test_nobody_is_over_a_limit_for_longer_than_an_interval_and_a_rollout(week: Outcome) -> None:
    assert longest_over(week) <= LONGEST_OVER == 25


def test_integrations_are_placed_within_an_interval(week: Outcome) -> None:
    assert week.placed_in_time() >= IN_TIME == 0.999


def test_turns_are_counted_within_any_24_hours() -> None:
    def turns(*changes: tuple[int, int]) -> dict[str, int]:
        made = tuple(
            Change(minute=60 * hour, tenant="acme", before=2, after=2 + more)
            for hour, more in changes
        )
        return Outcome(changes=made, overloads=(), waits=(), history={}).turns()

    assert turns((1, 1), (2, 1)) == {}
    assert turns((1, 1), (2, -1)) == {"acme": 1}
    assert turns((1, 1), (2, -1), (26, 1)) == {"acme": 1}
    assert turns((1, 1), (2, -1), (25, 1)) == {"acme": 2}
