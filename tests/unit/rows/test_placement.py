"""Which integrations go where: scenarios as literals, and the rules that hold for every tenant."""

from dataclasses import dataclass, replace
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tenancy.inventory.terms import PlacementPolicy
from tenancy.rows.placement import Move, Placement, place, summary
from tests.sweeps import examples


@dataclass(frozen=True)
class Tenant:
    """What `place` is asked about."""

    placed: dict[int, int]
    instances: int
    unplaced: int = 0
    policy: PlacementPolicy = "pack"
    capacity: int = 50

    def place(self) -> Placement:
        return place(
            instances=range(1, self.instances + 1),
            capacity=self.capacity,
            policy=self.policy,
            placed=self.placed,
            unplaced=self.unplaced,
        )


def moves(
    placed: dict[int, int], *, instances: int, unplaced: int = 0, policy: PlacementPolicy = "pack"
) -> list[tuple[int | None, int, int]]:
    """(source, target, integrations), when all find room."""
    placement = Tenant(placed, instances, unplaced, policy).place()
    assert (placement.unplaced, placement.stranded) == (0, 0)
    return [(move.source, move.target, move.integrations) for move in placement.moves]


def test_past_fifty_the_second_instance_takes_what_has_none() -> None:
    assert moves({1: 50, 2: 0}, instances=2, unplaced=10) == [(None, 2, 10)]


def test_the_lowest_numbered_instance_is_filled_first() -> None:
    assert moves({1: 47, 2: 10}, instances=3, unplaced=20) == [(None, 1, 3), (None, 2, 17)]


def test_packing_leaves_integrations_where_they_are() -> None:
    assert moves({1: 25, 2: 25}, instances=2) == []
    assert moves({1: 0, 2: 25}, instances=2, unplaced=1) == [(None, 1, 1)]


def test_spreading_moves_twenty_five_of_fifty_to_the_second_instance() -> None:
    assert moves({1: 50}, instances=2, policy="spread") == [(1, 2, 25)]


def test_spreading_what_is_even_moves_nothing() -> None:
    assert moves({1: 25, 2: 25}, instances=2, policy="spread") == []
    assert moves({1: 17, 2: 16, 3: 17}, instances=3, policy="spread") == []


def test_what_does_not_divide_stays_with_those_that_have_the_most() -> None:
    assert moves({1: 10, 2: 11}, instances=2, policy="spread") == []
    assert moves({1: 0, 2: 0, 3: 5}, instances=3, policy="spread") == [(3, 1, 2), (3, 2, 1)]


def test_spreading_places_what_is_new_before_it_moves_what_is_not() -> None:
    assert moves({1: 10}, instances=2, unplaced=10, policy="spread") == [(None, 2, 10)]


def test_going_back_to_one_instance_moves_all_to_it() -> None:
    assert moves({1: 30, 2: 20}, instances=1) == [(2, 1, 20)]
    assert moves({1: 30, 2: 20}, instances=1, policy="spread") == [(2, 1, 20)]


def test_what_does_not_fit_on_the_instances_that_stay_is_stranded() -> None:
    assert Tenant({1: 50, 2: 10}, 1, 0, "pack").place().stranded == 10
    assert Tenant({1: 45, 2: 10}, 1, 0, "spread").place().stranded == 5


def test_what_has_to_go_finds_room_before_what_has_no_instance_yet() -> None:
    placement = Tenant({1: 40, 2: 10}, 1, 7, "pack").place()
    assert placement == Placement(moves=(Move(2, 1, 10),), unplaced=7, stranded=0)


def test_what_is_new_and_does_not_fit_stays_without_an_instance() -> None:
    placement = Tenant({1: 45}, 1, 12, "pack").place()
    assert placement == Placement(moves=(Move(None, 1, 5),), unplaced=7, stranded=0)


def test_an_instance_over_its_capacity_sends_away_what_others_can_take() -> None:
    assert moves({1: 55, 2: 0}, instances=2) == [(1, 2, 5)]
    assert Tenant({1: 55, 2: 48}, 2, 0, "pack").place().moves == (Move(1, 2, 2),)
    assert Tenant({1: 55, 2: 48}, 2, 0, "spread").place().moves == (Move(1, 2, 2),)


