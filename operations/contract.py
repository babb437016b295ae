"""`contract`: whether the platform's tables have what this program needs, point by point."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from controlplane.connection import ControlPlaneError, connected
from controlplane.dsn import DsnError, resolve
from controlplane.platform import Platform
from controlplane.tables import Point, advice, points
from operations.exits import Exit, stopped
from operations.options import Json, SettingsFile
from operations.outside.stack_file import StackFileError, platform_in
from tenancy.defaults import NAMESPACE
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.validation import load
from tenancy.plan.plan import Plan, expand
from tenancy.words import counted


def contract(
    settings_file: SettingsFile = None,
    inventory: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An inventory, whose tenants the tables have to be able to hold, with TLS or not.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the platform's tables, point by point.

    It prints a line for each point of docs/platform.md: ✓ if it is met, ✗ and what to do if not,
    and - for what is only better to have. An `up` refuses by the same points. It reads the
    database's catalog by DATABASE_URL, as the login that will run `up`, and writes nothing.

    \b
    For example:
      tenant-nats contract
      tenant-nats contract --settings Pulumi.prod.yaml --inventory tenants.yaml

    \b
    Exit codes:
      0  every point is met
      1  a point is not met, or a file or the database cannot be read
      2  wrong usage
    """
    try:
        plan = expand(load(inventory), namespace=NAMESPACE) if inventory else None
        found = _found(resolve(None), platform_in(settings_file), plan)
    except (InventoryError, StackFileError, DsnError, ControlPlaneError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    missed = [point for point in found if point.problem and not point.is_advice]
    if as_json:
        typer.echo(json.dumps({"points": [asdict(point) for point in found]}, indent=2))
    else:
        typer.echo("\n".join([*map(_line, found), "", _outcome(found, missed)]))
    if missed:
        raise typer.Exit(Exit.FAILED)


def _found(dsn: str, platform: Platform, plan: Plan | None) -> list[Point]:
    tenants = [tenant.id for tenant in plan.tenants] if plan else []
    with connected(dsn, "read") as connection:
        found = list(
            points(connection, platform, tenants, with_tls=plan.has_tls if plan else False)
        )
        if not any(point.problem for point in found):
            found += advice(connection, platform)
    return found


def _line(point: Point) -> str:
    mark = "✓" if not point.problem else "-" if point.is_advice else "✗"
    return f"{mark} {point.problem or point.what}"


def _outcome(found: Sequence[Point], missed: Sequence[Point]) -> str:
    needed = sum(not point.is_advice for point in found)
    if missed:
        return f"Not met: {counted(len(missed), 'point')}. What depends on one is left out above."
    return f"All {needed} points are met."
