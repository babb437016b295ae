"""The inventory files that a command is given, and what is in them.

A folder is read as one inventory. What is in it under another name than a shard's is refused, since
a file that is left out looks like one whose tenants are all removed.
"""

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from cell.folders import is_beside_shards, is_shard
from tenancy.cells import FOLDER, Member
from tenancy.inventory import merging
from tenancy.inventory.faults import Fault, InventoriesError, InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import content, inventory_of

_WORTH_IT = 50
"""From how many files on other processes read them sooner than this one."""
_EXAMPLE = "001.yaml"


def load_inventory(path: Path) -> Inventory:
    """The inventory in the file at `path`, or that of the cell whose folder it is.

    Raises:
        InventoryError: there is a fault; all faults of all files are in one report.
    """
    return merging.merged(load_each(path))


def load_each(path: Path) -> Mapping[Path, Inventory]:
    """The inventory of each file, by name; they do not contradict each other.

    Raises:
        InventoryError: as `load_inventory`.
    """
    found, errors = load_all(files_of(path))
    errors += merging.contradictions(found)
    if errors:
        raise _told(path, errors)
    return found


def load_all(files: Sequence[Path]) -> tuple[dict[Path, Inventory], list[InventoryError]]:
    """The inventories in those of the `files` that are valid, and what is wrong with the others."""
    found: dict[Path, Inventory] = {}
    errors: list[InventoryError] = []
    for file, (said, faults) in zip(files, _read(files), strict=True):
        if faults:
            errors.append(InventoryError(file, faults))
        else:
            found[file] = inventory_of(said)
    return found, errors


def is_folder(path: Path) -> bool:
    """Whether `path` is that of a cell's folder."""
    # Unlike the question of Path, this takes a name that is too long for a "no".
    return os.path.isdir(path)  # noqa: PTH112


def files_of(path: Path) -> tuple[Path, ...]:
    """The file at `path`; of a cell's folder those of its shards, by name.

    Raises:
        InventoryError: the folder cannot be read, has no shard, or has what is named otherwise.
    """
    if not is_folder(path):
        return (path,)
    try:
        there = sorted(path.iterdir())
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise InventoryError(path, [Fault(line=1, problem=problem)]) from None
    files = tuple(filter(is_shard, there))
    if not files:
        problem = "it is a folder without an inventory of a shard, which a cell's folder has"
        raise InventoryError(path, [Fault(line=1, problem=problem, example=f"{path / _EXAMPLE}")])
    if strays := [each for each in there if not (is_shard(each) or is_beside_shards(each))]:
        raise InventoriesError(path, map(_stray, strays))
    return files


def shards_of(cell: str, folder: Path) -> tuple[Member, ...]:
    """The shards of a cell of the project in `folder`, by name.

    Raises:
        InventoryError: as `files_of`.
    """
    return tuple(Member(cell=cell, shard=each.stem) for each in files_of(folder / FOLDER / cell))


def _stray(file: Path) -> InventoryError:
    problem = (
        "it is not named as the inventory of a shard, which is 1 to 12 lower-case letters and "
        "digits, other than base, with .yaml; rename it, or move it out of the cell's folder"
    )
    return InventoryError(file, [Fault(line=1, value=file.name, problem=problem, example=_EXAMPLE)])


def _told(path: Path, errors: Sequence[InventoryError]) -> InventoryError:
    return InventoriesError(path, errors) if is_folder(path) else errors[0]


_Read = tuple[object, tuple[Fault, ...]]
"""What a file has, and its faults: what one process can send to another."""


def _read(files: Sequence[Path]) -> Iterable[_Read]:
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    # A process that is forked while another thread holds a lock may wait for it for ever.
    if processes == 1 or len(files) < _WORTH_IT or threading.active_count() > 1:
        return map(_read_one, files)
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        return list(pool.map(_read_one, files, chunksize=1 + len(files) // (4 * processes)))


def _read_one(file: Path) -> _Read:
    try:
        return content(file), ()
    except InventoryError as error:
        return None, error.faults
