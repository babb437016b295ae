"""Plurals and lists in messages, and the words by which one message finds another."""

from collections.abc import Sequence

UNSEEN = "could not look at"
"""In each warning of a preview that did not see everything; the guard then judges nothing."""


def counted(number: int, noun: str) -> str:
    """`1 tenant`, `2 tenants`."""
    return f"{number} {agreeing(number, noun, f'{noun}s')}"


def signed(number: int, noun: str) -> str:
    """`+1 row`, `-3 instances`."""
    return f"{'-' if number < 0 else '+'}{counted(abs(number), noun)}"


def agreeing(number: int, singular: str, plural: str) -> str:
    """The form of a noun or a verb that goes with `number`: `moves` with 1, `move` with 2."""
    return singular if number == 1 else plural


def listed(names: Sequence[str], most: int) -> str:
    """`acme, globex and 3 more`: at most `most` by name."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
