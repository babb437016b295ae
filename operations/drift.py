"""`drift`: what somebody changed out-of-band, in the cluster or the rows."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.inventories.loading import shards_of
from operations.options import Json, Stack, cell_name, utf8
from operations.outside.files import write_text
from operations.outside.pulumi import Engine, EngineError, selected_stack
from tenancy.cells import Member
from tenancy.edit.approval import IDLE
from tenancy.edit.steps import PreviewError, Step, preview_steps
from tenancy.inventory.faults import InventoryError
from tenancy.rows.placement import LEAVE_VARIABLE
from tenancy.words import agreeing, counted, in_code, in_markdown


def drift(
    stack: Stack = None,
    cell: Annotated[
        str | None,
        typer.Option(
            callback=utf8,
            metavar="CELL",
            help="All stacks of a cell, the base and the shards, in one report.",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[
        int, typer.Option(min=1, help="How many stacks of a cell are looked at at a time.")
    ] = 4,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the drift there, in Markdown; an empty file if there is none.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Report drift: what `pulumi up --refresh` would change.

    It changes nothing. By `pulumi preview --refresh` it compares every object in the cluster and
    every row, but not integrations, which come and go. If the stack's last `up` succeeded, and you
    have the inventory and the program of that `up`, all that it finds was changed out-of-band.

    With --cell, a stack that cannot be read is named in the report, and holds up no other.

    \b
    For example:
      tenant-nats drift --stack prod --report drift.md
      tenant-nats drift --cell eu --at-once 8 --report drift.md

    \b
    Exit codes:
      0  everything is as the stack says
      1  the engine failed, for one stack of a cell at least, or the report cannot be written
      2  wrong usage
      5  something differs
    """
    folder = Path.cwd()
    if cell is not None:
        if stack is not None:
            raise typer.BadParameter("give one of --stack and --cell")
        _of_cell(folder, cell_name(cell, folder), at_once, report, as_json=as_json)
        return
    try:
        engine = _engine(folder, stack or selected_stack(folder))
        changes = _changes(engine)
    except EngineError as error:
        raise stopped(Exit.FAILED, f"Drift could not be checked: {error}") from None
    text = told(engine.stack_name, changes) if changes else ""
    if as_json:
        typer.echo(
            json.dumps({"stack": engine.stack_name, "differences": _data(changes)}, indent=2)
        )
    elif changes:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Nothing in {engine.stack_name} differs from what the stack says.")
    if report:
        # Last, so that whoever reads this learns of the drift though the report cannot be written.
        _write(report, text)
    if changes:
        raise typer.Exit(Exit.DIFFERENT)


def _engine(folder: Path, stack: str) -> Engine:
    return Engine(folder, stack, {**os.environ, LEAVE_VARIABLE: "yes"})


def _changes(engine: Engine) -> list[Step]:
    """What `pulumi up --refresh` would change.

    Raises:
        EngineError: that cannot be told.
    """
    try:
        steps = preview_steps(engine.preview_json(refresh=True))
    except PreviewError as error:
        raise EngineError(f"{error}.") from None
    return [step for step in steps if step.operation not in IDLE]


def _of_cell(folder: Path, cell: str, at_once: int, report: Path | None, *, as_json: bool) -> None:
    """Look at all stacks of a cell; what is found in one is told whatever becomes of the others."""
    try:
        members = [Member(cell=cell, shard=None), *shards_of(cell, folder)]
    except InventoryError as error:
        raise stopped(Exit.FAILED, str(error)) from None

    def look(member: Member) -> list[Step] | EngineError:
        try:
            return _changes(_engine(folder, member.stack))
        except EngineError as error:
            return error

    with ThreadPoolExecutor(at_once) as pool:
        results = dict(zip(members, pool.map(look, members), strict=True))
    found = {each.stack: seen for each, seen in results.items() if isinstance(seen, list)}
    unread = {each.stack: str(why) for each, why in results.items() if isinstance(why, Exception)}
    differing = {stack: changes for stack, changes in found.items() if changes}
    text = told_of_cell(cell, len(members), differing, unread)
    if as_json:
        data = [{"stack": each, "differences": _data(seen)} for each, seen in found.items()]
        typer.echo(json.dumps({"cell": cell, "stacks": data, "unread": unread}, indent=2))
    else:
        nothing = (
            f"Nothing in the {counted(len(members), 'stack')} of {cell} differs from what they say."
        )
        typer.echo(text.rstrip("\n") or nothing)
    if report:
        _write(report, text)
    if unread:
        raise typer.Exit(Exit.FAILED)
    if differing:
        raise typer.Exit(Exit.DIFFERENT)


def _write(report: Path, text: str) -> None:
    try:
        write_text(report, text)
    except OSError as error:
        # An empty file says that nothing differs, and `post` would close the issue.
        with suppress(OSError):
            if report.is_file():
                report.unlink()
        raise stopped(
            Exit.FAILED,
            f"{report} cannot be written ({error.strerror}), so there is no report. Give --report "
            "a file in a folder that you may write into, for example /tmp/drift.md.",
        ) from None


def _data(changes: list[Step]) -> list[dict[str, str]]:
    return [{"operation": each.operation, "type": each.type, "name": each.name} for each in changes]


def told(stack: str, changes: list[Step]) -> str:
    """What differs, in Markdown that is readable as plain text."""
    lines = _lines(changes)
    differ = agreeing(len(lines), "differs", "differ")
    return (
        f"{counted(len(lines), 'resource')} {differ} from what the stack {in_markdown(stack)} says."
        " `pulumi up --refresh` would\n\n" + "\n".join(lines) + f"\n\n{_ADVICE}\n"
    )


def told_of_cell(
    cell: str, count: int, differing: Mapping[str, list[Step]], unread: Mapping[str, str]
) -> str:
    """The same of the `count` stacks of a cell; empty if all were read and nothing differs."""
    parts: list[str] = []
    if differing:
        number = sum(map(len, differing.values()))
        parts += [
            f"{counted(number, 'resource')} in {len(differing)} of the {counted(count, 'stack')} "
            f"of {in_markdown(cell)} {agreeing(number, 'differs', 'differ')} from what the stack "
            "says. `pulumi up --refresh` would"
        ]
        for stack, changes in differing.items():
            parts.append("\n".join([f"in {in_markdown(stack)}", "", *_lines(changes)]))
        parts.append(_ADVICE)
    if unread:
        lines = [f"- {in_markdown(stack)}: {in_code(why)}" for stack, why in unread.items()]
        parts.append(
            f"{len(unread)} of the {counted(count, 'stack')} of {in_markdown(cell)} could not be "
            "checked, so whether anything there differs is open:\n\n" + "\n".join(lines)
        )
    return "\n\n".join(parts) + "\n" if parts else ""


_ADVICE = (
    "Find out who changed it and why. Put what should stay into the inventory or the program; "
    "`pulumi up --refresh` reverts the rest (docs/runbook.md, Drift)."
)


def _lines(changes: list[Step]) -> list[str]:
    return [
        f"- {each.operation} {in_markdown(each.type.rpartition(':')[2])} {in_code(each.name)}"
        for each in changes
    ]
