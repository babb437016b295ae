"""Moves tenants in a cell that is deployed, and compares each object with what it was before."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.members import deploy, say
from tests.e2e.cell import Cell
from tests.e2e.comparison import compare

_SEVERAL = 10
"""Tenants of the larger move, or all of a small shard but two."""
LEAST = 3
"""Tenants that a shard must have for it."""


@dataclass
class _Before:
    """What the cell has before the first move."""

    objects: dict[str, tuple[str, int]]
    """`Kind/name` → UID and generation."""
    rows: list[tuple[object, ...]]

    @classmethod
    def of(cls, cell: Cell) -> "_Before":
        return cls(cell.identities(), _rows(cell))

    def others(self, cell: Cell) -> int:
        """How many objects are gone, new, or have another UID or generation."""
        now = cell.identities()
        names = self.objects.keys() | now.keys()
        return sum(self.objects.get(each) != now.get(each) for each in names)


def measure(cell: Cell, files: dict[str, list[str]]) -> list[str]:
    """Print how long moves take, with the `up` of both shards; nothing may become another object.

    Args:
        cell: deployed, all of it.
        files: tenants by shard; of the first two, some are moved, and brought back.

    Returns:
        What is not as it should be.
    """
    first, second = list(files)[:2]
    one, *others = files[first]
    several = others[: min(_SEVERAL, len(others) - 1)]
    new = f"{max(map(int, (each.stem for each in cell.folder.glob('*.yaml')))) + 1:03}"
    before = _Before.of(cell)
    what = f"moves beside {len(before.objects):,} objects (seconds)"
    print(f"\n{what:<58} {'command':>8} {'an up of each':<15} other UID or generation")

    def line(what: str, command: Callable[[], None], *ups: str) -> float:
        say(f"move: {what}")
        began = time.monotonic()
        command()
        seconds = time.monotonic() - began
        took = [f"{deploy(cell.member(each)).seconds:.1f}" for each in ups]
        print(
            f"{what:<58} {seconds:>8.1f} {' '.join(f'{each:>7}' for each in took):<15} "
            f"{before.others(cell):>23}",
            flush=True,
        )
        return seconds

    both = (first, second)
    line(f"1 tenant to a shard of {len(files[second])}", _run(cell, "move", one, second), *both)
    seconds = line(f"{len(several)} more", _run(cell, "move", *several, second), *both)
    delay = random.uniform(0.1, 0.9) * seconds  # noqa: S311
    back = ("move", one, *several, first)
    line(
        f"all of them back, killed (-9) after {delay:.1f} s, and again",
        lambda: _killed(cell, back, both, delay),
        *both,
    )
    line("split of the other shard", lambda: _split(cell, second, new), second, new)
    line("merge of both parts", _run(cell, "merge", new, second), second)
    empty = cell.member(new).destroy()
    assert not empty.failed, empty.output
    cell.member(new).pulumi("stack", "rm", "--yes")
    return _faults(cell, before)


def _run(cell: Cell, *command: str) -> Callable[[], None]:
    def run() -> None:
        code, said = cell.shards(*command)
        assert code == 0, said

    return run


def _split(cell: Cell, shard: str, new: str) -> None:
    _run(cell, "split", shard)()
    cell.know(new)


def _killed(cell: Cell, command: Sequence[str], shards: Sequence[str], delay: float) -> None:
    running = cell.any.begin_operations("shards", *command)
    time.sleep(delay)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    _run(cell, *command)()
    for shard in shards:  # the engine may have died when only its lock was left to remove
        code, said = cell.member(shard).recover()
        assert code == 0, said


def _rows(cell: Cell) -> list[tuple[object, ...]]:
    return cell.any.execute("SELECT * FROM nats_instances ORDER BY id")


def _faults(cell: Cell, before: _Before) -> list[str]:
    found = compare(cell, ("base", *sorted(each.stem for each in cell.folder.glob("*.yaml"))))
    rows, due = _rows(cell) == before.rows, cell.due()
    print(
        f"after all of them: {len(found.orphans)} orphans, {len(found.missing)} missing, "
        f"{len(found.shared)} in two states; the {len(before.rows):,} rows are "
        f"{'the same' if rows else 'OTHERS'}; {len(due)} shards due"
    )
    others = before.others(cell)
    if others or due or not rows or not found.is_clean:
        return [f"after moves: {others} other objects, due: {due}, {found}"]
    return []
