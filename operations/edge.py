"""The edge of the command line: every failure that no command reports is one line here, and 1.

A command reports what it can expect, where it arises and with the remedy. What is left, such as a
full disk behind stdout or another program's answer that nobody has foreseen, ends here. Nobody
reads a traceback for it, except whoever asks for one.
"""

import os
import sys
import traceback
from contextlib import suppress
from importlib.metadata import files
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from operations.exits import Exit

VARIABLE = "TENANT_NATS_TRACEBACK"
"""Set to anything, it shows the traceback: for whoever changes this program."""
_PROJECT = Path(__file__).parent.parent
_OTHERS = "site-packages"


class Edge(TyperGroup):
    """The group of all commands, which lets no exception out."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run the command that the arguments name, and exit."""
        _write_any_character()
        try:
            try:
                return super().main(*arguments, **options)
            finally:
                # Here, since the interpreter's own flush at the end would print a traceback.
                if sys.stdout:
                    sys.stdout.flush()
        except Exception as error:
            if os.environ.get(VARIABLE):
                raise
            # A reader such as `head` that has seen enough is no failure to tell.
            if not isinstance(error, BrokenPipeError):
                with suppress(OSError):
                    typer.echo(_told(error), err=True)
            _write_nothing_more()
            sys.exit(Exit.FAILED)


def _write_any_character() -> None:
    """Write what a terminal has no character for as an escape, such as `\\u2192` in latin-1."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _write_nothing_more() -> None:
    """Let the interpreter's last flush succeed, which else would print a traceback."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        # In tests a stream has no descriptor.
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _told(error: Exception) -> str:
    """One line. What is unforeseen is told without its text, which may repeat a secret."""
    match error:
        case OSError(strerror=str(why)):
            # Whoever writes to a file names it, so the rest was for stdout.
            where = os.fsdecode(error.filename) if error.filename else "the output"
            return f"Failed: {where}: {why}."
        case UnicodeError():
            return (
                f"Failed: a text is not in the encoding that is expected, which is UTF-8: {error}."
            )
        case RecursionError():
            return "Failed: what was read is nested too deeply."
        case _:
            return (
                f"Failed: {type(error).__name__} in {_place(error)}. Either another program "
                "answered something unforeseen, or this program has a fault: run the command again "
                f"with {VARIABLE}=1 and report what it prints."
            )


def _place(error: Exception) -> str:
    """The innermost line of this project: `operations/post.py, line 81`."""
    frames = traceback.extract_tb(error.__traceback__)
    # Where this project is installed, other packages are beside it.
    installed = {str(file.locate()) for file in files("tenant-nats") or ()}
    ours = [
        each
        for each in frames
        if each.filename in installed
        or ((path := Path(each.filename)).is_relative_to(_PROJECT) and _OTHERS not in path.parts)
    ]
    place = (ours or frames)[-1]
    path = Path(place.filename)
    name = path.relative_to(_PROJECT) if path.is_relative_to(_PROJECT) else path.name
    return f"{name}, line {place.lineno}"
