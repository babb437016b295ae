"""Plurals and lists in messages, and the words by which one message finds another."""

import re
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


_OUR_CODE = re.compile(r"(`(?:[a-z]+(?:: [a-z]+)?|kubectl [^`]*)`)")
"""A code span as our own words have it. In somebody else's words it is harmless too."""
_MARKDOWN = re.compile(r"[!\[\]<@#*_|~&\\`]|://|www\.")
_WORD = re.compile(r"(\S+?)([,;.:]*(?:\s|$))")


def in_markdown(text: str) -> str:
    """`text`, with each word that Markdown or GitHub would take for more than a word as code.

    Such as `![x](https://…)` or `@team`. An escape by a backslash would not do: GitHub looks for
    names and addresses in what is left of the text when the backslash is gone.
    """
    parts = _OUR_CODE.split(text)
    # Every other part is a code span.
    parts[::2] = [_WORD.sub(_harmless, part) for part in parts[::2]]
    return "".join(parts)


def _harmless(word: re.Match[str]) -> str:
    return f"{in_code(word[1]) if _MARKDOWN.search(word[1]) else word[1]}{word[2]}"


def in_code(text: str) -> str:
    """`text` as a code span of Markdown, whatever backticks it has."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
