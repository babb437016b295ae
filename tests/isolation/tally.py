"""What has been checked, to be told at the end of a run."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pytest

from tests.isolation.state import Comparison

PROPERTY = "tally"
"""Of a test's report: what it has checked, from whichever process."""


@dataclass
class Tally:
    """Counts of one test, or over all tests of a run."""

    states: int = 0
    cells: int = 0
    """Of the tables of these states."""
    wrong: int = 0
    """Pairs of a source and a target with wrong cells."""
    defects: int = 0
    """Planted."""
    caught: int = 0
    events: int = 0
    """After each of which every NATS pod was looked at."""

    def count(self, comparison: Comparison) -> None:
        """Add what was compared in one state."""
        self.states += 1
        self.cells += comparison.cells
        self.wrong += len(comparison.wrong)

    def __add__(self, other: "Tally") -> "Tally":
        theirs = asdict(other)
        return Tally(**{name: count + theirs[name] for name, count in asdict(self).items()})

    def __str__(self) -> str:
        return (
            f"isolation: {self.cells:,} cells of {self.states} states, {self.wrong} wrong; "
            f"{self.defects} defects planted, {self.caught} caught; "
            f"every NATS pod looked at after each of {self.events} events"
        )


def told(reports: Iterable[pytest.TestReport]) -> str:
    """What the tests of a run have checked in all; nothing where none had to do with isolation."""
    checked = Tally()
    for report in reports:
        if report.when == "teardown":
            for name, counts in report.user_properties:
                if name == PROPERTY:
                    checked += Tally(**counts)  # pyright: ignore[reportCallIssue]
    return str(checked) if checked != Tally() else ""
