"""Which members of a cell are due, by the marks that they have left in the namespace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cell.fingerprint import INSTANCES, INVENTORY, PREFIX, TENANTS, fingerprints
from cluster.kubectl import Kubectl
from tenancy.cells import Member
from tenancy.names import MARK_LABELS, member_named
from tenancy.words import listed


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a member's last `up` that went through as a whole has left."""

    said: Mapping[str, str]
    """Its annotations."""
    changed: str
    """When it last changed, in ISO 8601: an `up` that changes nothing leaves it as it is."""

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that the stack had."""
        return frozenset(filter(None, self.said.get(TENANTS, "").split(",")))

    @property
    def instances(self) -> int:
        """How many servers they had."""
        return int(self.said.get(INSTANCES, "0"))


def marks(kubectl: Kubectl, namespace: str) -> Mapping[str, Mark]:
    """The marks of a namespace, by member: a shard, or `base`.

    Raises:
        ClusterError: they cannot be read.
    """
    labels = ",".join(f"{key}={value}" for key, value in MARK_LABELS.items())
    found = kubectl.get(
        "configmaps", f"--namespace={namespace}", f"--selector={labels}", "--show-managed-fields"
    )
    return {
        str(member_named(each["metadata"]["name"])): Mark(
            said=each["metadata"].get("annotations", {}),
            changed=max(
                (field.get("time", "") for field in each["metadata"].get("managedFields", ())),
                default="",
            ),
        )
        for each in found
    }


@dataclass(frozen=True, kw_only=True)
class Due:
    """Why a member is to be deployed."""

    member: Member
    differing: frozenset[str]
    """What is another than at its last whole `up`: `inventory`, `settings`, `program`. All of them
    if there was none."""
    is_new: bool = False

    @property
    def is_edit(self) -> bool:
        """Whether only its tenants have changed, and nothing that other shards have too."""
        return self.is_new or self.differing == frozenset({INVENTORY})

    def __str__(self) -> str:
        if self.is_new:
            return "never deployed as a whole"
        return f"another {listed(sorted(self.differing), most=3)}"


def due(members: Iterable[Member], left: Mapping[str, Mark], folder: Path) -> tuple[Due, ...]:
    """The members that are due, in their order.

    Args:
        members: of the cell.
        left: the marks of its namespace.
        folder: the project's.

    Raises:
        OSError: a file cannot be read.
    """
    return tuple(filter(None, (_due(each, left.get(each.name), folder) for each in members)))


def _due(member: Member, mark: Mark | None, folder: Path) -> Due | None:
    wanted = fingerprints(member, folder)
    if mark is None:
        return Due(member=member, differing=frozenset(wanted), is_new=True)
    differing = {what for what, value in wanted.items() if mark.said.get(PREFIX + what) != value}
    return Due(member=member, differing=frozenset(differing)) if differing else None
