"""When one tenant grows or shrinks, and what is then written: scenarios as literals."""

from dataclasses import replace

import pytest

from tenancy.inventory.models import Resources, Size
from tenancy.scaling.usage import Usage, limits_of
from tenancy.scaling.verdict import Facts, Recommendation, judge
from tests.unit.scaling.worlds import GIB, facts, reading, row, usage

OVER = usage(rate=100_001)


def decided(facts: Facts) -> Recommendation:
    recommendation = judge(facts).recommendation
    assert recommendation
    return recommendation


def written(facts: Facts) -> dict[str, object]:
    """The fields to write; none when nothing is decided."""
    recommendation = judge(facts).recommendation
    return dict(recommendation.changes) if recommendation else {}


def test_fifty_on_the_only_instance_make_room_for_a_tenth_more() -> None:
    recommendation = decided(facts(50, integrations=42))
    assert (recommendation.before, recommendation.after) == (1, 2)
    assert recommendation.changes == {"integrations": 55}
    assert recommendation.reason == "50 integrations fill 1 instance of 50."


@pytest.mark.parametrize("placed", [(49,), (50, 49), (49, 50), (0,)])
def test_one_place_that_is_free_is_enough(placed: tuple[int, ...]) -> None:
    assert judge(facts(*placed)).recommendation is None


def test_integrations_without_an_instance_count_too() -> None:
    assert written(facts(48, integrations=42, unplaced=12)) == {"integrations": 66}


def test_as_many_instances_come_as_the_integrations_take() -> None:
    recommendation = decided(facts(50, integrations=42, unplaced=150))
    assert (recommendation.before, recommendation.after, recommendation.changes) == (
        1,
        5,
        {"integrations": 220},
    )


def test_instances_that_integrations_need_anyway_are_no_longer_asked_for() -> None:
    assert written(facts(50, 50, integrations=30, instances=2)) == {
        "integrations": 110,
        "instances": None,
    }


def test_the_capacity_is_that_of_the_size() -> None:
    large = Size(
        requests=Resources(cpu="2", memory="4Gi"),
        limits=Resources(cpu="4", memory="8Gi"),
        capacity=100,
    )
    assert written(replace(facts(99, integrations=80), size=large)) == {}
    assert written(replace(facts(100, integrations=80), size=large)) == {"integrations": 110}


def test_ninety_nine_instances_are_the_most() -> None:
    nearly = facts(*[50] * 98, integrations=4900)
    assert written(nearly) == {"integrations": 4950}
    verdict = judge(facts(*[50] * 99, integrations=4950))
    assert (verdict.recommendation, verdict.beyond) == (
        None, "4950 integrations fill 99 instances, the most allowed",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        pytest.param(
            usage(rate=100_001),
            "Instance 1 has had 100,001 messages a second for 5 minutes, over 100,000.",
            id="messages",
        ),
        pytest.param(
            usage(connections=501),
            "Instance 1 has 501 connections, over half of those it admits.",
            id="connections",
        ),
        pytest.param(
            usage(memory=3.01),
            "Instance 1 uses 3.01Gi of memory, over three quarters of its limit.",
            id="memory",
        ),
    ],
)
def test_a_server_that_is_too_busy_gets_another_and_shares_with_it(
    held: Usage, reason: str
) -> None:
    recommendation = decided(facts(40, readings={1: reading(held)}, integrations=42))
    assert (recommendation.before, recommendation.after) == (1, 2)
    assert recommendation.changes == {"instances": 2, "placement": "spread"}
    assert recommendation.reason == reason


@pytest.mark.parametrize(
    "held", [usage(rate=100_000), usage(connections=500), usage(memory=3)], ids=str
)
def test_what_is_at_its_limit_is_not_over_it(held: Usage) -> None:
    assert judge(facts(40, readings={1: reading(held)})).recommendation is None


def test_limits_are_shares_of_what_the_size_has() -> None:
    small = Size(
        requests=Resources(cpu="100m", memory="256Mi"),
        limits=Resources(cpu="500m", memory="1Gi"),
        max_connections=100,
    )
    assert limits_of(small) == Usage(rate=25_000, connections=50, memory=0.75 * GIB)


