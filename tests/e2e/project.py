"""One stack of the real program, on a real engine, API server and database."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from sandbox.layout import PROJECT, Layout
from tests.controlplane.rows import Row, execute, table
from tests.packages import PACKAGES

_PROGRAM = ("__main__.py", "Pulumi.yaml", ".venv", *PACKAGES)

SIZES = """\
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
  huge: {requests: {cpu: '999', memory: 64Mi}, limits: {cpu: '999', memory: 64Mi}}
"""
"""A server of size `huge` fits on no node, so it never becomes ready."""

NOBODY = 2**22 + 1
"""No process has this id: it is above the largest one."""

Settings = dict[str, object]
"""What a stack's configuration says: `namespace`, or `kubernetes:context` of another package."""


@dataclass(frozen=True)
class Target:
    """Where stacks are deployed to, and with what."""

    layout: Layout
    kubectl: str
    kubeconfig: str
    context: str
    env: dict[str, str]
    new_stack: Path
    """The state of a stack that was made and never deployed to, kept for all tests of a run."""


@dataclass(frozen=True)
class Operation:
    """One step of the engine: what was done to which resource."""

    kind: str
    """create, update, replace, delete, same, …"""
    type: str
    """The last part of the type token: Deployment."""
    name: str
    """The logical name."""


@dataclass
class Run:
    """What one run of the engine did and said."""

    output: str = ""
    failed: bool = False
    order: list[tuple[str, Operation]] = field(default_factory=list[tuple[str, Operation]])
    """Each operation as ("started", …) and as ("finished", …) or ("failed", …), as the engine's
    events come."""

    @property
    def changes(self) -> list[Operation]:
        """What was begun, in this order, less what stayed the same."""
        return [
            step
            for moment, step in self.order
            if moment == "started" and step.kind not in ("same", "read", "refresh")
        ]

    @property
    def changed(self) -> set[str]:
        """The changes as text, components and the stack left out: `create Deployment nats-a-1-…`.

        A replacement is three steps to the engine; the one that says so is left.
        """
        return {
            f"{step.kind} {step.type} {step.name}"
            for step in self.changes
            if step.type not in _COMPONENTS
            and step.kind not in ("create-replacement", "delete-replaced")
        }


_MOMENTS = {
    "resourcePreEvent": "started",
    "resOutputsEvent": "finished",
    "resOpFailedEvent": "failed",
}
_COMPONENTS = ("Stack", "Tenant", "NatsInstance", "Isolation")


