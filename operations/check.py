"""`check`: whether inventories are right, and what they ask for altogether."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.exits import Exit, stopped
from operations.options import Json
from tenancy.edit.effects import Totals, totals
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.validation import load
from tenancy.plan import admission
from tenancy.plan.plan import Plan, expand
from tenancy.words import counted


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Inventories.")],
    as_json: Json = False,
) -> None:
    """Validate inventories, and print all faults or the totals.

    The totals are tenants, servers, and the CPU and memory that they request. It also names the
    tenants that rely on labels alone.

    \b
    For example:
      python -m operations check tenants.yaml
      python -m operations check inventories/*.yaml --json

    \b
    Exit codes:
      0  every file is right
      1  a file is wrong or cannot be read; the other files are reported too
      2  wrong usage
    """
    found: dict[Path, Plan] = {}
    wrong: dict[Path, InventoryError] = {}
    for file in files:
        try:
            # The output is the same in every namespace.
            found[file] = expand(load(file), namespace="any")
        except InventoryError as error:
            wrong[file] = error
    if as_json:
        typer.echo(json.dumps([_data(file, found, wrong) for file in files], indent=2))
        raise typer.Exit(Exit.FAILED if wrong else 0)
    for file, plan in found.items():
        for line in filter(None, (_told(totals(plan)), admission.told(plan))):
            typer.echo(f"{file}: {line}")
    if wrong:
        raise stopped(Exit.FAILED, "\n".join(map(str, wrong.values())))


def _data(file: Path, found: dict[Path, Plan], wrong: dict[Path, InventoryError]) -> dict[str, Any]:
    faults = [asdict(fault) for fault in wrong[file].faults] if file in wrong else []
    asked = asdict(totals(found[file])) if file in found else None
    return {"file": str(file), "totals": asked, "faults": faults}


def _told(total: Totals) -> str:
    return (
        f"{counted(total.tenants, 'tenant')}, {counted(total.instances, 'instance')}, "
        f"which request {total.cpu:,g} CPU and {total.memory:,g}Gi of memory"
    )
