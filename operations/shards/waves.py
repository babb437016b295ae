"""In which order the shards that are due are deployed: pure.

An edit concerns its own shard alone. A new version of the program, or other settings, concerns all:
a canary goes first, then a tenth, then the rest, so that a fault of it stops at the canary.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from operations.shards.marks import Due

_NAMES = ("edits", "canary", "tenth", "rest")


@dataclass(frozen=True)
class Wave:
    """Shards that may be deployed at once."""

    name: str
    shards: tuple[str, ...]

    def batches(self, most: int) -> tuple[str, ...]:
        """The shards in at most so many groups of nearly one size, a space between two shards."""
        count = min(most, len(self.shards))
        groups = (self.shards[start::count] for start in range(count))
        return tuple(" ".join(group) for group in groups)


def waves(due: Iterable[Due], canary: str | None = None) -> tuple[Wave, ...]:
    """All four waves, each perhaps empty.

    Args:
        due: the members that are due; the base is in no wave.
        canary: the shard that is to be the first one if it is due; otherwise the first by name.
    """
    found = list(due)
    rolls = any(each.is_of_all for each in found)
    edits: list[str] = []
    others: list[str] = []
    for each in found:
        if each.member.shard:
            # A shard without a mark may have servers, by a split: they get no version before the
            # canary.
            waits = each.is_of_all or (each.is_new and rolls)
            (others if waits else edits).append(each.member.name)
    if canary in others:
        others = [canary, *(each for each in others if each != canary)]
    tenth = 1 + ceil(len(others[1:]) / 10)
    return tuple(
        Wave(name, tuple(found))
        for name, found in zip(
            _NAMES, (edits, others[:1], others[1:tenth], others[tenth:]), strict=True
        )
    )
