"""What a dead engine leaves beside the state: its lock, a file cut short, its plugins.

Only of a `file://` backend can the lock be read, and only of this machine's processes can be said
whether they live. Of everything else somebody has to know it.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import psutil

from operations.outside.pulumi import Engine

Say = Callable[[str], None]


class EngineLives(Exception):  # noqa: N818  (it is a finding)
    """An engine holds the lock and runs."""


class LockUnjudged(Exception):  # noqa: N818
    """There is a lock, and from here nobody can say whether its engine runs."""


@dataclass(frozen=True)
class Lock:
    """The lock of an engine, as it describes itself."""

    pid: int
    username: str
    hostname: str
    since: datetime | None
    """When it was taken."""

    @classmethod
    def read(cls, file: Path) -> "Lock | None":
        """None where the file does not say what a lock says.

        Raises:
            FileNotFoundError: the lock is gone, so its engine has ended.
        """
        try:
            content = json.loads(file.read_bytes())
            since = content.get("timestamp")
            return cls(
                pid=int(content["pid"]),
                username=str(content["username"]),
                hostname=str(content["hostname"]),
                since=datetime.fromisoformat(since).astimezone(UTC) if since else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def __str__(self) -> str:
        since = f", since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"pid {self.pid} of {self.username} on {self.hostname}{since}"


Verdict = Literal["alive", "dead", "unknown"]


def judge(lock: Lock | None, hostname: str) -> Verdict:
    """Whether the engine that took `lock` runs, as far as can be said on the machine `hostname`.

    A number alone may be anybody's by now: the process has to be an engine, and no younger than
    the lock.
    """
    if lock is None or lock.hostname != hostname:
        return "unknown"
    try:
        process = psutil.Process(lock.pid)
        if "pulumi" not in process.name() or process.status() == psutil.STATUS_ZOMBIE:
            return "dead"
        began = datetime.fromtimestamp(process.create_time(), tz=UTC)
    except psutil.NoSuchProcess:
        return "dead"
    except psutil.AccessDenied:
        return "unknown"
    # The clock of a process counts from the machine's start and may be off by a little.
    if lock.since and began > lock.since + timedelta(seconds=2):
        return "dead"
    return "alive"


def clear(engine: Engine, say: Say, *, is_dead: bool = False) -> None:
    """Remove what would be in the way of every further command.

    Args:
        engine: the stack.
        say: told each thing that is done.
        is_dead: somebody knows that no engine runs on the stack, where it cannot be seen from here.

    Raises:
        EngineLives: the lock's engine runs; nothing was done.
        LockUnjudged: it cannot be seen whether it runs, and nobody knows; nothing was done.
    """
    folder = local_folder(engine.backend(), engine.folder)
    if folder is None:
        # Without that knowledge, the engine's own refusal of the first command tells of a lock.
        if is_dead:
            engine.cancel()
            say("The stack's lock, if there was one, is removed.")
    else:
        _unlock(engine, folder, say, is_dead=is_dead)
    _end_orphans(engine.folder, say)


def local_folder(backend: str, relative_to: Path) -> Path | None:
    """The folder of a `file://` backend; None for any other backend."""
    if not backend.startswith("file://"):
        return None
    path = Path(backend.removeprefix("file://").partition("?")[0]).expanduser()
    return (relative_to / path).resolve() / ".pulumi"


def _unlock(engine: Engine, folder: Path, say: Say, *, is_dead: bool) -> None:
    locks: list[Lock | None] = []
    for file in _lock_files(engine, folder):
        with suppress(FileNotFoundError):
            locks.append(Lock.read(file))
    verdicts = [judge(lock, socket.gethostname()) for lock in locks]
    for lock, verdict in zip(locks, verdicts, strict=True):
        if verdict == "alive":
            raise EngineLives(f"{lock} runs and holds the stack's lock.")
    if "unknown" in verdicts and not is_dead:
        raise LockUnjudged(f"{locks[verdicts.index('unknown')] or 'A lock that says nothing'}.")
    drop_empty_attributes(folder, engine.stack_name, say)
    if locks:
        engine.cancel()
    for lock in locks:
        say(f"The lock of a dead engine is removed: {lock or 'it did not say whose'}.")


def _lock_files(engine: Engine, folder: Path) -> list[Path]:
    """The locks of the stack, in either layout that the engine has used for local backends."""
    locks = folder / "locks"
    places = [
        locks / "organization" / engine.project / engine.stack_name,
        locks / engine.stack_name,
    ]
    return [file for place in places for file in sorted(place.glob("*.json"))]


def drop_empty_attributes(folder: Path, stack: str, say: Say) -> None:
    """Delete the stack's `*.attrs` files that are empty: with one, no command works any more.

    The engine writes such a file beside each file of a local backend. It is cut short by a kill,
    while the state itself gets its name only when it is whole.
    """
    for file in folder.rglob("*.attrs"):
        is_ours = file.name.startswith(f"{stack}.json") or stack in file.parts
        is_empty = file.exists() and file.stat().st_size == 0
        if is_empty and (is_ours or file.name == "meta.yaml.attrs"):
            file.unlink()
            say(f"An empty file that a dead engine began to write is deleted: {file.name}.")


_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)$")
_PATIENCE = 5.0


def _end_orphans(folder: Path, say: Say) -> None:
    """End the plugins of this project whose engine is gone.

    They outlive it by minutes, and one that still waits for its turn at the API server would make
    its object after everybody has looked whether it is there.
    """
    orphans = list(_orphans(folder))
    for process in orphans:
        with suppress(psutil.NoSuchProcess):  # many end by themselves, soon after their engine
            process.terminate()
    _, stubborn = psutil.wait_procs(orphans, timeout=_PATIENCE)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if orphans:
        pids = ", ".join(str(process.pid) for process in orphans)
        say(f"Processes that a dead engine left are ended: {pids}.")


def _orphans(folder: Path) -> Iterator[psutil.Process]:
    """Processes in `folder` that are told to talk to an engine at an address nobody listens on."""
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
            ports = [int(match[1]) for word in arguments if (match := _ADDRESS.search(word))]
            if (
                ports
                and any("pulumi" in word for word in arguments)
                and Path(process.cwd()) == folder.resolve()
                and not any(_answers(port) for port in ports)
            ):
                yield process
        except psutil.Error:
            continue


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0
