"""How many integrations each instance gets.

A pure function, called twice: by the program, so that a preview shows what will move, and again by
the provider, inside the transaction that moves them, over the rows that it has locked. It counts
integrations: those of one instance are interchangeable.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tenancy.inventory.terms import PlacementPolicy
from tenancy.words import agreeing, counted

LEAVE_VARIABLE = "TENANT_NATS_LEAVE_INTEGRATIONS"
"""If set, previews ignore pending integration moves. `drift` sets it: moves are normal traffic, not
drift."""


@dataclass(frozen=True)
class Move:
    """How many integrations go from one instance of a tenant to another."""

    source: int | None
    """An instance's number; None for integrations that have none yet."""
    target: int
    integrations: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What to do with the integrations of one tenant."""

    moves: tuple[Move, ...] = ()
    unplaced: int = 0
    """How many stay without an instance, since there is no room."""
    stranded: int = 0
    """How many are on an instance that is to be removed, with no room elsewhere. Unless this is 0,
    nothing may be done at all."""
    crowded: int = 0
    """How many stay on an instance beyond its capacity, since there is no room elsewhere."""


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
    and those without an instance fill the lowest-numbered instance first. `spread` gives all
    instances even levels. Integrations above the level, on an instance that is to be removed, or on
    none, move to instances below their level. So no instance is ever filled beyond its capacity.

    Args:
        instances: the numbers of the wanted instances.
        capacity: how many integrations each of them holds.
        policy: how to fill them.
        placed: how many integrations each instance has now, including those to be removed.
        unplaced: how many have no instance.
    """
    levels = _levels(sorted(instances), capacity, policy, placed, unplaced)
    leaving = {number: placed[number] for number in sorted(placed) if number not in levels}
    above = {number: placed.get(number, 0) - level for number, level in levels.items()}
    room = {number: -surplus for number, surplus in above.items() if surplus < 0}
    # Integrations that have to move come first: they find room before those that could stay.
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
    # The fullest instances keep the remainder, so that fewer integrations move.
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
