"""The cells of a project: a folder for each in `inventory/`, with a file for each shard."""

import re
from pathlib import Path

from tenancy.cells import BASE, CELL, FOLDER, SHARD, Member, member_of


def cells(folder: Path) -> tuple[str, ...]:
    """The cells of the project in `folder`, by name."""
    return tuple(
        sorted(each.name for each in (folder / FOLDER).glob("*/") if re.fullmatch(CELL, each.name))
    )


def member_in(folder: Path, stack: str) -> Member | None:
    """Which member of which cell of the project a stack is, by its name; None if it is none."""
    return next(filter(None, (member_of(stack, cell) for cell in cells(folder))), None)


def shards(cell: str, folder: Path) -> tuple[Member, ...]:
    """The shards of a cell that have an inventory, by name.

    Raises:
        OSError: the cell's folder cannot be read.
    """
    files = (folder / FOLDER / cell).iterdir()
    names = sorted(
        each.stem for each in files if each.suffix == ".yaml" and is_shard_name(each.stem)
    )
    return tuple(Member(cell=cell, shard=name) for name in names)


def is_shard_name(name: str) -> bool:
    """Whether a shard may be called so."""
    return re.fullmatch(SHARD, name) is not None and name != BASE
