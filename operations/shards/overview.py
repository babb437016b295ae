"""`shards list` and `shards due`: the stacks of a cell, and which of them are to be deployed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from operations.options import Context, Json, utf8
from operations.shards.marks import Mark, Traces, due, traces
from operations.shards.waves import waves
from operations.shards.whole import Cell, CellName, cell_named, reported
from tenancy.cells import Member
from tenancy.inventory.faults import printable

_GONE = "it has no inventory: finish its merge, or restore the file (docs/scale.md)"


def list_(cell: CellName = None, context: Context = None, as_json: Json = False) -> None:
    """List the stacks of a cell: their tenants, their last change, why they are due.

    It reads the marks in the cell's namespace, by kubectl. Tenants and instances are those of the
    last `up` that went through, and `changed` is when an `up` has last changed the mark: by another
    inventory, other settings or another version of the program.

    \b
    For example:
      tenant-nats shards list
      tenant-nats shards list --cell eu --json

    \b
    Exit codes:
      0  printed
      1  a file or the cluster cannot be read
      2  wrong usage
    """
    found = cell_named(cell)
    with reported():
        left = traces(found.kubectl(context), found.namespace)
        why = {each.member: str(each) for each in due(found.members, left, Path())}
    rows = [_row(each, left.marks.get(each.name), why.get(each, "")) for each in found.members]
    rows += [_row(each, left.marks[each.name], _GONE) for each in _gone(found, left)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    # A pipe has 80 columns, which a line of the table does not fit in.
    console.width = max(console.width, 120)
    table = Table(*rows[0], box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    console.print(table)


def due_(
    cell: CellName = None,
    context: Context = None,
    canary: Annotated[
        str | None,
        typer.Option(
            metavar="SHARD",
            callback=utf8,
            help="The shard that gets a new version first; otherwise the first by name.",
            show_default=False,
        ),
    ] = None,
    batches: Annotated[
        int, typer.Option(min=1, max=256, help="The most batches of a wave, for --json.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Print which stacks of a cell are to be deployed, in waves.

    A stack is due if its inventory, the cell's settings or the program differ from those of its
    last `up` that went through as a whole. Each such `up` leaves a mark in the namespace, which
    this command reads by kubectl. A failed `up` leaves the mark as it was, so the stack stays due.

    \b
    The waves, each to be begun when the one before went through:
      edits   the shards with another inventory and nothing else, and new ones
      canary  one of the shards with another program or other settings
      tenth   a tenth of the others
      rest    all others

    \b
    For example:
      tenant-nats shards due
      tenant-nats shards due --json --batches 50
      tenant-nats shards due --canary 017

    \b
    Exit codes:
      0  printed, whatever is due
      1  a file or the cluster cannot be read
      2  wrong usage
    """
    found = cell_named(cell)
    if canary and canary not in {each.name for each in found.shards}:
        first = found.shards[0].name
        typer.echo(
            f"There is no shard {printable(canary)} to be the canary, such as {first}; the first "
            "by name is taken.",
            err=True,
        )
    with reported():
        left = traces(found.kubectl(context), found.namespace)
        everything = due(found.members, left, Path())
    of_base = [each for each in everything if each.member == found.base]
    planned = waves(everything, canary)
    gone = [each.stack for each in _gone(found, left)]
    if as_json:
        told = {
            "cell": found.name,
            "base": str(of_base[0]) if of_base else None,
            "waves": [
                {"name": each.name, "shards": each.shards, "batches": each.batches(batches)}
                for each in planned
            ],
            "why": {each.member.stack: str(each) for each in everything},
            "gone": gone,
        }
        typer.echo(json.dumps(told, indent=2))
    else:
        for each in everything:
            typer.echo(f"{each.member.stack}: {each}")
        for each in gone:
            typer.echo(f"{each}: {_GONE}")
        if not (everything or gone):
            typer.echo("Nothing is due.")


def _gone(cell: Cell, left: Traces) -> list[Member]:
    """The shards that have a mark and no inventory."""
    known = {each.name for each in cell.members}
    return [Member(cell=cell.name, shard=each) for each in sorted(left.marks.keys() - known)]


def _row(member: Member, mark: Mark | None, why: str) -> dict[str, Any]:
    is_known = mark is not None and member.shard is not None
    return {
        "stack": member.stack,
        "tenants": len(mark.tenants) if mark and is_known else None,
        "instances": mark.instances if mark and is_known else None,
        "changed": mark.changed if mark else None,
        "due": why,
    }
