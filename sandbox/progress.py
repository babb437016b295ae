"""Progress on the terminal: what is being done, and for how long so far."""

import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from sandbox.errors import SandboxError

console = Console(stderr=True, highlight=False, soft_wrap=True)

_HEARTBEAT_SECONDS = 20.0


def say(message: str) -> None:
    """Print one line of progress."""
    console.print(f"[dim]•[/dim] {message}")


def elapsed(seconds: float) -> str:
    """`12.3` → `12 s`; `200` → `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def step(message: str) -> Generator[None]:
    """Print what begins, and how long it took if that was more than a second."""
    say(message)
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    if seconds >= 1:
        say(f"  done in {elapsed(seconds)}")


def run_logged(
    command: Sequence[str | Path], *, log: Path, what: str, env: Mapping[str, str], cwd: Path
) -> None:
    """Run a long command with its output in `log`, and say every 20 seconds that it still runs.

    Raises:
        SandboxError: the command failed; the message ends with the last lines of its log.
    """
    began = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while True:
                try:
                    code = process.wait(timeout=_HEARTBEAT_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  {what}: {elapsed(time.monotonic() - began)} so far")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise SandboxError(f"{what} failed (exit code {code}); the whole log is {log}:\n{tail}")
