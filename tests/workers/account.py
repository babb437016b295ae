"""What became of each message, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import inf

from tests.workers.program import Event
from tests.workers.publisher import Sent


@dataclass(frozen=True)
class Visit:
    """The time from a worker's `joined` to its `left`, at one server."""

    url: str
    joined: float
    leaving: float = inf
    left: float = inf


@dataclass(frozen=True)
class Move:
    """The integration's placement on a server, from shortly before it was written."""

    url: str
    time: float


class Circumstance(Enum):
    """How a message stood to the worker, at the server at which it was published."""

    COVERED = "covered"
    """The worker had joined before it was published, and began to leave after it was routed."""
    IN_DOUBT = "in doubt"
    """The worker came or went in between."""
    BEFORE_JOINED = "before joined"
    """The integration was there already, the worker not yet."""
    AFTER_LEFT = "after left"
    """The worker had gone after the integration."""


def visits(events: Iterable[Event]) -> list[Visit]:
    """The visits that a worker's events tell of, in the order of joining."""
    found: list[Visit] = []
    staying: dict[str, int] = {}
    for event in events:
        if event.url is None:
            continue
        if event.name == "joined" and event.url not in staying:
            staying[event.url] = len(found)
            found.append(Visit(event.url, event.time))
        elif event.name == "leaving" and event.url in staying:
            index = staying[event.url]
            found[index] = replace(found[index], leaving=event.time)
        elif event.name == "left" and event.url in staying:
            index = staying.pop(event.url)
            found[index] = replace(found[index], left=event.time)
    return found


def circumstance(sent: Sent, visits: Iterable[Visit], moves: Iterable[Move]) -> Circumstance:
    """Where the worker was, and ought to have been, when this was published."""
    there = [visit for visit in visits if visit.url == sent.url]
    if any(visit.joined <= sent.before and sent.after <= visit.leaving for visit in there):
        return Circumstance.COVERED
    if any(visit.joined <= sent.after and sent.before <= visit.left for visit in there):
        return Circumstance.IN_DOUBT
    placed = [move.url for move in moves if move.time <= sent.before]
    return (
        Circumstance.BEFORE_JOINED if placed and placed[-1] == sent.url else Circumstance.AFTER_LEFT
    )


@dataclass(frozen=True)
class Account:
    """What became of the messages of one publisher."""

    published: int
    received: int
    circumstances: Counter[Circumstance]
    """Of all messages."""
    lost: Counter[Circumstance]

    @classmethod
    def of(
        cls,
        sent: Sequence[Sent],
        received: Iterable[str],
        visits: Sequence[Visit],
        moves: Sequence[Move],
    ) -> "Account":
        """Take account of what was sent."""
        arrived = set(received)
        found = [(each.text in arrived, circumstance(each, visits, moves)) for each in sent]
        return cls(
            published=len(sent),
            received=sum(has_arrived for has_arrived, _ in found),
            circumstances=Counter(why for _, why in found),
            lost=Counter(why for has_arrived, why in found if not has_arrived),
        )

    def __str__(self) -> str:
        lost = ", ".join(f"{self.lost[each]} {each.value}" for each in Circumstance)
        return f"published {self.published}, received {self.received}, lost: {lost}"
