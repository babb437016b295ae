"""Which of many tenants change at once, what is told of the others, and what holds for all."""

from dataclasses import replace
from functools import partial
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from tenancy.edit import approval as guard
from tenancy.edit.steps import edit_steps
from tenancy.inventory.models import Inventory, Tenant, instances_needed
from tenancy.inventory.types import MOST_INSTANCES
from tenancy.plan.plan import expand
from tenancy.rows import removal
from tenancy.scaling.proposal import Proposal, applied, recommend
from tenancy.scaling.usage import Observation
from tenancy.scaling.verdict import Facts, Recommendation
from tests.sweeps import examples
from tests.unit.scaling.worlds import facts, reading, row, usage, whole

FULL = facts(50, integrations=42)
FULLER = facts(50, integrations=42, unplaced=10)
BUSY = facts(40, readings={1: reading(usage(rate=150_000))})
SPARE = facts(9, 9, integrations=80)
QUIET = facts(10)


def named(name: str, one: Facts) -> Facts:
    rows = tuple(row(name, had.instance_number, had.integrations, had.status) for had in one.rows)
    return replace(one, id=name, rows=rows)


def proposal(most: int = 99, most_servers: int = 99, **everyone: Facts) -> Proposal:
    world = whole(*(named(name, one) for name, one in everyone.items()))
    return recommend(*world, most=most, most_servers=most_servers)


def changed(proposal: Proposal) -> list[tuple[str, int, int]]:
    return [(one.tenant, one.before, one.after) for one in proposal.recommendations]


def test_each_tenant_is_judged_by_itself() -> None:
    found = proposal(acme=FULL, globex=QUIET, hooli=SPARE, initech=BUSY)
    assert changed(found) == [("initech", 1, 2), ("acme", 1, 2), ("hooli", 2, 1)]
    assert found.notes == ()


def test_who_needs_it_most_comes_first_and_the_rest_is_held_back() -> None:
    found = proposal(most=2, acme=SPARE, globex=FULL, hooli=FULLER, initech=BUSY)
    assert changed(found) == [("initech", 1, 2), ("hooli", 1, 2)]
    assert [recommendation.tenant for recommendation in found.held_back] == ["globex", "acme"]


def test_no_more_servers_come_at_once_than_may_and_who_needs_them_most_comes_first() -> None:
    larger = facts(50, integrations=42, unplaced=150)
    found = proposal(most_servers=5, acme=FULL, globex=FULLER, hooli=larger, initech=BUSY)
    assert changed(found) == [("hooli", 1, 5), ("initech", 1, 2)]
    assert [recommendation.tenant for recommendation in found.held_back] == ["globex", "acme"]


def test_one_that_needs_more_servers_than_are_left_holds_no_smaller_one_back() -> None:
    larger = facts(50, integrations=42, unplaced=150)
    found = proposal(most_servers=3, acme=FULL, hooli=larger, initech=SPARE)
    assert changed(found) == [("acme", 1, 2), ("initech", 2, 1)]
    assert [recommendation.tenant for recommendation in found.held_back] == ["hooli"]


def test_of_ten_instances_or_more_no_more_go_at_once_than_the_guard_lets_pass() -> None:
    found = proposal(99, 99, **{f"tenant-{n}": SPARE for n in range(6)})
    assert changed(found) == [(f"tenant-{n}", 2, 1) for n in range(3)]
    assert len(found.held_back) == 3


def test_a_tenant_that_is_excepted_is_left_alone_and_not_told_of() -> None:
    blind = replace(FULL, readings={})
    assert recommend(*whole(named("acme", blind)), excepted=["acme"]) == Proposal()


def test_a_tenant_that_is_decommissioned_is_left_alone() -> None:
    inventory = Inventory.model_validate({"tenants": {"acme": {"state": "decommissioned"}}})
    _, snapshot, observation = whole(named("acme", FULL))
    assert recommend(inventory, snapshot, observation) == Proposal()


def test_without_prometheus_integrations_alone_decide_and_that_is_said_once() -> None:
    inventory, snapshot, _ = whole(*(named(n, one) for n, one in [("a", FULL), ("b", SPARE)]))
    found = recommend(inventory, snapshot, Observation(failure="it cannot be reached"))
    assert changed(found) == [("a", 1, 2)]
    assert found.notes == (
        "Judged by integrations only, and nothing shrinks: it cannot be reached.",
    )


def test_a_single_tenant_whose_load_cannot_be_judged_is_named() -> None:
    blind = replace(SPARE, readings={1: reading()}, doubts={2: "has no recent data in Prometheus"})
    found = proposal(acme=blind, globex=SPARE)
    assert changed(found) == [("globex", 2, 1)]
    assert found.notes == (
        "acme: judged by integrations only, and does not shrink: instance 2 has no recent "
        "data in Prometheus.",
    )


def test_who_is_not_helped_by_another_server_is_named() -> None:
    found = proposal(acme=facts(1, readings={1: reading(usage(connections=600))}))
    assert found.recommendations == ()
    assert found.notes == (
        "acme: instance 1 has 600 connections, over half of those it admits, and 1 integration "
        "cannot be spread over more. A larger size helps.",
    )


unlimited = partial(recommend, most_servers=3 * MOST_INSTANCES)
"""`recommend` for all tenants of a world, with no limit of servers."""

