"""`check`: whether inventories are right, and what they ask for altogether."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.exits import Exit, stopped
from operations.options import Json
from tenancy.changes import Totals, totals
from tenancy.faults import InventoryError
from tenancy.inventory import load
from tenancy.plan import expand


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Inventories.")],
    as_json: Json = False,
) -> None:
    """Report all faults of inventories, or what each asks for, on one line.

    \b
    Exit codes:
      0  every file is right
      1  a file is wrong or cannot be read; the others are told all the same
      2  wrong usage
    """
    found: dict[Path, Totals] = {}
    wrong: dict[Path, InventoryError] = {}
    for file in files:
        try:
            # The totals are the same in every namespace.
            found[file] = totals(expand(load(file), namespace="any"))
        except InventoryError as error:
            wrong[file] = error
    if as_json:
        typer.echo(json.dumps([_data(file, found, wrong) for file in files], indent=2))
        raise typer.Exit(Exit.WRONG_FILE if wrong else 0)
    for file, total in found.items():
        typer.echo(f"{file}: {_told(total)}")
    if wrong:
        raise stopped(Exit.WRONG_FILE, "\n".join(map(str, wrong.values())))


def _data(
    file: Path, found: dict[Path, Totals], wrong: dict[Path, InventoryError]
) -> dict[str, Any]:
    faults = [asdict(fault) for fault in wrong[file].faults] if file in wrong else []
    asked = asdict(found[file]) if file in found else None
    return {"file": str(file), "totals": asked, "faults": faults}


def _told(total: Totals) -> str:
    return (
        f"{_counted(total.tenants, 'tenant')}, {_counted(total.instances, 'instance')}, "
        f"which request {total.cpu:,g} CPU and {total.memory:,g}Gi of memory"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
