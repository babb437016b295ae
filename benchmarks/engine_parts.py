"""`python -m benchmarks.engine_parts`: how long the parts of one run of the engine take.

The parts are programs that `pulumi up` and `pulumi preview` start each time, two to compare with,
and whole commands, on the sandbox that `make up` has made. Columns: seconds, and seconds of CPU, of
the best of three runs.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox import database, engine
from sandbox.layout import LOCAL, PROJECT

RUNS = 3
PYTHON = sys.executable
PULUMI_OPTIONS = ("--stack", engine.STACK, "--non-interactive")
PARTS: Mapping[str, Sequence[str]] = {
    "python, without anything": [PYTHON, "-c", ""],
    "import pulumi": [PYTHON, "-c", "import pulumi"],
    "import the program, as the engine does": [PYTHON, "-c", "import tenant_nats.construction"],
    "import controlplane.records, likewise": [PYTHON, "-c", "import controlplane.records"],
    "import pulumi_kubernetes.core.v1, not done": [
        *(PYTHON, "-c", "import pulumi_kubernetes.core.v1.Service"),
    ],
    "import sandbox.__main__, by make": [PYTHON, "-c", "import sandbox.__main__"],
    "pip list, by the language host": [PYTHON, "-m", "pip", "list", "-v", "--format", "json"],
    "pulumi version": ["pulumi", "version"],
    "pulumi stack output": ["pulumi", "stack", "output", *PULUMI_OPTIONS],
    "pulumi preview, nothing to change": ["pulumi", "preview", *PULUMI_OPTIONS],
    "pulumi up, nothing to change": ["pulumi", "up", "--yes", "--skip-preview", *PULUMI_OPTIONS],
    "make preview, nothing to change": ["make", "preview"],
    "make up, nothing to change": ["make", "up"],
}


def main() -> None:
    """Print the table; the sandbox has to run."""
    if not database.is_running(LOCAL):
        sys.exit("There is no running sandbox; `make up` makes one.")
    dsn = database.provisioner(database.start(LOCAL.postgres))
    environment = engine.environment(LOCAL, dsn)
    print(f"{'seconds':>8} {'CPU':>6}  what")
    for what, command in PARTS.items():
        seconds, cpu = min(measured(command, environment) for _ in range(RUNS))
        print(f"{seconds:>8.2f} {cpu:>6.2f}  {what}", flush=True)


def measured(
    command: Sequence[str], environment: Mapping[str, str], folder: Path = PROJECT
) -> tuple[float, float]:
    """The seconds of `command`, and the CPU seconds of all the processes that it waited for."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    if command[0] == "make":
        environment = os.environ
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
