"""`render`: the whole plan as manifests and SQL, for those who apply them with other tools."""

import json
from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.inventories.loading import load_inventory
from operations.options import Json, each_utf8
from operations.outside.files import read_bytes, write_text
from operations.outside.stack_file import StackFileError, own_settings
from tenancy.cells import FOLDER
from tenancy.inventory.faults import InventoryError
from tenancy.plan.ceiling import CeilingError
from tenancy.plan.nodes import NodesError


def render(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; created if missing.")
    ],
    inventory: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The inventory, or the folder of a cell; otherwise what the settings say, or else "
            "tenants.yaml.",
            show_default=False,
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings", metavar="FILE", help="A stack's settings, for example Pulumi.prod.yaml."
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            callback=each_utf8,
            help="One setting; overrides the file's.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a whole inventory as plain manifests and SQL.

    They are for kubectl, Argo CD or a reader: what the program sends to the engine, made without an
    engine, a cluster or a database. Files are numbered so that nothing comes before what it needs.
    Files that earlier calls wrote into DIR are removed; a DIR with other files is refused.

    Unlike `pulumi up`, applying them moves no integrations and refuses no edit; it deletes what
    leaves the inventory only with `kubectl apply --prune` or Argo CD. Of a cell it writes all that
    its stacks have in their one namespace.

    \b
    For example:
      tenant-nats render manifests
      tenant-nats render manifests --settings Pulumi.prod.yaml --set image=nats:2.15.1
      tenant-nats render manifests --settings Pulumi.eu.yaml      the cell in inventory/eu
      kubectl apply -f manifests
      psql "$DATABASE_URL" -f manifests/90-rows.sql      once the Deployments are ready

    \b
    Exit codes:
      0  the files are written
      1  the inventory or a setting is wrong, it asks for more than the ceiling, or DIR cannot be
         used; nothing is written
      2  wrong usage
    """
    # Only here: Pulumi takes seconds to import, and no other command needs it.
    from rendering.manifests import HEADER, files
    from rendering.run import StackSettingsError, graph_of, stack_settings

    source = ", ".join(filter(None, [str(settings_file or ""), "--set" if given else ""]))
    try:
        found = {**own_settings(settings_file), **_from_options(given or [])}
        settings = stack_settings(found, source)
        usual = Path(FOLDER, settings.cell) if settings.cell else settings.inventory
        graph = graph_of(load_inventory(inventory or usual), settings)
        content = files(graph, settings.database.platform)
        _write(folder, content, HEADER)
    except (
        CeilingError,
        InventoryError,
        NodesError,
        StackFileError,
        StackSettingsError,
        _UnusableError,
    ) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    except OSError as error:
        problem = f"{error.filename} cannot be used ({error.strerror}); give another FILE or DIR."
        raise stopped(Exit.FAILED, problem) from None
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "files": sorted(content)}, indent=2))
    else:
        typer.echo(f"{len(content)} files are written to {folder}.")


class _UnusableError(Exception):
    """An argument cannot be used; the text is one line."""


def _from_options(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for key, equals, _ in pairs:
        if not (key and equals):
            raise typer.BadParameter(f"{key}: expected KEY=VALUE, for example image=nats:2.15.1")
    return {key: value for key, _, value in pairs}


def _write(folder: Path, content: dict[str, str], header: str) -> None:
    """Make `content` all that is in `folder`; refuse a folder that has other files.

    The first line of a file that this command wrote is a comment with `header` in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = sorted(folder.iterdir())
    for path in there:
        if not path.is_file() or header.encode() not in read_bytes(path).partition(b"\n")[0]:
            raise _UnusableError(
                f"{folder} has {path.name}, which this command did not write; give it an empty "
                "folder. Nothing was written."
            )
    for path in there:
        if path.name not in content:
            path.unlink()
    for name, text in content.items():
        write_text(folder / name, text)