def test_growth_by_load_leaves_each_server_well_below_its_limit() -> None:
    busy = facts(
        40, 40, 40,
        readings={n: reading(usage(rate=101_000)) for n in (1, 2, 3)}, integrations=120,
    )  # fmt: skip
    # 303,000 messages a second, at 60,000 a server, are six.
    assert written(busy) == {"instances": 6, "placement": "spread"}


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 4), (3, 6)])
def test_growth_by_load_at_most_doubles_the_servers(before: int, after: int) -> None:
    burst = {n: reading(usage(rate=900_000)) for n in range(1, before + 1)}
    recommendation = decided(facts(*[40] * before, readings=burst, integrations=42 * before))
    assert (recommendation.before, recommendation.after) == (before, after)


def test_placement_that_spreads_already_is_left_as_it_is() -> None:
    busy = facts(
        20, 20, readings={1: reading(OVER), 2: reading(usage(rate=80_000))},
        integrations=42, instances=2, placement="spread",
    )  # fmt: skip
    assert written(busy) == {"instances": 4}


def test_integrations_and_load_together_are_one_change() -> None:
    recommendation = decided(facts(50, readings={1: reading(OVER)}, integrations=42))
    assert recommendation.changes == {"integrations": 55, "placement": "spread"}
    assert recommendation.reason == (
        "50 integrations fill 1 instance of 50; "
        "instance 1 has had 100,001 messages a second for 5 minutes, over 100,000."
    )


def test_load_may_need_more_than_integrations_do() -> None:
    busy = facts(
        50, 50, readings={n: reading(usage(rate=105_000)) for n in (1, 2)}, integrations=100
    )
    assert written(busy) == {"integrations": 110, "instances": 4, "placement": "spread"}


def test_integrations_may_need_more_than_load_may_buy() -> None:
    busy = facts(50, unplaced=150, readings={1: reading(usage(rate=900_000))}, integrations=42)
    assert written(busy) == {"integrations": 220, "placement": "spread"}


def test_one_integration_that_is_too_much_for_a_server_is_reported_and_adds_no_server() -> None:
    verdict = judge(facts(13, 13, 13, readings={2: reading(OVER)}, instances=3, placement="spread"))
    assert verdict.recommendation is None
    assert verdict.beyond == (
        "instance 2 has had 100,001 messages a second for 5 minutes, over 100,000, "
        "while all 3 together have room: one integration is too much for it"
    )


def test_there_are_never_more_instances_than_integrations_to_spread() -> None:
    assert written(facts(2, readings={1: reading(usage(rate=900_000))}))["instances"] == 2
    verdict = judge(facts(1, readings={1: reading(OVER)}))
    assert verdict.recommendation is None
    assert verdict.beyond
    assert verdict.beyond.endswith("and 1 integration cannot be spread over more")


SPARE = facts(30, 5, integrations=80)


def test_a_last_instance_that_is_hardly_used_goes() -> None:
    recommendation = decided(SPARE)
    assert (recommendation.before, recommendation.after, recommendation.changes) == (
        2,
        1,
        {"integrations": 50},
    )
    assert recommendation.reason == (
        "Instance 2 has 5 integrations, and for a day 1 instance would have held all 35, at no "
        "more than 7% of the load at which a tenant grows."
    )


def test_what_was_added_for_load_goes_one_at_a_time() -> None:
    assert written(facts(9, 9, 9, instances=3, integrations=42)) == {"instances": 2}
    assert written(facts(9, 9, instances=2, integrations=42)) == {"instances": None}


def test_room_for_integrations_is_given_up_no_further_than_it_has_to_be() -> None:
    assert written(facts(9, 9, 9, integrations=120)) == {"integrations": 100}


def test_the_last_one_stays() -> None:
    assert judge(facts(0)).recommendation is None


@pytest.mark.parametrize(
    ("placed", "goes"),
    [
        pytest.param((13, 24), True, id="24 of 50 on the last"),
        pytest.param((12, 25), False, id="25 of 50 on the last"),
        pytest.param((33, 4), True, id="37 of 50 on the one that stays"),
        pytest.param((34, 4), False, id="38 of 50 on the one that stays"),
    ],
)
def test_an_instance_goes_only_when_the_rest_hold_its_integrations_with_room_to_spare(
    placed: tuple[int, ...], goes: bool
) -> None:
    assert bool(written(facts(*placed))) == goes


