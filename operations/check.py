"""`check`: whether inventories are right, and what they ask for altogether."""

from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from tenancy import admission
from tenancy.faults import InventoryError
from tenancy.inventory import load
from tenancy.plan import Plan, expand
from tenancy.steps import servers
from tenancy.types import in_bytes, millicores


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Inventories.")],
) -> None:
    """Report all faults of inventories, or what each asks for and who relies on labels alone.

    \b
    Exit codes:
      0  every file is right
      1  a file is wrong or cannot be read; the others are told all the same
      2  wrong usage
    """
    reports: list[str] = []
    for file in files:
        try:
            # What is told is the same in every namespace.
            plan = expand(load(file), namespace="any")
        except InventoryError as error:
            reports.append(str(error))
            continue
        for line in filter(None, (totals(plan), admission.told(plan))):
            typer.echo(f"{file}: {line}")
    if reports:
        raise stopped(Exit.WRONG_FILE, "\n".join(reports))


def totals(plan: Plan) -> str:
    """How many tenants and instances there are, and what the scheduler reserves for them."""
    instances = servers(plan).values()
    cpu = sum(millicores(instance.requests.cpu) for instance in instances) / 1000
    memory = sum(in_bytes(instance.requests.memory) for instance in instances) / 2**30
    return (
        f"{_counted(len(plan.tenants), 'tenant')}, {_counted(len(instances), 'instance')}, "
        f"which request {cpu:,g} CPU and {memory:,g}Gi of memory"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
