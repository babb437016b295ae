"""`changes`: what an edit of an inventory means, tenant by tenant."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.inventories.differing import differing
from operations.inventories.loading import is_folder
from operations.options import Json
from operations.outside.git import RevisionError, base_of
from tenancy.edit.description import as_data, as_markdown, as_text
from tenancy.edit.effects import Changes, Files, changes_between
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.validation import load, parse


class Format(Enum):
    """In what form an answer is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def changes(
    base: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|REF",
            help="The inventory before the edit: a file, or a git revision that has it at the same "
            "path. Otherwise the commit where this branch left origin/main, or HEAD if there is no "
            "origin/main. For a cell's folder, another folder or a revision.",
            show_default=False,
        ),
    ] = None,
    head: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The inventory as edited, or the folder of a cell."),
    ] = Path("tenants.yaml"),
    form: Annotated[
        Format, typer.Option("--format", help="`markdown` fits into a comment.")
    ] = Format.TEXT,
    as_json: Json = False,
) -> None:
    """Print what an edit changes, tenant by tenant.

    The gravest changes come first. For each tenant: how many servers it then has, which objects
    come and go, whether its servers restart, who may reach what. Then what is requested from the
    scheduler, and whether the guard requires an approval. It compares two inventories, and asks no
    cluster, database or engine, so it sees neither out-of-band changes nor an edit of a stack's
    settings: `guard --preview` tells which servers these restart.

    Of a cell it reads only the files that differ, and the totals are of these files. `check` says
    whether they contradict the others. A tenant that is in the file of another shard than before
    moves: that is no loss, and restarts nothing.

    \b
    For example:
      tenant-nats changes                      what this branch changes
      tenant-nats changes --base HEAD~1        what the last commit has changed
      tenant-nats changes --format markdown > comment.md
      tenant-nats changes --head inventory/eu  what it changes in the cell eu

    \b
    Exit codes:
      0  the changes are printed, whatever they are
      1  an inventory is wrong or cannot be read
      2  wrong usage
    """
    edit = _edit(base, head)
    match Format.JSON if as_json else form:
        case Format.JSON:
            typer.echo(json.dumps(as_data(edit), indent=2))
        case Format.MARKDOWN:
            # In UTF-8 whatever the terminal has, since `post` reads it.
            typer.echo(as_markdown(edit).encode(), nl=False)
        case Format.TEXT:
            for line in as_text(edit).splitlines():
                typer.secho(line, bold=not line.startswith(" "))


def _edit(base: str | None, head: Path) -> Changes:
    try:
        if is_folder(head):
            return _edit_of_cell(base, head)
        after = load(head)
        before = base_of(head, base)
        if base is None:
            typer.echo(f"Compared with {before.name}.", err=True)
        if before.content is None:
            typer.echo(f"There is no {before.name}, so all of it is new.", err=True)
            return changes_between(None, after)
        return changes_between(parse(Path(before.name), before.content), after)
    except (InventoryError, RevisionError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    except OSError as error:
        problem = f"{error.filename} cannot be read ({error.strerror})."
        raise stopped(Exit.FAILED, problem) from None


def _edit_of_cell(base: str | None, head: Path) -> Changes:
    edit = differing(head, base)
    if base is None:
        typer.echo(f"Compared with {edit.name}.", err=True)
    if edit.is_new:
        typer.echo(f"There is no {edit.name}, so all of it is new.", err=True)
    files = Files(differing=edit.shards, count=edit.count, moves=edit.moves)
    return changes_between(edit.base, edit.head, files=files, others=edit.others)
