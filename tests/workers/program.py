"""A worker as it runs in production: a process of its own, known by what it prints."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60
"""Seconds until what must happen is held not to; on an idle machine it takes a few at most."""


@dataclass(frozen=True)
class Event:
    """A line of the worker's."""

    name: str
    time: float
    facts: dict[str, Any]

    @property
    def url(self) -> str | None:
        return self.facts.get("url")


class Worker:
    """A running worker."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self.process = process
        self.events: list[Event] = []
        """All but the messages."""
        self.received: list[str] = []
        """The messages' texts."""
        self._errors = errors
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, name: str, *, since: int = 0, **facts: object) -> Event:
        """The first event of this name and with these facts, from the event number `since` on."""

        def found() -> Event | None:
            for event in self.events[since:]:
                if event.name == name and facts.items() <= event.facts.items():
                    return event
            return None

        return self._wait(found, f"{name} {facts}")

    def wait_for_message(self, text: str) -> None:
        """Return as soon as this message was received."""
        self._wait(lambda: text in self.received or None, f"the message {text}")

    def stop(self) -> int:
        """Send SIGTERM; returns the exit code when all that the worker printed is read."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; returns the exit code when all that it printed is read."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def names(self, since: int = 0) -> list[str]:
        """The names of the events from the event number `since` on."""
        return [event.name for event in self.events[since:]]

    def output(self) -> str:
        """What it has printed, but for messages."""
        return "\n".join([*map(str, self.events), self._errors.read_text()])

    def _wait(self, found: Any, what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while (result := found()) is None:
                ended = self.process.poll() is not None and not self._reader.is_alive()
                remaining = deadline - time.monotonic()
                assert remaining > 0 and not ended, f"no {what}:\n{self.output()}"  # noqa: PT018
                self._changed.wait(min(remaining, 0.5))
        return result

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            facts = json.loads(line)
            event = Event(facts.pop("event"), facts.pop("time"), facts)
            with self._changed:
                if event.name == "message":
                    self.received.append(facts["data"])
                else:
                    self.events.append(event)
                self._changed.notify_all()

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def working(
    command: Sequence[str | Path],
    dsn: str,
    folder: Path,
    *,
    tenant: str = "acme",
    integration: object = 1,
    linger: float = 0.5,
    environment: Mapping[str, str] | None = None,
) -> Generator[Worker]:
    """Run a worker; ends it by its own process, whatever happens."""
    errors = folder / "worker.stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--linger", str(linger), tenant, str(integration)],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn, **(environment or {})},
            stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
    worker = Worker(process, errors)
    try:
        yield worker
    finally:
        worker.end()
