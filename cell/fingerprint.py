"""From what a member of a cell is deployed; if one of these is another, the member is due.

An `up` leaves them in the cluster, in the mark of the member.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tenancy.cells import Member

PREFIX = "tenant-nats/"
"""Of the annotations that a mark has."""
TENANTS = f"{PREFIX}tenants"
"""The annotation with the ids of the tenants, with a comma between them."""

_FOLDER = Path(__file__).resolve().parent.parent
_PACKAGES = (
    "cell",
    "cluster",
    "components",
    "controlplane",
    "monitoring",
    "settings",
    "tenancy",
    "tenant_nats",
)
_DEPENDENCIES = ("pulumi", "pulumi-kubernetes")
"""Those that choose what an `up` sends to the API server."""


def fingerprints(member: Member, folder: Path) -> Mapping[str, str]:
    """The hashes of the member's inventory, of its cell's settings and of this program.

    Args:
        member: the base has no inventory.
        folder: the project's.

    Raises:
        OSError: a file cannot be read.
    """
    files = {"settings": member.settings_file}
    if member.shard:
        files["inventory"] = member.inventory
    return {"program": program(), **{what: _hash([folder / file]) for what, file in files.items()}}


def annotations(said: Mapping[str, str], tenants: Iterable[str]) -> Mapping[str, str]:
    """What the mark of a member says: its `fingerprints`, and which tenants it has."""
    named = {f"{PREFIX}{what}": value for what, value in said.items()}
    return {**named, TENANTS: ",".join(sorted(tenants))}


@cache
def program() -> str:
    """The hash of the program that an `up` runs, with the versions of what it runs on."""
    files = [file for name in _PACKAGES for file in sorted((_FOLDER / name).rglob("*.py"))]
    return _hash(files, *(f"{name} {version(name)}" for name in _DEPENDENCIES))


def _hash(files: Iterable[Path], *others: str) -> str:
    digest = hashlib.sha256("\n".join(others).encode())
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
