"""What the exit codes of the commands mean; 2 is a wrong call, which typer finds."""

from enum import IntEnum

import typer


class Exit(IntEnum):
    """Why a command that judges files ends otherwise than well."""

    WRONG_FILE = 1
    """A file is wrong or cannot be read, so nothing has been judged."""
    NEEDS_APPROVAL = 3
    OTHER_APPROVAL = 4
    """There is an approval, of another plan."""
    DIFFERENT = 5
    """What there is, is not what is to be."""


class Recovery(IntEnum):
    """Why `recover` ends otherwise than well."""

    FAILED = 1
    ENGINE_LIVES = 3
    LOCK_UNJUDGED = 4
    """Whether the lock's engine runs cannot be seen from here."""


def stopped(code: int, report: str) -> typer.Exit:
    """Tell `report` on stderr; the caller raises what is returned."""
    typer.echo(report, err=True)
    return typer.Exit(code)
