"""What the exit codes of the commands mean; 2 is wrong usage, which typer finds."""

from enum import IntEnum

import typer


class Exit(IntEnum):
    """Why a command does not end with 0."""

    FAILED = 1
    """A file is wrong, or a file, a program or a service could not be used."""
    NEEDS_APPROVAL = 3
    OTHER_APPROVAL = 4
    """The given approval is of other steps."""
    DIFFERENT = 5
    """Actual and desired state differ."""


class Recovery(IntEnum):
    """Why `recover` does not end with 0, beside `Exit.FAILED`."""

    ENGINE_LIVES = 3
    LOCK_UNJUDGED = 4
    """It cannot be seen from here whether the engine that holds the lock runs."""


def stopped(code: int, report: str) -> typer.Exit:
    """Print `report` on stderr, and return the exception for the caller to raise."""
    typer.echo(report, err=True)
    return typer.Exit(code)
