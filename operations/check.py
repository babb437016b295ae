"""`check`: whether inventories are right, and what they ask for altogether."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.exits import Exit, stopped
from operations.inventories.loading import load_inventory
from operations.options import Json
from tenancy.edit.effects import Totals, totals
from tenancy.inventory import memory
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.plan import admission
from tenancy.plan.plan import expand
from tenancy.words import counted


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What there is to say of an inventory that is right."""

    totals: Totals
    warnings: tuple[str, ...]
    """What is right and may surprise: a sentence or two each."""


def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Inventories; the folder of a cell is one."),
    ],
    as_json: Json = False,
) -> None:
    """Validate inventories, and print all faults or the totals.

    The totals are tenants, servers, and the CPU and memory that they request. It also names the
    tenants that rely on labels alone, and the sizes whose servers admit more clients than their
    memory holds when all of them stall.

    A cell's folder has an inventory for each shard, and is checked as a whole: a tenant is in one
    file, a size means the same in all, a client's key belongs to one tenant, and each file is named
    as that of a shard.

    \b
    For example:
      tenant-nats check tenants.yaml
      tenant-nats check inventories/*.yaml --json
      tenant-nats check inventory/eu

    \b
    Exit codes:
      0  every file is right
      1  a file is wrong or cannot be read; the other files are reported too
      2  wrong usage
    """
    found: dict[Path, Checked] = {}
    wrong: dict[Path, InventoryError] = {}
    for file in files:
        try:
            found[file] = _checked(load_inventory(file))
        except InventoryError as error:
            wrong[file] = error
    if as_json:
        typer.echo(json.dumps([_data(file, found, wrong) for file in files], indent=2))
        raise typer.Exit(Exit.FAILED if wrong else 0)
    for file, checked in found.items():
        for line in (_told(checked.totals), *checked.warnings):
            typer.echo(f"{file}: {line}")
    if wrong:
        raise stopped(Exit.FAILED, "\n".join(map(str, wrong.values())))


def _checked(inventory: Inventory) -> Checked:
    # The output is the same in every namespace.
    plan = expand(inventory, namespace="any")
    warnings = (admission.told(plan), *memory.told(inventory))
    return Checked(totals=totals(plan), warnings=tuple(filter(None, warnings)))


def _data(
    file: Path, found: dict[Path, Checked], wrong: dict[Path, InventoryError]
) -> dict[str, Any]:
    faults = list(_faults(file, wrong[file])) if file in wrong else []
    checked = found.get(file)
    return {
        "file": str(file),
        "totals": asdict(checked.totals) if checked else None,
        "warnings": list(checked.warnings) if checked else [],
        "faults": faults,
    }


def _faults(file: Path, wrong: InventoryError) -> Iterator[dict[str, Any]]:
    """Each fault, of a cell with the file that has it."""
    for error in wrong.errors:
        where = {} if error.path == file else {"file": str(error.path)}
        yield from ({**where, **asdict(fault)} for fault in error.faults)


def _told(total: Totals) -> str:
    return (
        f"{counted(total.tenants, 'tenant')}, {counted(total.instances, 'instance')}, "
        f"which request {total.cpu:,g} CPU and {total.memory:,g}Gi of memory"
    )
