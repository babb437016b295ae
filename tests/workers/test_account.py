"""What became of a message is judged by when it was published and where the worker was."""

from typing import Any

import pytest

from tests.workers.account import Account, Circumstance, Move, Visit, circumstance, visits
from tests.workers.program import Event
from tests.workers.publisher import Sent

VISITS = [Visit("one", 10, 25, 26), Visit("two", 20, 45, 46), Visit("one", 40)]
MOVES = [Move("one", 0), Move("two", 19), Move("one", 39)]


def event(name: str, time: float, **facts: Any) -> Event:
    return Event(name, time, facts)


def test_a_visit_goes_from_joined_to_left_and_a_return_within_the_linger_time_is_the_same() -> None:
    events = [
        event("found", 9, url="one"),
        event("joined", 10, url="one"),
        event("joined", 11, url="one"),
        event("error", 12, error="something"),
        event("leaving", 13, url="two"),  # where it had not come to joining
        event("joined", 20, url="two"),
        event("leaving", 25, url="one"),
        event("left", 26, url="one"),
        event("joined", 40, url="one"),
        event("leaving", 45, url="two"),
        event("left", 46, url="two"),
    ]
    assert visits(events) == VISITS


@pytest.mark.parametrize(
    ("url", "before", "after", "expected"),
    [
        ("one", 10, 25, Circumstance.COVERED),
        ("one", 41, 42, Circumstance.COVERED),
        ("one", 9.9, 10.1, Circumstance.IN_DOUBT),
        ("one", 24.9, 25.1, Circumstance.IN_DOUBT),
        ("one", 25.5, 25.6, Circumstance.IN_DOUBT),
        ("one", 8, 9, Circumstance.BEFORE_JOINED),
        ("two", 19, 19.5, Circumstance.BEFORE_JOINED),
        ("one", 39, 39.5, Circumstance.BEFORE_JOINED),
        ("one", 27, 28, Circumstance.AFTER_LEFT),
        ("two", 47, 48, Circumstance.AFTER_LEFT),
    ],
)
def test_the_circumstance_of_a_message(
    url: str, before: float, after: float, expected: Circumstance
) -> None:
    assert circumstance(Sent("", url, before, after), VISITS, MOVES) == expected


def test_an_account_counts_what_arrived_and_what_did_not_by_circumstance() -> None:
    sent = [
        Sent("arrived", "one", 11, 12),
        Sent("lost", "one", 11, 12),
        Sent("early", "two", 19, 19.5),
    ]
    account = Account.of(sent, ["arrived", "of another"], VISITS, MOVES)
    assert str(account) == (
        "published 3, received 1, lost: 1 covered, 0 in doubt, 1 before joined, 0 after left"
    )
    assert account.circumstances[Circumstance.COVERED] == 2
