"""`python -m benchmarks.cell_files`: how long commands over the folder of a large cell take.

The cell has 334 files of 30 tenants, made for this in a temporary folder with a git repository.
Each row is a command as a person types it, with the start of Python, best of three runs. Columns:
seconds, seconds of CPU of all its processes, and the most seconds that it may take. `check` reads
all files; `changes` and `guard` those that differ from HEAD, which are two; `set` the one that has
the tenant, which is edited already in the second run. The last row is one file, for comparison.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.engine_parts import RUNS, measured
from sandbox.layout import PROJECT

SHARDS = 334
TENANTS = 30
"""Of each shard."""
IN_ONE_FILE = 2000
CELL = "inventory/eu"
EDITED = ("003", "200")
_SIZES = """
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
    capacity: 100
"""
COMMANDS: Sequence[tuple[str, Sequence[str], float | None]] = (
    ("check the cell", ("check", CELL), 10),
    ("check one shard", ("check", f"{CELL}/003.yaml"), None),
    ("changes, two files differ", ("changes", "--head", CELL, "--base", "HEAD"), 2),
    ("guard, two files differ", ("guard", "--head", CELL, "--base", "HEAD"), None),
    ("set", ("set", "tenant-333-29", "instances=2", "--inventory", CELL), None),
    ("rules", ("rules", "--inventory", CELL), None),
    (f"check {IN_ONE_FILE:,} tenants in one file", ("check", "one.yaml"), None),
)
"""What each row is called, its arguments, and the most seconds that it may take."""


def main() -> None:
    """Print the table; takes a minute."""
    print(f"{'':<36}{'seconds':>9}{'CPU':>7}{'at most':>9}")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_cell(folder)
        slow: list[str] = []
        for title, arguments, most in COMMANDS:
            command = [sys.executable, "-m", "operations", *arguments]
            seconds, cpu = min(measured(command, environment, folder) for _ in range(RUNS))
            print(f"{title:<36}{seconds:9.2f}{cpu:7.2f}{most or '':>9}", flush=True)
            if most and seconds > most:
                slow.append(title)
    print(f"NOT OK: {', '.join(slow)}" if slow else "ok: each takes at most what it may")


def make_cell(folder: Path) -> None:
    """The cell, committed, and then an edit of two of its files."""
    cell = folder / CELL
    cell.mkdir(parents=True)
    for shard in range(SHARDS):
        (cell / f"{shard:03}.yaml").write_text(inventory(f"tenant-{shard:03}-", TENANTS))
    (folder / "one.yaml").write_text(inventory("tenant-", IN_ONE_FILE))
    who = ("-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false")
    for command in (
        ("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "--message", "all"),
    ):  # fmt: skip
        subprocess.run(["git", *command], cwd=folder, check=True)
    for shard in EDITED:
        file = cell / f"{shard}.yaml"
        file.write_text(file.read_text().replace("integrations: 7\n", "integrations: 77\n"))


def inventory(prefix: str, count: int) -> str:
    """An inventory of `count` tenants, of two sizes, some with clients elsewhere."""
    lines = ["tenants:"]
    for number in range(count):
        lines += [f"  {prefix}{number:02}:", f"    integrations: {number * 7 % 90}"]
        if number % 3 == 0:
            lines.append("    size: large")
        if number % 5 == 0:
            lines.append(f"    clients: {{namespaces: [{prefix}{number:02}-workers]}}")
    return "\n".join(lines) + "\n" + _SIZES


if __name__ == "__main__":
    main()
