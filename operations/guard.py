"""`guard`: whether an edit of an inventory needs an approval, and whether it has one."""

import json
import re
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.inventories.differing import differing
from operations.inventories.loading import is_folder
from operations.options import Json
from operations.outside.files import read_text
from operations.outside.git import RevisionError
from tenancy.edit.approval import approval as approval_of
from tenancy.edit.approval import gated, overlooked, refusals, undated
from tenancy.edit.effects import instances_beside, plan_of
from tenancy.edit.restarts import told
from tenancy.edit.steps import (
    PreviewError,
    Step,
    edit_steps,
    preview_steps,
    restarting,
    servers,
    servers_after,
)
from tenancy.inventory.faults import InventoryError, printable
from tenancy.inventory.validation import load
from tenancy.plan.plan import Plan, expand
from tenancy.words import listed

_HASH = re.compile(r"[0-9a-f]{64}")
_NO_BASE = "\nA stack's first inventory has nothing to guard: leave this command out for it."

_BY_PREVIEW = "It holds for exactly this plan of exactly these servers, so only once."
_BY_GATED = "It holds for exactly these objects and addresses, and for no loss, so only once."
_BY_INVENTORIES = "It holds for exactly this edit, whenever it is made; by --preview only once."


class _WrongFileError(Exception):
    """An input file is wrong; the text says how."""