def test_a_tenant_without_instances_strands_what_is_placed() -> None:
    assert Tenant({1: 3}, 0, 4, "spread").place() == Placement(unplaced=4, stranded=3)


@pytest.mark.parametrize(
    ("given_moves", "words"),
    [
        ([Move(None, 1, 1), Move(None, 2, 2), Move(1, 2, 25)],
         "3 integrations to place, 25 move from 1 to 2"),
        ([Move(None, 1, 1)], "1 integration to place"),
        ([Move(2, 1, 1)], "1 moves from 2 to 1"),
        ([], ""),
    ],
)  # fmt: skip
def test_moves_are_told_in_words(given_moves: list[Move], words: str) -> None:
    assert summary(given_moves) == words


@st.composite
def tenants(draw: st.DrawFn) -> Tenant:
    return Tenant(
        placed=draw(st.dictionaries(st.integers(1, 5), st.integers(0, 12), max_size=5)),
        instances=draw(st.integers(1, 4)),
        unplaced=draw(st.integers(0, 12)),
        policy=draw(st.sampled_from(["pack", "spread"])),
        capacity=draw(st.integers(1, 10)),
    )


def counts_after(tenant: Tenant, done: Placement) -> dict[int | None, int]:
    """How many integrations each instance has after the moves; None stands for no instance."""
    counts: dict[int | None, int] = {None: tenant.unplaced, **tenant.placed}
    for number in range(1, tenant.instances + 1):
        counts.setdefault(number, 0)
    for move in done.moves:
        counts[move.source] -= move.integrations
        counts[move.target] += move.integrations
    return counts


@examples(50)
@given(tenants())
def test_none_is_lost_and_no_instance_is_filled_beyond_its_capacity(tenant: Tenant) -> None:
    done = tenant.place()
    counts = counts_after(tenant, done)
    assert sum(counts.values()) == tenant.unplaced + sum(tenant.placed.values())
    assert min(counts.values()) >= 0
    assert counts[None] == done.unplaced
    goes = [number for number in tenant.placed if number > tenant.instances]
    assert sum(counts[number] for number in goes) == done.stranded
    for move in done.moves:
        assert move.integrations > 0
        assert counts[move.target] <= tenant.capacity


@examples(50)
@given(tenants())
def test_a_second_look_moves_nothing_more(tenant: Tenant) -> None:
    done = tenant.place()
    assume(not done.stranded)
    counts = counts_after(tenant, done)
    placed = {number: count for number, count in counts.items() if number is not None and count}
    again = replace(tenant, placed=placed, unplaced=counts[None])
    assert again.place().moves == ()


@examples(50)
@given(tenants())
def test_integrations_are_left_over_only_if_no_room_is(tenant: Tenant) -> None:
    done = tenant.place()
    counts = counts_after(tenant, done)
    live = range(1, tenant.instances + 1)
    if done.unplaced or done.stranded or any(counts[number] > tenant.capacity for number in live):
        assert all(counts[number] >= tenant.capacity for number in live)


@examples(50)
@given(tenants())
def test_spread_instances_differ_by_one_at_most_unless_one_was_overfull(tenant: Tenant) -> None:
    tenant = replace(tenant, policy="spread")
    done = tenant.place()
    counts = counts_after(tenant, done)
    live = [counts[number] for number in range(1, tenant.instances + 1)]
    assert max(live) - min(live) <= 1 or max(live) > tenant.capacity


@examples(50)
@given(tenants())
def test_no_other_way_to_the_same_end_moves_fewer(tenant: Tenant) -> None:
    """Against all ways to fill the instances, for tenants that fit."""
    total = sum(tenant.placed.values()) + tenant.unplaced
    assume(total <= tenant.capacity * tenant.instances)
    now = [tenant.placed.get(number, 0) for number in range(1, tenant.instances + 1)]

    def even_enough(counts: tuple[int, ...]) -> bool:
        return tenant.policy == "pack" or max(counts) - min(counts) <= 1

    fewest = min(
        sum(max(0, count - before) for count, before in zip(counts, now, strict=True))
        for counts in product(range(tenant.capacity + 1), repeat=tenant.instances)
        if sum(counts) == total and even_enough(counts)
    )
    assert sum(move.integrations for move in tenant.place().moves) == fewest