class Project:
    """A copy of the program (by links) with an inventory, a stack and a state of its own."""

    stack = "e2e"

    def __init__(
        self,
        target: Target,
        folder: Path,
        *,
        namespace: str,
        dsn: str,
        settings: Settings,
        program: str | None = None,
    ) -> None:
        """The stack is made, and nothing deployed; `program` is text in place of __main__.py."""
        self.target = target
        self.folder = folder
        self.namespace = namespace
        self.dsn = dsn
        self.state = folder / "state"
        self._settings: Settings = {}
        folder.mkdir(parents=True)
        for name in _PROGRAM:
            (folder / name).symlink_to(PROJECT / name)
        if program is not None:
            (folder / "__main__.py").unlink()
            (folder / "__main__.py").write_text(program)
        self.env = {
            **target.env,
            "DATABASE_URL": dsn,
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "e2e",
            "PULUMI_DEBUG_COMMANDS": "true",  # for `--event-log`
        }
        self.configure(
            {
                "kubernetes:context": target.context,
                "kubernetes:clusterIdentifier": "e2e",
                "namespace": namespace,
                "retainNamespace": False,
                **settings,
            }
        )
        self._make_stack()

    def configure(self, settings: Settings) -> None:
        """Add to the settings of the stack; `pulumi config set` takes half a second for each."""
        self._settings |= settings
        config = {
            name if ":" in name else f"tenant-nats:{name}": value
            for name, value in self._settings.items()
        }
        file = self.folder / "Pulumi.e2e.yaml"
        file.write_text(json.dumps({"encryptionsalt": _SALT, "config": config}))

    def _make_stack(self) -> None:
        """Make the stack as the engine makes it: once for each run of tests, and then by a copy."""
        made = self.target.new_stack
        with FileLock(made.with_suffix(".lock")):
            if not made.exists():
                self.state.mkdir()
                self.pulumi("stack", "init")
                self.state.rename(made)
        shutil.copytree(made, self.state)

    def write(self, inventory: str) -> None:
        """Replace the inventory."""
        (self.folder / "tenants.yaml").write_text(inventory)

    def store_secret_dsn(self) -> None:
        """Move the connection string from the environment into the stack's secrets."""
        del self.env["DATABASE_URL"]
        self.pulumi("config", "set", "--secret", "databaseUrl", stdin=self.dsn)

    def use_database(self, dsn: str) -> None:
        """Let later runs see another connection string."""
        self.env["DATABASE_URL"] = dsn

    def up(self, *options: str) -> Run:
        """Run `pulumi up`; a failure is told by the result."""
        return self._run("up", "--yes", "--skip-preview", *options)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return json.loads(self.pulumi("stack", "output", "--json"))

    def up_with_preview(self) -> str:
        """Run `pulumi up` as CI does, with the preview that comes before it; returns its output."""
        answer = subprocess.run(
            ["pulumi", "up", "--yes", "--non-interactive", "--stack", self.stack],
            cwd=self.folder, env={**os.environ, **self.env}, capture_output=True, text=True,
        )  # fmt: skip
        return answer.stdout + answer.stderr

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.stack}.log"

    def begin_up(self, *options: str) -> subprocess.Popen[bytes]:
        """Start `pulumi up` in a session of its own; `said` tells what it says."""
        with self._log.open("wb") as log:
            return subprocess.Popen(
                ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive",
                 "--stack", self.stack, *options],
                cwd=self.folder, env={**os.environ, **self.env}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def said(self) -> str:
        """What the last `up` that was begun has said."""
        return self._log.read_text()

    def recover(self, *arguments: str) -> tuple[int, str]:
        """Run `tenant-nats recover` as a person would; its exit code and its output."""
        return self.operations("recover", "--stack", self.stack, *arguments)

    def operations(self, *command: str) -> tuple[int, str]:
        """Run `tenant-nats` as a person would; its exit code and its output."""
        answer = subprocess.run(
            [sys.executable, "-m", "operations", *command],
            cwd=self.folder, env={**os.environ, **self.env, "KUBECONFIG": self.target.kubeconfig},
            capture_output=True, text=True,
        )  # fmt: skip
        return answer.returncode, answer.stdout + answer.stderr

    def begin_operations(self, *command: str) -> subprocess.Popen[bytes]:
        """Start `tenant-nats` in a session of its own, to be killed with its engine."""
        return subprocess.Popen(
            [sys.executable, "-m", "operations", *command],
            cwd=self.folder, env={**os.environ, **self.env, "KUBECONFIG": self.target.kubeconfig},
            start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def make(self, target: str) -> tuple[int, str]:
        """Make a target of the project as CI does; its exit code and its output."""
        answer = subprocess.run(
            ["make", "-f", PROJECT / "Makefile", "RUN=", target], cwd=self.folder,
            env={**os.environ, **self.env, "STACK": self.stack}, capture_output=True, text=True,
        )  # fmt: skip
        return answer.returncode, answer.stdout + answer.stderr

    def commit(self) -> None:
        """Record what the project's folder has in a git repository that is in it."""
        who = ["-c", "user.name=e2e", "-c", "user.email=e2e", "-c", "commit.gpgsign=false"]
        for command in (
            ["init", "--quiet"],
            ["add", "tenants.yaml", "Pulumi.yaml"],
            [*who, "commit", "--quiet", "--message", "an edit"],
        ):
            subprocess.run(["git", *command], cwd=self.folder, check=True)

    def pulumi(self, *arguments: str, stdin: str = "", stack: str | None = None) -> str:
        """Run a `pulumi` command on the stack, or on another one, as a person would."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--stack", stack or self.stack],
            cwd=self.folder, env={**os.environ, **self.env}, input=stdin,
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        """Those that run in the project's folder: engines and what they have started."""
        return [each for each in psutil.process_iter() if _folder_of(each) == self.folder.resolve()]

    def kill_all(self) -> None:
        """Kill what runs in the project's folder; some of it may end by itself meanwhile."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    @property
    def _state_file(self) -> Path:
        [file] = self.state.glob(f".pulumi/stacks/*/{self.stack}.json")
        return file

    def written(self) -> int:
        """When the state was last written, in nanoseconds."""
        return self._state_file.stat().st_mtime_ns

    def recorded(self) -> list[str]:
        """The URNs of the objects and records that the engine has written down so far."""
        latest: dict[str, Any] = json.loads(self._state_file.read_text())["checkpoint"]["latest"]
        resources: list[dict[str, Any]] = (latest or {}).get("resources", [])
        return [
            each["urn"]
            for each in resources
            if each["custom"] and "pulumi:providers:" not in each["type"]
        ]

    def edit_state(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Change the stored deployment behind the engine's back: an import drops pending notes."""
        file = self._state_file
        stored = json.loads(file.read_text())
        edit(stored["checkpoint"]["latest"])
        file.write_text(json.dumps(stored))

    def lock(self, *, pid: int = NOBODY, username: str = "root", hostname: str = "") -> Path:
        """Leave a lock as an engine that died does, on this machine or on another; its file."""
        file = self.state / f".pulumi/locks/organization/tenant-nats/{self.stack}/{pid}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        owner = {"pid": pid, "username": username, "hostname": hostname or socket.gethostname()}
        file.write_text(json.dumps(owner))
        return file

    def preview(self) -> Run:
        """Run `pulumi preview`."""
        return self._run("preview")

    def refresh(self) -> Run:
        """Run `pulumi refresh`."""
        return self._run("refresh", "--yes", "--skip-preview")

    def destroy(self) -> Run:
        """Run `pulumi destroy`."""
        return self._run("destroy", "--yes", "--skip-preview")

    def _run(self, *command: str) -> Run:
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        answer = subprocess.run(
            ["pulumi", *command, "--non-interactive", "--stack", self.stack, f"--event-log={log}"],
            cwd=self.folder, env={**os.environ, **self.env}, capture_output=True, text=True,
        )  # fmt: skip
        run = Run(failed=answer.returncode != 0)
        lines = [answer.stdout, answer.stderr]
        for event in map(json.loads, log.read_text().splitlines() if log.exists() else ()):
            for kind, moment in _MOMENTS.items():
                if kind in event:
                    run.order.append((moment, _operation(event[kind]["metadata"])))
            if (said := event.get("diagnosticEvent")) and said["severity"] != "debug":
                lines.append(said["message"])
        run.output = "\n".join(lines)
        return run

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the stack's namespace."""
        return subprocess.run(
            [self.target.kubectl, "--kubeconfig", self.target.kubeconfig,
             "-n", self.namespace, *arguments],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def objects(self, *kinds: str) -> list[dict[str, Any]]:
        """The objects of these kinds in the stack's namespace."""
        answer = self.kubectl("get", ",".join(kinds or _KINDS), "-o", "json")
        return json.loads(answer)["items"]

    def names(self, *kinds: str) -> list[str]:
        """`Kind/name` of the objects that the program makes in the stack's namespace."""
        return sorted(
            f"{item['kind']}/{item['metadata']['name']}"
            for item in self.objects(*kinds)
            if item["metadata"]["name"] not in _NOT_OURS
        )

    def namespaces(self) -> list[str]:
        """The names of all namespaces of the cluster."""
        items = json.loads(self.kubectl("get", "namespaces", "-o", "json"))["items"]
        return [item["metadata"]["name"] for item in items]

    def rows(self) -> list[Row]:
        """(tenant, number, status) of all rows."""
        return [(tenant, number, status) for tenant, number, _, status in table(self.dsn)]

    def execute(self, statement: str, *parameters: object) -> list[Row]:
        """Run SQL by hand."""
        return execute(self.dsn, statement, *parameters)

    def exported_state(self) -> str:
        """All that the engine has stored, as text."""
        return "\n".join(
            file.read_text(errors="replace") for file in self.state.rglob("*") if file.is_file()
        )

    def remove(self) -> None:
        """Remove the namespace without waiting; the state and the database go with the run."""
        self.kill_all()
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")


_KINDS = ("configmap", "deployment", "service", "networkpolicy")
_NOT_OURS = ("kube-root-ca.crt",)


_SALT = "v1:EF0UNX5t4KM=:v1:0gghV5uEFI8W5kqg:CCAS+zTjABCTLmkqPdUvNTKoQb9CWA=="
"""Made by the engine for the passphrase `e2e`. What it keeps is no secret."""


def _folder_of(process: psutil.Process) -> Path | None:
    try:
        return Path(process.cwd())
    except psutil.Error:
        return None


def _operation(metadata: Any) -> Operation:
    token, name = metadata["urn"].split("::", 3)[2:]
    return Operation(metadata["op"], token.split("$")[-1].split(":")[-1], name)
