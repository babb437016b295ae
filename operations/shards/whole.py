"""A cell as its files say, for commands about all of it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cell.folders import cells
from cell.folders import shards as shards_of
from cluster.kubectl import ClusterError
from operations.editing.text import EditError
from operations.exits import Exit, stopped
from operations.options import utf8
from operations.outside.pulumi import EngineError
from operations.outside.stack_file import StackFileError, namespace_in
from operations.shards.moving import MoveError
from tenancy.cells import FOLDER, Member
from tenancy.inventory.faults import InventoryError

CellName = Annotated[
    str | None,
    typer.Option(
        "--cell",
        callback=utf8,
        help="The cell, a folder in inventory/; may be left out if there is one.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell as its files say."""

    name: str
    base: Member
    shards: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """The base, then the shards."""
        return (self.base, *self.shards)

    @property
    def namespace(self) -> str:
        """Where its servers live.

        Raises:
            StackFileError: the cell's settings cannot be read, or name none.
        """
        return namespace_in(self.base.settings_file)


def cell_named(given: str | None) -> Cell:
    """The cell that the option names, or the only one.

    Raises:
        BadParameter: there is no such cell, or there are several.
        Exit: its folder cannot be read, or has no inventory.
    """
    there = cells(Path())
    name = there[0] if given is None and len(there) == 1 else given
    if name is None or name not in there:
        known = ", ".join(there) or f"none: there is no folder in {FOLDER}/ here"
        raise typer.BadParameter(f"--cell: expected one of the cells here ({known})")
    with reported():
        found = shards_of(name, Path())
    if not found:
        raise stopped(Exit.FAILED, f"{Path(FOLDER, name)} has no inventory, such as 001.yaml.")
    return Cell(name=name, base=Member(cell=name, shard=None), shards=found)


@contextmanager
def reported() -> Generator[None]:
    """Report what prevents a command, and end it."""
    try:
        yield
    except ClusterError as error:
        raise stopped(Exit.FAILED, f"The cluster could not be looked at: {error}.") from None
    except (EditError, EngineError, InventoryError, MoveError, StackFileError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    except OSError as error:
        problem = (
            f"{error.filename} cannot be used ({error.strerror})." if error.filename else error
        )
        raise stopped(Exit.FAILED, str(problem)) from None
