"""What the exit codes of the commands mean; 2 is a wrong call, which typer finds."""

from enum import IntEnum

import typer


class Exit(IntEnum):
    """Why a command ends otherwise than well."""

    WRONG_FILE = 1
    """A file is wrong or cannot be read, so nothing has been judged."""
    NEEDS_APPROVAL = 3
    OTHER_APPROVAL = 4
    """There is an approval, of another plan."""


def stopped(code: int, report: str) -> typer.Exit:
    """Tell `report` on stderr; the caller raises what is returned."""
    typer.echo(report, err=True)
    return typer.Exit(code)