def guard(
    head: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The inventory as edited, or the folder of a cell."),
    ],
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The inventory before the edit, say on main; otherwise what the stack has, by "
            "--preview. For the folder of a cell, another folder or a git revision.",
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What `pulumi preview --json --show-sames` printed for HEAD. Replacements show "
            "only here.",
        ),
    ] = None,
    approval: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The approval; a missing file approves nothing."),
    ] = None,
    is_gated: Annotated[
        bool,
        typer.Option(
            "--gated",
            help="For a shard of a cell, with --preview: judge only what would be replaced, and "
            "rows that get other addresses. A gate over the whole cell has judged what is lost.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Refuse an unapproved edit that removes too much.

    It compares the edit with the servers that the stack has (--preview), or with an earlier
    inventory (--base). An approval is needed when more than one tenant loses its last server, when
    over 25% of at least 10 instances go, when a Deployment or Service would be replaced, or when
    rows get other addresses. An approval is for one edit only; with --preview also only for the
    servers that the stack has now. A line tells which servers restart by the --preview, whatever
    the reason, such as a setting; that needs no approval.

    Of a cell's folder it reads the files that differ from --base; the 25% are of the whole cell.
    With --gated, in CI's job of one shard, it judges no removal: shards that each lose one tenant
    lose many, so `shards check` judges removals over the cell, before any shard is deployed. The
    approval is then for the replacements and other addresses only.

    \b
    For example:
      pulumi preview --stack prod --json --show-sames > preview.json
      tenant-nats guard --head tenants.yaml --preview preview.json \\
        --approval tenants.approval
      tenant-nats guard --base main.yaml --head tenants.yaml
      tenant-nats guard --base origin/main --head inventory/eu
      tenant-nats guard --gated --head inventory/eu/017.yaml --preview preview.json

    \b
    Exit codes:
      0  no approval is needed, or it is given
      1  a file is wrong or cannot be read, so nothing has been judged
      2  wrong usage
      3  an approval is needed; it is printed, with the command that gives it
      4  an approval is needed, and the one given is for another plan or for earlier servers
    """
    if is_gated and preview is None:
        raise typer.BadParameter(
            "--gated: give --preview, since only a preview shows replacements."
        )
    is_cell = is_folder(head)
    if is_cell and (base is None or preview is not None):
        raise typer.BadParameter("give --base for a cell's folder; a preview is of one stack.")
    try:
        before, steps = _of_cell(head, str(base)) if is_cell else _of_stack(head, base, preview)
        judged = gated(steps) if is_gated else steps
        reasons, needed = refusals(before, judged), approval_of(judged)
        if preview is not None and reasons and (nameless := undated(judged)):
            raise _WrongFileError(_undated(preview, nameless))
        given = _given(approval) if approval else None
    except _WrongFileError as error:
        raise stopped(Exit.FAILED, str(error)) from None
    restarts = restarting(steps)
    if as_json:
        answer = {"reasons": reasons, "approval": needed, "given": given, "restarts": restarts}
        typer.echo(json.dumps(answer, indent=2))
        raise typer.Exit(_exit(reasons, needed, given))
    if line := told(restarts):
        typer.echo(line)
    if not reasons:
        typer.echo("Nothing here needs an approval.")
    elif given == needed:
        typer.echo(f"Approved, by {approval}:\n{_lines(reasons)}")
    else:
        code = _exit(reasons, needed, given)
        problem = f"{approval} approves another plan." if given else "This needs an approval."
        scope = _BY_PREVIEW if preview else _BY_INVENTORIES
        if is_gated:
            scope = _BY_GATED
        # `shards check` has the approval of a whole cell, in another form.
        default = head.with_suffix(".edit.approval" if is_cell else ".approval")
        advice = _advice(approval or default, needed, scope)
        raise stopped(code, f"{problem}\n{_lines(reasons)}\n{advice}")


def _of_stack(
    head: Path, base: Path | None, preview: Path | None
) -> tuple[frozenset[str], tuple[Step, ...]]:
    """The names of a stack's instances before the edit, and what the edit does."""
    new = _plan(head)
    edited = frozenset(new.instances)
    if base is not None:
        old = _plan(base, if_missing=_NO_BASE)
        before = frozenset(old.instances)
        steps = edit_steps(old, new) if preview is None else _previewed(preview)
        if missing := overlooked(before, edited, steps):
            raise _WrongFileError(_other_preview(preview, missing))
        return before, steps
    if preview is not None:
        steps = _whole(preview, edited)
        return servers(steps), steps
    raise typer.BadParameter("give --preview, or --base, to say what there is.")


def _of_cell(folder: Path, base: str) -> tuple[frozenset[str], tuple[Step, ...]]:
    """The same of a cell, of which only the files that differ are read."""
    try:
        edit = differing(folder, base)
        if edit.is_new:
            raise _WrongFileError(f"There is no {edit.name}.{_NO_BASE}")
        old, new = plan_of(edit.base), plan_of(edit.head)
        steps = edit_steps(old, new)
        return instances_beside(old, steps, edit.others), steps
    except (InventoryError, RevisionError) as error:
        raise _WrongFileError(str(error)) from None
    except OSError as error:
        raise _WrongFileError(f"{error.filename} cannot be read ({error.strerror}).") from None


def _whole(preview: Path, edited: frozenset[str]) -> tuple[Step, ...]:
    """The steps of a preview, which has to leave the stack with the servers `edited`."""
    steps = _previewed(preview, whole=True)
    if differing := sorted(servers_after(steps) ^ edited):
        raise _WrongFileError(_of_another_edit(preview, differing, edited))
    return steps


def _exit(reasons: tuple[str, ...], needed: str, given: str | None) -> int:
    if not reasons or given == needed:
        return 0
    return Exit.OTHER_APPROVAL if given else Exit.NEEDS_APPROVAL


def _plan(inventory: Path, *, if_missing: str = "") -> Plan:
    try:
        # No step depends on the namespace.
        return expand(load(inventory), namespace="any")
    except InventoryError as error:
        hint = if_missing if _is_missing(inventory) else ""
        raise _WrongFileError(f"{error}{hint}") from None


def _is_missing(file: Path) -> bool:
    """Whether there is no such file; one that cannot be looked at may well be there."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _previewed(file: Path, *, whole: bool = False) -> tuple[Step, ...]:
    try:
        return preview_steps(file.read_bytes(), whole=whole)
    except OSError as error:
        raise _WrongFileError(f"{file} cannot be read ({error.strerror}).") from None
    except PreviewError as error:
        raise _WrongFileError(f"{file} is no usable preview: {error}.") from None


def _given(file: Path) -> str | None:
    """The approval in `file`; None if the file is missing or has only comments."""
    try:
        lines = read_text(file).splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _WrongFileError(f"{file} cannot be read ({error.strerror or error}).") from None
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


def _of_another_edit(preview: Path, differing: list[str], edited: frozenset[str]) -> str:
    first = differing[0]
    problem = (
        f"it has no {first}, which the inventory asks for"
        if first in edited
        else f"it keeps {first}, which the inventory does not ask for"
    )
    return (
        f"{preview} is no preview of this edit: {problem} ({len(differing)} differ in all). "
        "Preview the edited inventory, in its own stack."
    )


def _undated(preview: Path, names: tuple[str, ...]) -> str:
    return (
        f"{preview} does not tell since when the stack has {listed(names, 10)}, so an approval "
        "would hold again after they have come back. Remove one tenant at a time; of servers "
        "that would be replaced, find the cause with `pulumi preview --diff`."
    )


def _lines(reasons: tuple[str, ...]) -> str:
    return "\n".join(f"  - {reason}" for reason in reasons)


def _advice(file: Path, needed: str, scope: str) -> str:
    name = quote(str(file))
    return (
        "Is this meant? Then commit the approval in the same pull request, with a line that says "
        "why:\n"
        f"  printf '%s\\n' '# why it is meant' {needed} > {name}\n"
        f"  git add {name}\n"
        f"and give it as --approval {name}. {scope}"
    )
