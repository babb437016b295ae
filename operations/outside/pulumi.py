"""The `pulumi` program on PATH, for one stack of the project in one folder.

It runs as a subprocess, without the Automation API, which cannot target a refresh or read a state
from stdin, and which writes settings files of its own.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cell.folders import member_in
from tenancy.cells import Member
from tenancy.inventory.faults import dotted, printable

_T = TypeVar("_T")

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


class NoStackError(EngineError):
    """There is no such stack in the backend."""


class Update(BaseModel):
    """One update of a stack's history."""

    model_config = ConfigDict(frozen=True, strict=True)

    kind: str
    """`update`, `preview`, `refresh`, …"""
    result: str
    environment: dict[str, str] | None = None
    """What the engine knew of its surroundings, such as `git.head`."""


_CREATIONS = ("create", "replace")
_SALT_ALONE = re.compile(r"(encryptionsalt: \S+)?")


class _Named(BaseModel):
    """A resource that can be told from others; the rest of it is the provider's affair."""

    model_config = ConfigDict(extra="allow", strict=True)

    urn: str
    type: str


class _Operation(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    resource: _Named
    type: str


class _Deployment(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    resources: list[_Named] | None = None
    pending_operations: list[_Operation] | None = None


class _Export(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    deployment: _Deployment


class _Step(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    op: str
    newState: _Named | None = None

    @model_validator(mode="after")
    def _made(self) -> "_Step":
        if self.op in _CREATIONS and self.newState is None:
            raise ValueError(f"a step that does {self.op} has no newState")
        return self


class _Previewed(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    steps: list[_Step] = []
    config: dict[str, str] = {}


class _Account(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    url: str


class _Listed(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    name: str


_UPDATES = TypeAdapter(list[Update])
_STACKS = TypeAdapter(list[_Listed])
_OUTPUTS = TypeAdapter(dict[str, Any])


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
        file = self.folder / "Pulumi.yaml"
        try:
            found = YAML(typ="safe").load(file)["name"]
        except OSError as error:
            raise EngineError(f"{file} cannot be read ({error.strerror}).") from None
        except (YAMLError, UnicodeError, KeyError, TypeError, ValueError):
            found = None
        if not isinstance(found, str):
            raise EngineError(f"{file} does not name the project; for example: `name: tenant-nats`")
        return found

    @property
    def _member(self) -> Member | None:
        return member_in(self.folder, self.stack_name)

    @property
    def _settings(self) -> list[str]:
        """Where the stack's settings are, if not in the file of its own name: those of its cell."""
        member = self._member
        return [f"--config-file={member.settings_file}"] if member else []

    def backend(self) -> str:
        """The URL of the backend. It reads no state, so it works whatever a dead engine left."""
        said = _run(self.folder, self.environment, ["whoami", "--json"])
        return _understood(TypeAdapter(_Account), said, "whoami").url

    def neighbours(self) -> list[str]:
        """The names of all stacks of the project, this one among them."""
        said = _run(self.folder, self.environment, ["stack", "ls", "--json"])
        stacks = _understood(_STACKS, said, "stack ls")
        return [each.name.rpartition("/")[2] for each in stacks]

    def create(self) -> None:
        """Make the stack; one that is a member of a cell has the settings of its cell only."""
        if self._member is None:
            self._run("stack", "init")
            return
        self._run("stack", "init", "--no-select", *self._secrets_provider(self._member))
        self.drop_needless_settings()

    def drop_needless_settings(self) -> None:
        """Remove the file that `stack init` makes; a member of a cell has the cell's settings.

        A file that has more than the salt of secrets is somebody's, and stays.
        """
        own = self.folder / f"Pulumi.{self.stack_name}.yaml"
        if self._member and own.exists() and _SALT_ALONE.fullmatch(own.read_text().strip()):
            own.unlink()

    def _secrets_provider(self, member: Member) -> list[str]:
        """What encrypts a cell's secrets, if not the passphrase or the service of its state."""
        file = self.folder / member.settings_file
        try:
            said: object = YAML(typ="safe").load(file)
            provider = cast("dict[str, object]", said)["secretsprovider"]
        except (KeyError, TypeError):
            return []
        except (OSError, YAMLError, UnicodeError, ValueError) as error:
            raise EngineError(f"{file} cannot be read ({error}).") from None
        return [f"--secrets-provider={provider}"]

    def setting(self, key: str) -> str:
        """One setting of the stack's configuration, such as `kubernetes:context`, decrypted."""
        return self._run("config", "get", key, *self._settings).rstrip("\n")

    def outputs(self) -> Mapping[str, Any]:
        """What the last `up` has exported."""
        return _understood(_OUTPUTS, self._run("stack", "output", "--json"), "stack output")

    def move(self, urns: Sequence[str], target: "Engine") -> None:
        """Move components, each with all that is in it, to the state of `target`.

        The engine writes the target's state first. If it ends before it writes this stack's, both
        have them.
        """
        stacks = (f"--source={self.stack}", f"--dest={target.stack}")
        _run(self.folder, self.environment, ["state", "move", *urns, *stacks, "--yes"])

    def cancel(self) -> None:
        """Remove the stack's lock, whoever holds it."""
        self._run("cancel", "--yes")

    def export(self) -> State:
        """The stack's state."""
        said = self._run("stack", "export")
        _understood(TypeAdapter(_Export), said, "stack export")
        # As the engine wrote it, since it may be given back.
        return json.loads(said)

    def replace_state(self, state: State) -> None:
        """Make `state` the stack's state. The engine drops pending operations while it does so."""
        self._run("stack", "import", stdin=json.dumps(state))

    def refresh(self, urns: Sequence[str]) -> None:
        """Let the providers read these resources; one that does not exist leaves the state."""
        targets = [part for urn in urns for part in ("--target", urn)]
        self._run("refresh", "--yes", "--skip-preview", *self._settings, *targets)

    def preview(self) -> Preview:
        """Ask the program what it would do, and change nothing."""
        said = self.preview_json()
        _understood(TypeAdapter(_Previewed), said, "preview")
        answer = json.loads(said)
        # The engine leaves out what is empty.
        steps: list[dict[str, Any]] = answer.get("steps", [])
        return Preview(
            creations=[step["newState"] for step in steps if step["op"] in _CREATIONS],
            settings=answer.get("config", {}),
        )

    def preview_json(self, *, refresh: bool = False) -> str:
        """What `pulumi preview --json` prints; with `refresh`, it reads the actual state first."""
        options = ["--refresh"] if refresh else []
        return self._run("preview", "--json", *self._settings, *options)

    def history(self) -> list[Update]:
        """The last HISTORY updates, the latest first."""
        said = self._run("stack", "history", "--json", "--page-size", str(HISTORY))
        return _understood(_UPDATES, said, "stack history")

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        command = [*arguments, "--stack", self.stack]
        return _run(self.folder, self.environment, command, stdin)


def selected_stack(folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The name of the stack that `pulumi stack select` has chosen.

    Raises:
        EngineError: none is selected, or its state cannot be read.
    """
    name = _run(folder, environment, ["stack", "--show-name"]).strip()
    if not name or not name.isprintable():
        raise EngineError(
            f"pulumi stack --show-name printed {printable(name)}, expected the name of a stack; "
            "give one with --stack, for example prod."
        )
    return name


def _understood(kind: TypeAdapter[_T], said: str, command: str) -> _T:
    """What the engine has answered.

    Raises:
        EngineError: it is something else, so that it proves nothing.
    """
    try:
        return kind.validate_json(said)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[0]
        where = f"{dotted(details['loc'])}: " if details["loc"] else ""
        raise EngineError(
            f"pulumi {command} printed what this program cannot read ({where}{details['msg']}). "
            "Does `pulumi version` say 3, and does the command, run by hand, print JSON?"
        ) from None


def _run(
    folder: Path, environment: Mapping[str, str], arguments: Sequence[str], stdin: str | None = None
) -> str:
    try:
        answer = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],  # noqa: S607
            cwd=folder,
            env=dict(environment),
            input=(stdin or "").encode(),
            capture_output=True,
        )
    except FileNotFoundError:
        raise EngineError("there is no `pulumi` on PATH.") from None
    except OSError as error:
        raise EngineError(f"`pulumi` on PATH cannot be run ({error.strerror}).") from None
    command = " ".join(arguments[:2])
    if answer.returncode != 0:
        said = _complaint(
            answer.stdout.decode(errors="replace"), answer.stderr.decode(errors="replace")
        )
        kind = next(
            (kind for kind, signs in _KINDS.items() if any(words in said for words in signs)),
            EngineError,
        )
        raise kind(f"pulumi {command}: {said or f'exit code {answer.returncode}, without a word'}")
    try:
        return answer.stdout.decode()
    except UnicodeDecodeError as error:
        raise EngineError(f"pulumi {command} printed bytes that are not UTF-8 ({error}).") from None


_KINDS: Mapping[type[EngineError], tuple[str, ...]] = {
    StackLockedError: (
        "the stack is currently locked",  # a bucket or a folder
        "Another update is currently in progress",  # Pulumi Cloud
    ),
    NoStackError: ("no stack named",),
}


_SAYS_NOTHING = "program exited with non-zero exit code"
"""What the engine adds when the program itself has refused."""


def _complaint(output: str, errors: str) -> str:
    """The error of a failed command: for a `--json` command, its diagnostics."""
    try:
        diagnostics = json.loads(output).get("diagnostics", [])
        said = [str(entry["message"]) for entry in diagnostics if entry["severity"] == "error"]
        said = [message for message in said if _SAYS_NOTHING not in message] or said
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        said = []
    if not said:
        said = [*_marked(errors), *_marked(output)] or _lines(errors + output)[-3:]
    return " ".join(part.strip() for part in said).removeprefix("error: ")


def _marked(text: str) -> list[str]:
    """Its lines from the first error on."""
    lines = _lines(text)
    marked = [number for number, line in enumerate(lines) if "error:" in line]
    return lines[marked[0] :] if marked else []


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
