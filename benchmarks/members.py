"""Deploys the members of a cell, several at once, and measures each."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import psutil

from benchmarks.up import part_of
from tests.e2e.cell import Cell, MemberProject

OPTIONS = ("--parallel=64",)
"""As `benchmarks.up` deploys."""
_INTERVAL_SECONDS = 0.5


@dataclass(frozen=True)
class Up:
    """What one `up` of one member took."""

    member: str
    seconds: float
    peak: dict[str, float] = field(default_factory=dict[str, float])
    """MiB of resident memory by part, at the moment when they were the most together."""


def deploy(member: MemberProject) -> Up:
    """Run `pulumi up` and measure it; it must succeed."""
    began = monotonic()
    engine = member.begin_up(*OPTIONS)
    peak: dict[str, float] = {}
    while not ended(engine, _INTERVAL_SECONDS):
        peak = max(peak, memory(engine.pid), key=lambda parts: sum(parts.values()))
    seconds = monotonic() - began
    assert engine.returncode == 0, member.said()
    return Up(member.stack, seconds, peak)


def ended(engine: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the engine ends within so many seconds."""
    with suppress(subprocess.TimeoutExpired):
        engine.wait(seconds)
    return engine.returncode is not None


def memory(pid: int) -> dict[str, float]:
    """MiB of resident memory of a process and all that it has started, by part.

    What two processes share counts twice.
    """
    parts: dict[str, float] = {}
    with suppress(psutil.NoSuchProcess):
        engine = psutil.Process(pid)
        for process in (engine, *engine.children(recursive=True)):
            with suppress(psutil.Error):
                part = part_of(process.cmdline())
                parts[part] = parts.get(part, 0.0) + process.memory_info().rss / 2**20
    return parts


def deploy_all(cell: Cell, shards: Sequence[str], *, at_once: int, what: str) -> list[Up]:
    """Deploy these shards in their order, so many at once; where one fails, all are killed."""
    members = [cell.member(shard) for shard in shards]
    pool = ThreadPoolExecutor(at_once)

    def tell(done: Future[Up]) -> None:
        if not done.cancelled() and not done.exception():
            say(f"{what}: {done.result().member} took {done.result().seconds:.1f} s")

    try:
        futures = [pool.submit(deploy, member) for member in members]
        for future in futures:
            future.add_done_callback(tell)
        return [future.result() for future in futures]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        cell.any.kill_all()
        raise
    finally:
        pool.shutdown()


def kill_below(folder: Path) -> None:
    """Kill what runs in a project below this folder: what an interrupted run has left."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder.resolve()) and is_part(process):
                process.kill()


def is_part(process: psutil.Process) -> bool:
    """Whether it is of an engine, and not a server of the sandbox."""
    return part_of(process.cmdline()) != "others"


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)
