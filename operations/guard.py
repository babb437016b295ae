"""`guard`: whether an edit of an inventory needs an approval, and whether it has one."""

import json
import re
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.options import Json
from tenancy.edit.approval import approval as approval_of
from tenancy.edit.approval import overlooked, refusals
from tenancy.edit.steps import PreviewError, Step, edit_steps, preview_steps
from tenancy.inventory.faults import InventoryError, printable
from tenancy.inventory.validation import load
from tenancy.plan.plan import Plan, expand

_HASH = re.compile(r"[0-9a-f]{64}")
_NO_BASE = "\nA stack's first inventory has nothing to guard: leave this command out for it."


class _WrongFileError(Exception):
    """An input file is wrong; the text says how."""


def guard(
    base: Annotated[
        Path, typer.Option(metavar="FILE", help="The inventory before the edit, say on main.")
    ],
    head: Annotated[Path, typer.Option(metavar="FILE", help="The inventory as edited.")],
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What `pulumi preview --json` printed for HEAD. Replacements show only here.",
        ),
    ] = None,
    approval: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The approval; a missing file approves nothing."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Refuse an unapproved edit that removes too much.

    An approval is for exactly one edit. It is needed when more than one tenant loses its last
    server, when over 25% of at least 10 instances go, or when a Deployment or Service would be
    replaced.

    \b
    For example:
      python -m operations deployed tenants.yaml --stack prod > base.yaml
      python -m operations guard --base base.yaml --head tenants.yaml --approval tenants.approval

    \b
    Exit codes:
      0  no approval is needed, or it is given
      1  a file is wrong or cannot be read, so nothing has been judged
      2  wrong usage
      3  an approval is needed; it is printed, with the command that gives it
      4  an approval is needed, and the one given is for another plan
    """
    try:
        before, after = _plan(base, if_missing=_NO_BASE), _plan(head)
        steps = edit_steps(before, after) if preview is None else _previewed(preview)
        given = _given(approval) if approval else None
    except _WrongFileError as error:
        raise stopped(Exit.FAILED, str(error)) from None
    if missing := overlooked(before, after, steps):
        raise stopped(Exit.FAILED, _other_preview(preview, missing))
    reasons, needed = refusals(before, steps), approval_of(steps)
    if as_json:
        typer.echo(json.dumps({"reasons": reasons, "approval": needed, "given": given}, indent=2))
        raise typer.Exit(_exit(reasons, needed, given))
    if not reasons:
        typer.echo("Nothing here needs an approval.")
    elif given == needed:
        typer.echo(f"Approved, by {approval}:\n{_lines(reasons)}")
    else:
        code = _exit(reasons, needed, given)
        problem = f"{approval} approves another plan." if given else "This needs an approval."
        advice = _advice(approval or head.with_suffix(".approval"), needed)
        raise stopped(code, f"{problem}\n{_lines(reasons)}\n{advice}")


def _exit(reasons: tuple[str, ...], needed: str, given: str | None) -> int:
    if not reasons or given == needed:
        return 0
    return Exit.OTHER_APPROVAL if given else Exit.NEEDS_APPROVAL


def _plan(inventory: Path, *, if_missing: str = "") -> Plan:
    try:
        # No step depends on the namespace.
        return expand(load(inventory), namespace="any")
    except InventoryError as error:
        hint = "" if inventory.exists() else if_missing
        raise _WrongFileError(f"{error}{hint}") from None


def _previewed(file: Path) -> tuple[Step, ...]:
    try:
        return preview_steps(file.read_bytes())
    except OSError as error:
        raise _WrongFileError(f"{file} cannot be read ({error.strerror}).") from None
    except PreviewError as error:
        raise _WrongFileError(f"{file} is no usable preview: {error}.") from None


def _given(file: Path) -> str | None:
    """The approval in `file`; None if the file is missing or has only comments."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _WrongFileError(f"{file} cannot be read ({error}).") from None
    said = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    said = [(number, text) for number, text in said if text]
    for position, (number, text) in enumerate(said):
        if position or not _HASH.fullmatch(text):
            raise _WrongFileError(
                f"{file}, line {number}: {printable(text)} — expected one approval, of 64 "
                f"characters 0-9 and a-f, and comments. For example: {approval_of(())}"
            )
    return said[0][1] if said else None


def _other_preview(preview: Path | None, missing: tuple[str, ...]) -> str:
    return (
        f"{preview} is no preview of this edit: it keeps {missing[0]}, which the edit removes "
        f"({len(missing)} in all). Preview the edited inventory; or, if the stack never got "
        "that server, first deploy the inventory from before the edit."
    )


def _lines(reasons: tuple[str, ...]) -> str:
    return "\n".join(f"  - {reason}" for reason in reasons)


def _advice(file: Path, needed: str) -> str:
    name = quote(str(file))
    return (
        "Is this meant? Then commit the approval in the same pull request, with a line that says "
        "why:\n"
        f"  printf '%s\\n' '# why it is meant' {needed} > {name}\n"
        f"  git add {name}\n"
        f"and give it as --approval {name}. It holds for exactly this plan."
    )
