"""`add` and `set`: edits of an inventory that are validated before they are written."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from operations.editing.fields import once, parsed
from operations.editing.text import EditError, added, edited
from operations.exits import Exit, stopped
from operations.inventories.finding import FindingError, Others, found
from operations.inventories.loading import is_folder
from operations.options import InventoryFile, Json, each_utf8, utf8
from operations.outside.files import replace_file
from tenancy.edit.description import as_data, as_text
from tenancy.edit.effects import changes_between
from tenancy.inventory import yaml_source
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import load, parse

Edit = Callable[[str, str, Mapping[str, object | None]], str]

Tenant = Annotated[str, typer.Argument(metavar="TENANT", callback=utf8, help="The tenant's id.")]

_INVENTORY = Path("tenants.yaml")


def add(
    tenant: Tenant,
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]...", callback=each_utf8, help="Any fields, as `set` takes them."
        ),
    ] = None,
    integrations: Annotated[
        int | None, typer.Option(help="How many integrations to make room for.")
    ] = None,
    instances: Annotated[
        int | None, typer.Option(help="How many servers, if more than the integrations need.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(callback=utf8, help="The size of each server.")
    ] = None,
    file: InventoryFile = _INVENTORY,
    as_json: Json = False,
) -> None:
    """Add a tenant to the inventory, and print what changes.

    The tenant comes after the others; every other byte of the file stays. The result is validated
    first, and written only if it has no fault.

    \b
    For example:
      tenant-nats add initech
      tenant-nats add initech --integrations 60 clients.namespaces=[initech-workers]

    \b
    Exit codes:
      0  the file is written
      1  the file would have a fault, or a fault prevents the edit; nothing is written
      2  wrong usage
    """
    if is_folder(file):
        raise typer.BadParameter(
            f"--inventory: {file} is a folder; name the file of a shard, for example "
            f"{file / '001.yaml'}"
        )
    options = {"integrations": integrations, "instances": instances, "size": size}
    given = {field: value for field, value in options.items() if value is not None}
    _change(added, file, tenant, once([*given.items(), *parsed(fields or [])]), as_json=as_json)


def set_(
    tenant: Tenant,
    fields: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE...",
            callback=each_utf8,
            help="`instances=2`; `instances=` removes it.",
        ),
    ],
    file: InventoryFile = _INVENTORY,
    as_json: Json = False,
) -> None:
    """Set or remove a tenant's fields, and print what changes.

    Every other byte of the inventory stays. The result is validated first, and written only if it
    has no fault. A field within a field is written with a dot. Of a cell's folder, the one file
    that has the tenant is edited.

    \b
    For example:
      tenant-nats set acme-corp instances=2
      tenant-nats set acme-corp instances= integrations=120
      tenant-nats set acme-corp 'clients.namespaces=[acme-workers, acme-jobs]'
      tenant-nats set acme-corp state=decommissioned
      tenant-nats set acme-corp instances=2 --inventory inventory/eu

    \b
    Exit codes:
      0  the file is written, or says so already
      1  the file would have a fault, or a fault prevents the edit, or there is no such tenant;
         nothing is written
      2  wrong usage
    """
    wanted = once(parsed(fields))
    others: Others | None = None
    if is_folder(file):
        try:
            file, others = found(file, tenant)
        except (InventoryError, FindingError) as error:
            raise stopped(Exit.FAILED, f"{error}\nNothing was written.") from None
    _change(edited, file, tenant, wanted, others=others, as_json=as_json)


def _change(
    edit: Edit,
    file: Path,
    tenant: str,
    fields: Mapping[str, object | None],
    *,
    others: Others | None = None,
    as_json: bool,
) -> None:
    """Edit `file`, unless the result has a fault, and print what the edit changes.

    In a cell it may not contradict the `others` either.
    """
    try:
        yaml_source.read(file)
        before = file.read_bytes()
        after = edit(before.decode(), tenant, fields).encode()
        head = parse(file, after)
        if others:
            others.check(file, after, head.tenants[tenant])
    except (InventoryError, EditError) as error:
        raise stopped(Exit.FAILED, f"{error}\nNothing was written.") from None
    base = _loaded(file)
    if after != before:
        try:
            replace_file(file, after)
        except OSError as error:
            problem = f"{file} cannot be written ({error.strerror}); it is as it was."
            raise stopped(Exit.FAILED, problem) from None
    meaning = changes_between(base, head) if base else None
    if as_json:
        told = {"file": str(file), "tenant": tenant, "written": after != before}
        typer.echo(json.dumps({**told, "plan": as_data(meaning) if meaning else None}, indent=2))
    else:
        typer.echo(f"{file} is written." if after != before else f"{file} says so already.")
        typer.echo(as_text(meaning) if meaning else "It had faults before.", nl=meaning is None)


def _loaded(file: Path) -> Inventory | None:
    """The inventory as it is; None when it has faults, which the edit may mend."""
    try:
        return load(file)
    except InventoryError:
        return None