figures = st.builds(
    usage,
    rate=st.sampled_from([0, 9_000, 49_000, 100_000, 100_001, 450_000]),
    connections=st.sampled_from([0, 200, 499, 501, 900]),
    memory=st.sampled_from([0.1, 1.4, 2.9, 3.5]),
)
shares = st.sampled_from([0.2, 0.94, 0.95, 1.0])


@st.composite
def tenants(draw: st.DrawFn, name: str) -> Facts:
    """A tenant with rows and loads, some of them missing, that need not agree with its entry."""
    capacity = 50
    integrations = draw(st.integers(0, 180))
    entry: dict[str, object] = {"integrations": integrations}
    needed = max(1, -(-integrations // capacity))
    if draw(st.booleans()):
        entry["instances"] = needed + draw(st.integers(0, 3))
    entry["placement"] = draw(st.sampled_from(["pack", "spread"]))
    count = (
        draw(st.integers(1, 6)) if draw(st.integers(0, 4)) == 0 else entry.get("instances", needed)
    )
    assert isinstance(count, int)
    placed = [draw(st.sampled_from([0, 5, 24, 25, 49, 50, 60])) for _ in range(count)]
    unplaced = draw(st.sampled_from([0, 0, 1, 30, 7_000]))
    one = replace(facts(*placed, unplaced=unplaced), tenant=Tenant.model_validate(entry))
    seen = [n for n in range(1, count + 1) if draw(st.integers(0, 9))]
    return named(
        name,
        replace(
            one,
            readings={n: reading(draw(figures), draw(figures)) for n in seen},
            watched={n: draw(shares) for n in range(1, count + draw(st.integers(0, 1)) + 1)},
        ),
    )


@st.composite
def worlds(draw: st.DrawFn) -> list[Facts]:
    return [draw(tenants(name)) for name in ("acme", "globex", "hooli")[: draw(st.integers(1, 3))]]


@examples(40)
@given(everyone=worlds())
def test_nobody_gets_fewer_than_needed_nor_more_than_there_may_be(everyone: list[Facts]) -> None:
    for one, recommendation in found(everyone):
        needed = min(instances_needed(one.integrations, one.size), MOST_INSTANCES)
        assert needed <= recommendation.after <= MOST_INSTANCES
        entry = applied(whole(*everyone)[0], [recommendation]).tenants[one.id]
        assert entry.instances is None or entry.instances >= instances_needed(
            entry.integrations, one.size
        )


@examples(40)
@given(everyone=worlds())
def test_the_edited_inventory_has_the_recommended_numbers(everyone: list[Facts]) -> None:
    inventory, snapshot, observation = whole(*everyone)
    recommendations = unlimited(inventory, snapshot, observation).recommendations
    edited = applied(inventory, recommendations)
    counts = {tenant.id: len(tenant.instances) for tenant in expand(edited, namespace="n").tenants}
    assert {one.tenant: one.after for one in recommendations} == {
        one.tenant: counts[one.tenant] for one in recommendations
    }


@examples(40)
@given(everyone=worlds())
def test_who_cannot_be_seen_never_shrinks(everyone: list[Facts]) -> None:
    for one, recommendation in found(everyone):
        assert recommendation.action == "grow" or not one.doubt()
    inventory, snapshot, _ = whole(*everyone)
    blind = unlimited(inventory, snapshot, Observation(failure="no"))
    assert all(
        one.action == "grow" and "placement" not in one.changes for one in blind.recommendations
    )


@examples(40)
@given(everyone=worlds(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_tenants_makes_no_difference(everyone: list[Facts], order: Random) -> None:
    shuffled = order.sample(everyone, len(everyone))
    assert (
        recommend(*whole(*everyone), most=2, most_servers=9).recommendations
        == recommend(
            whole(*shuffled)[0], *whole(*everyone)[1:], most=2, most_servers=9
        ).recommendations
    )


@examples(40)
@given(everyone=worlds())
def test_deciding_again_before_anything_is_deployed_changes_nothing(everyone: list[Facts]) -> None:
    # Without tenants that have more rows than the inventory has instances: they cannot be judged,
    # but an edit that keeps these instances makes it possible.
    everyone = [one for one in everyone if len(one.rows) <= one.instances]
    assume(everyone)
    inventory, snapshot, observation = whole(*everyone)
    edited = applied(inventory, unlimited(inventory, snapshot, observation).recommendations)
    assert unlimited(edited, snapshot, observation).recommendations == ()


@examples(40)
@given(everyone=worlds())
def test_what_is_written_is_never_refused_nor_needs_an_approval(everyone: list[Facts]) -> None:
    inventory, snapshot, observation = whole(*everyone)
    edited = applied(inventory, unlimited(inventory, snapshot, observation).recommendations)
    before, after = (expand(one, namespace="vrsky-tenants") for one in (inventory, edited))
    assert guard.refusals(before.instances, edit_steps(before, after)) == ()
    if not removal.refusals(before, snapshot):
        assert removal.refusals(after, snapshot) == ()


def found(everyone: list[Facts]) -> list[tuple[Facts, Recommendation]]:
    by_id = {one.id: one for one in everyone}
    return [(by_id[one.tenant], one) for one in unlimited(*whole(*everyone)).recommendations]
