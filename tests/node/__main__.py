"""`make node`: runs the tests of this folder in namespaces of their own, and leaves nothing behind.

The kubelet, the containers and the tests have their own network, mounts and processes: when the
first of these processes ends, the kernel ends the others and removes the rest. Control groups alone
belong to no namespace; they are removed afterwards, or by the next run if this one is killed.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import psutil
from rich.markup import escape

from sandbox.errors import SandboxError
from sandbox.layout import PROJECT
from sandbox.progress import console
from tests.node import CGROUP, INSIDE, groups, hierarchies, programs

_UNSHARE = ("unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--mount-proc")

_PREFIX = "tenant-nats-node-"
"""Of a control group; the process that made it follows."""


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments on a real node; its exit code."""
    try:
        _check_machine()
        programs.ensure()
    except SandboxError as error:
        console.print(f"[red]failed:[/red] {escape(str(error))}")
        return 1
    signal.signal(signal.SIGTERM, _end)
    for left in (each for hierarchy in hierarchies() for each in hierarchy.glob(f"{_PREFIX}*")):
        if not psutil.pid_exists(int(left.name.removeprefix(_PREFIX))):
            _remove(left)
    name = f"{_PREFIX}{os.getpid()}"
    try:
        for group in groups(name):
            group.mkdir()
        return subprocess.run(
            # If this process is killed, so is the next, and with it all others.
            ["setpriv", "--pdeathsig", "KILL",
             *_UNSHARE, "--kill-child", sys.executable, "-m", "tests.node.inside", *arguments],
            cwd=PROJECT, env={**os.environ, CGROUP: name, INSIDE: "1"},
        ).returncode  # fmt: skip
    finally:
        for group in groups(name):
            _remove(group)


def _end(number: int, _: FrameType | None) -> None:
    """End as after an error, so that the control groups are removed."""
    sys.exit(128 + number)


def _check_machine() -> None:
    wanted = {
        "Linux": sys.platform == "linux",
        "root (run it with sudo, or in a virtual machine)": os.geteuid() == 0,
        "unshare, setpriv and ip on PATH": all(map(shutil.which, ("unshare", "setpriv", "ip"))),
        "control groups in /sys/fs/cgroup that may be written": os.access("/sys/fs/cgroup", os.W_OK)
        and bool(hierarchies()),
    }
    if missing := [each for each, is_there in wanted.items() if not is_there]:
        raise SandboxError(
            f"`make node` runs a real kubelet, which needs {', and '.join(missing)}."
        )
    attempt = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True)
    if attempt.returncode != 0:
        raise SandboxError(
            f"`make node` needs namespaces of its own, and got none: {attempt.stderr.strip()}"
        )


def _remove(group: Path) -> None:
    """Remove a control group and those in it; their last processes may still be ending."""
    until = time.monotonic() + 10
    inner = sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True)
    for each in [*inner, group]:
        while each.exists():
            try:
                each.rmdir()
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