@pytest.mark.parametrize(
    ("peaks", "placement", "goes"),
    [
        pytest.param((usage(rate=40_000), usage(rate=10_000)), "pack", True, id="half of the rate"),
        pytest.param((usage(rate=40_000), usage(rate=10_001)), "pack", False, id="more of it"),
        pytest.param((usage(connections=200), usage(connections=50)), "pack", True, id="clients"),
        pytest.param((usage(connections=200), usage(connections=51)), "pack", False, id="more"),
        pytest.param((usage(memory=1), usage(memory=0.5)), "pack", True, id="half of the memory"),
        pytest.param((usage(memory=1), usage(memory=0.6)), "pack", False, id="more memory"),
        pytest.param(
            (usage(rate=40_000), usage(rate=40_000), usage(rate=20_000)), "spread", True,
            id="the others share it",
        ),
        pytest.param(
            (usage(rate=40_000), usage(rate=40_000), usage(rate=20_000)), "pack", False,
            id="one of the others may get all of it",
        ),
    ],
)  # fmt: skip
def test_an_instance_goes_only_when_the_rest_would_have_carried_the_peaks_of_a_day(
    peaks: tuple[Usage, ...], placement: str, goes: bool
) -> None:
    readings = {n: reading(peak=peak) for n, peak in enumerate(peaks, 1)}
    quiet = facts(*[5] * len(peaks), readings=readings, instances=len(peaks), placement=placement)
    assert bool(written(quiet)) == goes


@pytest.mark.parametrize(
    ("watched", "goes"),
    [
        pytest.param({1: 1.0, 2: 0.95}, True, id="all day, but for a hole"),
        pytest.param({1: 1.0, 2: 0.94}, False, id="it came in the last day"),
        pytest.param({1: 0.5, 2: 1.0}, False, id="nobody saw the other for half of it"),
        pytest.param({1: 1.0, 2: 1.0, 3: 0.1}, False, id="a third went in the last day"),
        pytest.param({1: 1.0}, False, id="nobody has seen it"),
    ],
)
def test_nothing_goes_within_a_day_after_a_change(watched: dict[int, float], goes: bool) -> None:
    assert bool(written(replace(SPARE, watched=watched))) == goes


def test_an_instance_with_integrations_of_another_tenant_stays() -> None:
    borrowed = replace(row("acme", 2, 5), foreign_integrations=1)
    assert judge(replace(SPARE, rows=(SPARE.rows[0], borrowed))).recommendation is None


BLIND = [
    pytest.param(
        replace(SPARE, readings={1: reading()}),
        "instance 2 has no recent data in Prometheus",
        id="one",
    ),
    pytest.param(
        replace(SPARE, readings={}), "instance 1 has no recent data in Prometheus", id="all"
    ),
    pytest.param(
        replace(SPARE, readings={1: reading()}, doubts={2: "was last heard of 12 minutes ago"}),
        "instance 2 was last heard of 12 minutes ago",
        id="stale",
    ),
    pytest.param(
        replace(SPARE, rows=SPARE.rows[:1]),
        "a change of its instances is not carried out yet",
        id="one is still to come",
    ),
    pytest.param(
        replace(SPARE, rows=(*SPARE.rows, row("acme", 3, status="draining"))),
        "a change of its instances is not carried out yet",
        id="one is still to go",
    ),
]


@pytest.mark.parametrize(("blind", "why"), BLIND)
def test_nothing_shrinks_that_cannot_be_seen(blind: Facts, why: str) -> None:
    verdict = judge(blind)
    assert (verdict.recommendation, verdict.blind) == (None, why)


@pytest.mark.parametrize(("blind", "why"), BLIND)
def test_nothing_grows_by_a_load_that_is_seen_in_part(blind: Facts, why: str) -> None:
    busy = {number: reading(OVER) for number in blind.readings}
    verdict = judge(replace(blind, readings=busy))
    assert (verdict.recommendation, verdict.blind) == (None, why)


@pytest.mark.parametrize(("blind", "why"), BLIND)
def test_who_cannot_be_seen_still_grows_by_integrations(blind: Facts, why: str) -> None:
    verdict = judge(replace(blind, unplaced=100))
    assert verdict.recommendation
    assert (verdict.recommendation.action, verdict.blind) == ("grow", why)


def test_a_row_that_only_announces_a_server_is_no_change_on_its_way() -> None:
    announced = row("acme", 3, status="provisioning")
    assert decided(replace(SPARE, rows=(*SPARE.rows, announced))).after == 1


def test_a_row_that_is_terminated_is_no_server() -> None:
    past = row("acme", 3, status="terminated")
    assert decided(replace(SPARE, rows=(*SPARE.rows, past))).after == 1
