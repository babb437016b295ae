"""The `pulumi` program on PATH, for one stack of the project in one folder.

It runs as a subprocess, without the Automation API, which cannot target a refresh or read a state
from stdin, and which writes settings files of its own.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

State = dict[str, Any]
"""What `pulumi stack export` prints. Secrets in it stay encrypted."""
Resource = dict[str, Any]
"""One resource as a state or a preview has it."""

HISTORY = 100
"""How many updates of a stack are looked at."""


class EngineError(Exception):
    """The engine failed; the text is its error message, without the output around it."""


class StackLockedError(EngineError):
    """Another engine holds the stack's lock."""


@dataclass(frozen=True)
class Preview:
    """What the next `up` would do."""

    creations: list[Resource]
    """What it would create, replacements too, in an order that is possible."""
    settings: Mapping[str, str]
    """The stack's configuration; secrets in it are not readable."""


@dataclass(frozen=True)
class Engine:
    """Runs `pulumi`. Its output is not shown, since only this program reads it."""

    folder: Path
    stack: str
    """As `--stack` takes it: `prod`, or `organization/project/prod`."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def stack_name(self) -> str:
        """The last part of the stack's name."""
        return self.stack.rpartition("/")[2]

    @property
    def project(self) -> str:
        """The project's name, from its Pulumi.yaml."""
        return YAML(typ="safe").load(self.folder / "Pulumi.yaml")["name"]

    def backend(self) -> str:
        """The URL of the backend. It reads no state, so it works whatever a dead engine left."""
        return json.loads(_run(self.folder, self.environment, ["whoami", "--json"]))["url"]

    def create(self) -> None:
        """Make the stack."""
        self._run("stack", "init")

    def setting(self, key: str) -> str:
        """One setting of the stack's configuration, such as `kubernetes:context`, decrypted."""
        return self._run("config", "get", key).rstrip("\n")

    def outputs(self) -> Mapping[str, Any]:
        """What the last `up` has exported."""
        return json.loads(self._run("stack", "output", "--json"))

    def cancel(self) -> None:
        """Remove the stack's lock, whoever holds it."""
        self._run("cancel", "--yes")

    def export(self) -> State:
        """The stack's state."""
        return json.loads(self._run("stack", "export"))

    def replace_state(self, state: State) -> None:
        """Make `state` the stack's state. The engine drops pending operations while it does so."""
        self._run("stack", "import", stdin=json.dumps(state))

    def refresh(self, urns: Sequence[str]) -> None:
        """Let the providers read these resources; one that does not exist leaves the state."""
        targets = [part for urn in urns for part in ("--target", urn)]
        self._run("refresh", "--yes", "--skip-preview", *targets)

    def preview(self) -> Preview:
        """Ask the program what it would do, and change nothing."""
        answer = json.loads(self.preview_json())
        # The engine leaves out what is empty.
        steps: list[dict[str, Any]] = answer.get("steps", [])
        return Preview(
            creations=[step["newState"] for step in steps if step["op"] in ("create", "replace")],
            settings=answer.get("config", {}),
        )

    def preview_json(self, *, refresh: bool = False) -> str:
        """What `pulumi preview --json` prints; with `refresh`, it reads the actual state first."""
        return self._run("preview", "--json", *(["--refresh"] if refresh else []))

    def history(self) -> list[dict[str, Any]]:
        """The last HISTORY updates, the latest first: `kind`, `result`, `environment`."""
        return json.loads(self._run("stack", "history", "--json", "--page-size", str(HISTORY)))

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        command = [*arguments, "--stack", self.stack]
        return _run(self.folder, self.environment, command, stdin)


def selected_stack(folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The name of the stack that `pulumi stack select` has chosen.

    Raises:
        EngineError: none is selected, or its state cannot be read.
    """
    return _run(folder, environment, ["stack", "--show-name"]).strip()


def _run(
    folder: Path, environment: Mapping[str, str], arguments: Sequence[str], stdin: str | None = None
) -> str:
    try:
        answer = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],  # noqa: S607
            cwd=folder,
            env=dict(environment),
            input=stdin or "",
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise EngineError("there is no `pulumi` on PATH.") from None
    if answer.returncode != 0:
        command = " ".join(arguments[:2])
        said = _complaint(answer.stdout, answer.stderr)
        kind = StackLockedError if any(words in said for words in _LOCKED) else EngineError
        raise kind(f"pulumi {command}: {said}")
    return answer.stdout


_LOCKED = (
    "the stack is currently locked",  # a bucket or a folder
    "Another update is currently in progress",  # Pulumi Cloud
)


_SAYS_NOTHING = "program exited with non-zero exit code"
"""What the engine adds when the program itself has refused."""


def _complaint(output: str, errors: str) -> str:
    """The error of a failed command: for a `--json` command, its diagnostics."""
    try:
        diagnostics = json.loads(output).get("diagnostics", [])
        said = [entry["message"] for entry in diagnostics if entry["severity"] == "error"]
        said = [message for message in said if _SAYS_NOTHING not in message] or said
    except (ValueError, AttributeError):
        said = []
    if not said:
        lines = [line.strip() for line in (errors + output).splitlines() if line.strip()]
        marked = [number for number, line in enumerate(lines) if "error:" in line]
        said = lines[marked[0] :] if marked else lines[-3:]
    return " ".join(part.strip() for part in said).removeprefix("error: ")
