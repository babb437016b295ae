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
    """Which member of which cell of the project a stack is, by its name; None if it is none.

    A stack with settings of its own is none, unless it is a base or has an inventory of the cell.
    """
    found = next(filter(None, (member_of(stack, cell) for cell in cells(folder))), None)
    if found is None or found.shard is None or (folder / found.inventory).exists():
        return found
    return None if (folder / f"Pulumi.{stack}.yaml").exists() else found


def is_beside_shards(file: Path) -> bool:
    """Whether a cell's folder may have this file, which is no inventory."""
    return file.name.startswith(".") or file.name == "README.md" or file.suffix == ".approval"


def is_shard(file: Path) -> bool:
    """Whether the file is named as the inventory of a shard: `017.yaml`."""
    return file.suffix == ".yaml" and is_shard_name(file.stem)


def is_shard_name(name: str) -> bool:
    """Whether a shard may be called so."""
    return re.fullmatch(SHARD, name) is not None and name != BASE
