"""Tests on a real node: `make node`."""

from pathlib import Path

INSIDE = "TENANT_NATS_NODE"
"""The variable that says that the namespaces of `make node` are around."""
CGROUP = "TENANT_NATS_NODE_CGROUP"
"""The variable with the name of the control group in which all containers are."""


def groups(name: str) -> list[Path]:
    """The folder of the control group `name` in each hierarchy."""
    return [hierarchy / name for hierarchy in hierarchies()]


def hierarchies() -> list[Path]:
    """The roots of all control groups: one in version 2, and one for each controller in 1."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [
        each
        for each in sorted(root.iterdir())
        if (each / "cgroup.procs").exists() and not each.is_symlink()
    ]
