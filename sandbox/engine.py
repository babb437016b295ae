"""The Pulumi engine of the sandbox: which programs, which environment, which plugin."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from operations.outside.pulumi import Engine
from operations.recovery import command as recover
from operations.recovery import leftovers, pending
from sandbox import toolchain
from sandbox.errors import SandboxError
from sandbox.layout import CACHE, PROJECT, Layout
from sandbox.progress import say

STACK = "dev"
BUILT = f"built {toolchain.KUBERNETES_PLUGIN_VERSION}"
"""What a sandbox records if it uses the Kubernetes plugin that is built here."""
_PASSPHRASE = "sandbox"  # noqa: S105  (nothing in the local stack is secret)


def environment(layout: Layout, dsn: str) -> dict[str, str]:
    """The environment in which the engine and the program run.

    KUBECONFIG, DATABASE_URL*, PULUMI_* and PG* from outside are not used, so that nobody deploys to
    production from here.
    """
    layout.pulumi_state.mkdir(parents=True, exist_ok=True)
    outside = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DATABASE_URL", "PULUMI_", "PG"))
    }
    engine, plugin = _engine(), _plugin(layout)
    # The program runs kubectl. It comes last, since `make up` builds it at the same time.
    folders = [Path(sys.executable).parent, *engine, toolchain.ensure(toolchain.CLUSTER)]
    return {
        **outside,
        "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
        "KUBECONFIG": str(layout.kubeconfig),
        "DATABASE_URL": dsn,
        "PULUMI_BACKEND_URL": f"file://{layout.pulumi_state}",
        "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PYTHONPATH": "",
        **plugin,
    }


def _engine() -> list[Path]:
    """The folder of `pulumi` and its Python host; none if PATH has one that is new enough."""
    found = shutil.which("pulumi")
    if found and shutil.which("pulumi-language-python"):
        answer = subprocess.run([found, "version"], capture_output=True, text=True).stdout
        if _version(answer) >= _version(toolchain.PULUMI_VERSION):
            return []
        say(f"the pulumi on PATH is {answer.strip()}, older than {toolchain.PULUMI_VERSION}")
    return [toolchain.ensure(toolchain.PULUMI)]


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else (0,)


def _plugin(layout: Layout) -> dict[str, str]:
    """The part of the environment by which the engine finds its Kubernetes plugin.

    The official one is taken when it can be downloaded. The choice is recorded, so that one sandbox
    does not change with the network.
    """
    official = version("pulumi-kubernetes")
    wanted = os.environ.get("TENANT_NATS_KUBERNETES_PLUGIN")
    if layout.plugin_choice.exists():
        choice = layout.plugin_choice.read_text()
    else:
        choice = _first_choice(official, wanted)
        layout.plugin_choice.write_text(choice)
    possible = {"official": f"official {official}", "built": BUILT}
    if choice not in possible.values() or (wanted and choice != possible.get(wanted)):
        raise SandboxError(
            f"This sandbox was made with the {choice} Kubernetes plugin; "
            f"to use another one ({possible[wanted or 'built']}), run `make down` first."
        )
    if choice == BUILT:
        # It is older than the SDK asks for. PULUMI_DEV keeps the engine from warning about that in
        # each run; docs/sandbox.md says it once.
        return {"PULUMI_HOME": str(_home_of_built(official)), "PULUMI_DEV": "true"}
    if not _has_official(official):
        raise SandboxError(
            f"The official Kubernetes plugin {official}, which made this sandbox, cannot be "
            "downloaded now; try again, or run `make down` and `make up` for another sandbox."
        )
    return {"PULUMI_HOME": str(_HOME)}


_HOME = CACHE / "pulumi-home"
"""Where the engine keeps what it downloads."""


def _home_of_built(official: str) -> Path:
    """A PULUMI_HOME that has the built plugin in the place of the `official` one.

    The engine would find a plugin on PATH too, but warn about it in each run.
    """
    built = toolchain.ensure(toolchain.KUBERNETES_PLUGIN)
    home = _HOME.with_name(f"{_HOME.name}-{built.name}")
    plugin = home / "plugins" / f"resource-kubernetes-v{official}" / "pulumi-resource-kubernetes"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        plugin.symlink_to(built / plugin.name)
    return home


def _first_choice(official: str, wanted: str | None) -> str:
    if wanted == "built":
        return BUILT
    say(f"looking for the official Kubernetes plugin, {official}")
    if _has_official(official):
        return f"official {official}"
    if wanted == "official":
        raise SandboxError(
            f"The official Kubernetes plugin {official} cannot be downloaded from here; "
            "unset TENANT_NATS_KUBERNETES_PLUGIN to build one."
        )
    say(f"  it cannot be downloaded from here; using the {BUILT}")
    return BUILT


def _has_official(official: str) -> bool:
    """Whether the official plugin is there, downloaded where it was not."""
    path = os.pathsep.join([*map(str, _engine()), os.environ["PATH"]])
    try:
        answer = subprocess.run(
            ["pulumi", "plugin", "install", "resource", "kubernetes", official],
            env={**os.environ, "PATH": path, "PULUMI_HOME": str(_HOME)},
            capture_output=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0


class EngineFailedError(Exception):
    """The engine has failed, and has said why on the terminal."""


def open_stack(layout: Layout, environment: Mapping[str, str]) -> Engine:
    """The sandbox's stack, made where it is missing.

    Raises:
        EngineError: the engine cannot make it.
    """
    stack = Engine(PROJECT, STACK, {**environment, "PULUMI_DEBUG_COMMANDS": "true"})
    leftovers.drop_empty_attributes(layout.pulumi_state / ".pulumi", STACK, say)
    if not any(layout.pulumi_state.glob(f".pulumi/stacks/*/{STACK}.json")):
        stack.create()
    return stack


def clear_what_a_dead_engine_left(stack: Engine) -> None:
    """Let a new engine begin; the caller must be the only one who uses the sandbox.

    A sandbox and all its engines are on one machine. So a lock with another machine's name is from
    before this machine, or its container, got a new name.

    Raises:
        SandboxError: an engine runs that `make` has not started.
    """
    try:
        leftovers.clear(stack, say, is_dead=True)
    except leftovers.EngineLives as finding:
        raise SandboxError(f"{finding} Wait for it, or interrupt it with Ctrl-C.") from None


def recover_what_was_interrupted(stack: Engine) -> None:
    """If an engine died while it made something, find out what, so that an `up` can go on.

    Raises:
        EngineError: the state cannot be read.
        SandboxError: it cannot be found out now.
    """
    if not pending.operations(stack.export()):
        return
    say("the last `make up` was interrupted; looking for what it had made")
    if recover.run(stack, engine_is_dead=True, up=None):
        raise SandboxError("The interrupted `make up` could not be recovered; see above.")


def run(stack: Engine, show: Callable[[str], None], *command: str) -> Mapping[str, int]:
    """Run `pulumi up` or `preview`, and `show` each line as soon as it is printed.

    Returns:
        How many resources each operation touched: `{"same": 37}`.

    Raises:
        EngineFailedError: it failed.
    """
    colour = "always" if sys.stdout.isatty() else "never"
    with tempfile.NamedTemporaryFile() as events:
        options = (f"--color={colour}", "--non-interactive", f"--event-log={events.name}")
        with subprocess.Popen(
            ["pulumi", *command, "--stack", stack.stack, *options],
            cwd=stack.folder, env=dict(stack.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        ) as process:  # fmt: skip
            assert process.stdout  # noqa: S101  (a pipe was asked for)
            try:
                for line in process.stdout:
                    show(line.rstrip("\n"))
            except KeyboardInterrupt:
                # The engine got the same signal. It ends what it is doing, and releases its lock.
                for line in process.stdout:
                    show(line.rstrip("\n"))
                raise
        if process.returncode != 0:
            raise EngineFailedError
        ends = [json.loads(line).get("summaryEvent") for line in events]
    [end] = filter(None, ends)
    return end["resourceChanges"]
