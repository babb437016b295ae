"""`shards check`: the gate over a cell."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError
from controlplane.reader import take_snapshot
from operations.exits import Exit, stopped
from operations.inventories.loading import load_inventory
from operations.options import Context, Json, utf8
from operations.outside.files import read_text, write_text
from operations.outside.stack_file import ceiling_in, cluster_domain_in, platform_in
from operations.shards.gate import Losses, losses
from operations.shards.whole import Cell, CellName, cell_named, reported
from tenancy.cells import FOLDER
from tenancy.edit.effects import totals
from tenancy.inventory.faults import printable
from tenancy.plan.ceiling import CeilingError
from tenancy.plan.plan import Plan, expand
from tenancy.rows.removal import of_tenants, removals
from tenancy.words import counted


def check(
    cell: CellName = None,
    context: Context = None,
    files_only: Annotated[
        bool,
        typer.Option("--files-only", help="Ask neither the database nor the cluster."),
    ] = False,
    approve: Annotated[
        str | None,
        typer.Option(
            metavar="WHY",
            callback=utf8,
            help="Write the approval that is needed, with this line.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a whole cell before any of its stacks is deployed.

    Each inventory has to be right, no tenant is in two of them, a size means the same in all, and
    together they keep within the ceiling of the cell's settings. Then it compares with the rows, in
    the database of DATABASE_URL or of the cell's `databaseUrl`: each live row of the namespace has
    its tenant in an inventory, and no more is lost over all shards than the guard allows for one
    stack. An approval is needed when more than one tenant loses its last server, or when over 25%
    of at least 10 instances go. A tenant that moves to another shard is no loss.

    The approval is the file inventory/CELL.approval, with a line for each server that is lost;
    --approve writes it. It holds for these servers only, whichever shards are deployed first.

    \b
    For example:
      tenant-nats shards check
      tenant-nats shards check --cell eu --files-only
      tenant-nats shards check --approve 'Initech and Hooli have left'

    \b
    Exit codes:
      0  nothing is wrong, and no approval is needed, or it is given
      1  a file is wrong, an edit is refused, or something cannot be read
      2  wrong usage
      3  an approval is needed; it is printed why
      4  an approval is needed, and the one given is for other servers
    """
    if files_only and approve is not None:
        raise typer.BadParameter(
            "--approve: only the rows tell what is lost; leave --files-only out"
        )
    found = cell_named(cell)
    with reported():
        plan = _plan(found)
        lost = Losses(reasons=(), approvals={}) if files_only else _judged(found, plan, context)
        given = _given(found)
        if approve is not None:
            given = _approved(found, lost, approve)
    missing = sorted(name for name, each in lost.approvals.items() if each not in given)
    code = 0 if not missing else Exit.OTHER_APPROVAL if given else Exit.NEEDS_APPROVAL
    if as_json:
        told = {
            "cell": found.name,
            "shards": len(found.shards),
            "totals": asdict(totals(plan)),
            "reasons": lost.reasons,
            "unapproved": missing,
        }
        typer.echo(json.dumps(told, indent=2))
        raise typer.Exit(code)
    for line in _told(found, plan, lost, seen=not files_only):
        typer.echo(line)
    if missing:
        raise stopped(code, _advice(found, lost, missing, is_given=bool(given)))


def _plan(cell: Cell) -> Plan:
    """What all inventories of the cell ask for."""
    settings = cell.base.settings_file
    try:
        return expand(
            load_inventory(Path(FOLDER, cell.name)),
            namespace=cell.namespace,
            cluster_domain=cluster_domain_in(settings),
            ceiling=ceiling_in(settings),
        )
    except CeilingError as error:
        raise stopped(Exit.FAILED, f"The cell {cell.name} asks for too much: {error}") from None


def _judged(cell: Cell, plan: Plan, context: str | None) -> Losses:
    """What the cell would lose; an edit that a shard would refuse is refused here."""
    try:
        platform = platform_in(cell.base.settings_file)
        snapshot = take_snapshot(cell.database_url(), platform=platform)
    except (ControlPlaneError, DsnError) as error:
        raise stopped(Exit.FAILED, f"The table could not be looked at: {error}") from None
    if reasons := tuple(removals(plan, snapshot)):
        lines = "".join(f"\n  - {each}" for each in reasons)
        raise stopped(Exit.FAILED, f"The cell {cell.name} cannot be deployed:{lines}")
    for each in of_tenants(plan, snapshot):
        # One tenant's fault: its shard is refused, and no other is held up.
        typer.echo(f"A shard will be red: {each}.", err=True)

    def since(names: Collection[str]) -> Mapping[str, str]:
        live = cell.kubectl(context).get(
            "deployments", *names, f"--namespace={cell.namespace}", "--ignore-not-found"
        )
        return {each["metadata"]["name"]: each["metadata"]["creationTimestamp"] for each in live}

    return losses(plan, snapshot, since)


def _file(cell: Cell) -> Path:
    return Path(FOLDER, f"{cell.name}.approval")


def _given(cell: Cell) -> frozenset[str]:
    """The approvals in the cell's file; none without the file."""
    try:
        lines = read_text(_file(cell)).splitlines()
    except FileNotFoundError:
        return frozenset()
    return frozenset(filter(None, (line.partition("#")[0].strip() for line in lines)))


def _approved(cell: Cell, lost: Losses, why: str) -> frozenset[str]:
    """Write the approval, and return what it has."""
    said = "".join(f"{each}  # {name}\n" for name, each in lost.approvals.items())
    write_text(_file(cell), f"# {printable(why, 500)}\n{said}")
    return frozenset(lost.approvals.values())


def _told(cell: Cell, plan: Plan, lost: Losses, *, seen: bool) -> Iterator[str]:
    total = totals(plan)
    yield (
        f"{cell.name}: {counted(len(cell.shards), 'shard')}, {counted(total.tenants, 'tenant')}, "
        f"{counted(total.instances, 'instance')}, which request {total.cpu:,g} CPU and "
        f"{total.memory:,g}Gi of memory"
    )
    if not seen:
        yield "Only the files were read; the rows were not."
    elif not lost.reasons:
        yield "Nothing here needs an approval."
    else:
        yield from ("It would lose:", *(f"  - {each}" for each in lost.reasons))


def _advice(cell: Cell, lost: Losses, missing: list[str], *, is_given: bool) -> str:
    problem = f"{_file(cell)} approves other losses." if is_given else "This needs an approval."
    return (
        f"{problem} {counted(len(missing), 'server')} of {len(lost.approvals)} "
        f"{'is' if len(missing) == 1 else 'are'} not approved. Is this meant? Then write it, and "
        "commit it in the same pull request:\n"
        f"  tenant-nats shards check --cell {cell.name} --approve 'why it is meant'\n"
        f"  git add {quote(str(_file(cell)))}"
    )
