"""Which integration is on which instance.

A pure function, asked twice: by the program, so that a preview shows what will move, and again by
the provider inside the transaction that moves, over what it has locked. It counts integrations; any
of an instance is as good as another.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tenancy.inventory.terms import PlacementPolicy
from tenancy.words import agreeing, counted

LEAVE_VARIABLE = "TENANT_NATS_LEAVE_INTEGRATIONS"
"""Set in the environment of a preview that is to leave out which integrations are to move: those of
a platform that lives, and no change that anybody made to the stack."""


@dataclass(frozen=True)
class Move:
    """So many integrations go from one instance of a tenant to another."""

    source: int | None
    """An instance's number; None for integrations that have none yet."""
    target: int
    integrations: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What is to be done with the integrations of one tenant."""

    moves: tuple[Move, ...] = ()
    unplaced: int = 0
    """How many stay without an instance, since there is no room."""
    stranded: int = 0
    """How many are on an instance that goes and have nowhere to go. Unless this is 0, nothing may
    be done at all."""
    crowded: int = 0
    """How many stay on an instance that has more than its capacity, since there is no room."""


def place(
    *,
    instances: Collection[int],
    capacity: int,
    policy: PlacementPolicy,
    placed: Mapping[int, int],
    unplaced: int,
) -> Placement:
    """The fewest moves that bring a tenant's integrations to where they should be.

    Every instance has a level. `pack` sets it to the capacity: integrations stay where they are,
    and what has no place fills the lowest-numbered instance first. `spread` sets the levels of all
    instances even. What is above its level, on an instance that goes, or on none, goes to where
    there is room below the level; so no instance is ever filled beyond its capacity.

    Args:
        instances: the numbers of the instances that are to be.
        capacity: how many integrations each of them holds.
        policy: how to fill them.
        placed: how many integrations each instance has now, those that go included.
        unplaced: how many have none.
    """
    levels = _levels(sorted(instances), capacity, policy, placed, unplaced)
    leaving = {number: placed[number] for number in sorted(placed) if number not in levels}
    above = {number: placed.get(number, 0) - level for number, level in levels.items()}
    room = {number: -surplus for number, surplus in above.items() if surplus < 0}
    # What has to go comes first, so that it finds room before what could also stay.
    moves: list[Move] = []
    stranded = sum(_pour(number, count, room, moves) for number, count in leaving.items())
    crowded = sum(
        min(_pour(number, surplus, room, moves), max(placed.get(number, 0) - capacity, 0))
        for number, surplus in above.items()
    )
    left = _pour(None, unplaced, room, moves)
    return Placement(moves=tuple(moves), unplaced=left, stranded=stranded, crowded=crowded)


def _levels(
    instances: list[int],
    capacity: int,
    policy: PlacementPolicy,
    placed: Mapping[int, int],
    unplaced: int,
) -> dict[int, int]:
    """How many integrations each instance should have at most."""
    if policy == "pack" or not instances:
        return dict.fromkeys(instances, capacity)
    total = min(sum(placed.values()) + unplaced, capacity * len(instances))
    even, more = divmod(total, len(instances))
    # What does not divide stays with those that have the most already: they need not send it away.
    fullest = sorted(instances, key=lambda number: (-placed.get(number, 0), number))[:more]
    return {number: even + (number in fullest) for number in instances}


def _pour(source: int | None, count: int, room: dict[int, int], moves: list[Move]) -> int:
    """Move `count` integrations to where there is room, lowest number first.

    Returns:
        How many found none.
    """
    for target in room:
        taken = min(count, room[target])
        if taken > 0:
            moves.append(Move(source, target, taken))
            room[target] -= taken
            count -= taken
    return max(count, 0)


def summary(moves: Collection[Move]) -> str:
    """`3 integrations to place, 25 move from 1 to 2`."""
    new = sum(move.integrations for move in moves if move.source is None)
    parts = [f"{counted(new, 'integration')} to place"] if new else []
    parts += [
        f"{move.integrations} {agreeing(move.integrations, 'moves', 'move')} "
        f"from {move.source} to {move.target}"
        for move in moves
        if move.source is not None
    ]
    return ", ".join(parts)
