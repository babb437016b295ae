"""Which members of a cell are due, by the marks that they have left in the namespace."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cell.fingerprint import INSTANCES, INVENTORY, PREFIX, TENANTS, fingerprints
from cluster.kubectl import Kubectl
from tenancy.cells import Member
from tenancy.names import BEGUN, COMPONENT_LABEL, MARK, MEMBER_LABEL, OWNER_LABELS
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
    def instances(self) -> int | None:
        """How many servers they had; None if the mark says none, or no number."""
        said = self.said.get(INSTANCES, "")
        return int(said) if said.isascii() and said.isdecimal() else None


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What the members of a cell have left in its namespace, by member: a shard, or `base`."""

    marks: Mapping[str, Mark]
    begun: Mapping[str, Sequence[Mapping[str, str]]]
    """From what an `up` of each shard has begun: one, unless the last one did not end."""


def traces(kubectl: Kubectl, namespace: str) -> Traces:
    """What the members have left.

    Raises:
        ClusterError: it cannot be read.
    """
    owned = ",".join(f"{key}={value}" for key, value in OWNER_LABELS.items())
    selector = f"--selector={owned},{MEMBER_LABEL},{COMPONENT_LABEL} in ({MARK},{BEGUN})"
    found = kubectl.get("configmaps", f"--namespace={namespace}", selector, "--show-managed-fields")
    marks: dict[str, Mark] = {}
    begun: dict[str, list[Mapping[str, str]]] = {}
    for each in found:
        metadata = each["metadata"]
        labels = metadata.get("labels", {})
        member = labels.get(MEMBER_LABEL)
        if member is None:
            continue
        if labels.get(COMPONENT_LABEL) == BEGUN:
            begun.setdefault(member, []).append(each.get("data", {}))
        else:
            times = (field.get("time", "") for field in metadata.get("managedFields", ()))
            said = metadata.get("annotations", {})
            marks[member] = Mark(said=said, changed=max(times, default=""))
    return Traces(marks=marks, begun=begun)


@dataclass(frozen=True, kw_only=True)
class Due:
    """Why a member is to be deployed."""

    member: Member
    differing: frozenset[str]
    """What is another than at its last whole `up`: `inventory`, `settings`, `program`. All of them
    if there was none; nothing if the one after it did not end."""
    is_new: bool = False

    @property
    def is_of_all(self) -> bool:
        """Whether something has changed that other members have too."""
        return not self.is_new and bool(self.differing - {INVENTORY})

    def __str__(self) -> str:
        if self.is_new:
            return "never deployed as a whole"
        if not self.differing:
            return "its last up did not end"
        return f"another {listed(sorted(self.differing), most=3)}"


def due(members: Iterable[Member], left: Traces, folder: Path) -> tuple[Due, ...]:
    """The members that are due, in their order.

    Args:
        members: of the cell.
        left: what they have left in its namespace.
        folder: the project's.

    Raises:
        OSError: a file cannot be read.
    """
    return tuple(filter(None, (_due(each, left, folder) for each in members)))


def _due(member: Member, left: Traces, folder: Path) -> Due | None:
    wanted = fingerprints(member, folder)
    mark, begun = left.marks.get(member.name), left.begun.get(member.name, ())
    if mark is None:
        return Due(member=member, differing=frozenset(wanted), is_new=True)
    differing = {what for what, value in wanted.items() if mark.said.get(PREFIX + what) != value}
    has_ended = member.shard is None or [*begun] == [wanted]
    if has_ended and not differing:
        return None
    return Due(member=member, differing=frozenset(differing))
