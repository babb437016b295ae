"""From what a member of a cell is deployed; if one of these is another, the member is due.

An `up` leaves them in the cluster, in the mark of the member.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tenancy.cells import Member

PROGRAM, SETTINGS, INVENTORY = "program", "settings", "inventory"
"""What has a fingerprint."""
PREFIX = "tenant-nats/"
"""Of the annotations that a mark has."""
TENANTS = f"{PREFIX}tenants"
"""The annotation with the ids of the tenants, with a comma between them."""
INSTANCES = f"{PREFIX}instances"
"""The annotation with the number of their servers."""

_SALT = re.compile(rb"^encryptionsalt:.*\n?", re.MULTILINE)
"""What the engine writes into settings that have none yet, in the middle of a run."""
_FOLDER = Path(__file__).resolve().parent.parent
PACKAGES = (
    "cell",
    "cluster",
    "components",
    "controlplane",
    "monitoring",
    "settings",
    "tenancy",
    "tenant_nats",
)
"""What an `up` runs."""
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
    settings = (folder / member.settings_file).read_bytes()
    # That of the project may have settings for all stacks.
    project = (folder / "Pulumi.yaml").read_bytes()
    found = {PROGRAM: program(), SETTINGS: _hash([_SALT.sub(b"", settings), project])}
    if member.shard:
        found[INVENTORY] = _hash([(folder / member.inventory).read_bytes()])
    return found


def annotations(
    said: Mapping[str, str], tenants: Iterable[str], instances: int
) -> Mapping[str, str]:
    """What the mark of a member says: its `fingerprints`, its tenants, how many servers it has."""
    named = {f"{PREFIX}{what}": value for what, value in said.items()}
    return {**named, TENANTS: ",".join(sorted(tenants)), INSTANCES: str(instances)}


@cache
def program() -> str:
    """The hash of the program that an `up` runs, with the versions of what it runs on."""
    files = [file for name in PACKAGES for file in sorted((_FOLDER / name).rglob("*.py"))]
    versions = [f"{name} {version(name)}".encode() for name in _DEPENDENCIES]
    return _hash([*versions, *(file.read_bytes() for file in files)])


def _hash(contents: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(f"{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
