"""How the row of an instance that is wanted should be, and what of it is otherwise.

Whoever tells of rows asks here: what `up` is about to mend is what `status` shows.
"""

from dataclasses import dataclass
from typing import Literal

from tenancy.plan.plan import InstancePlan
from tenancy.rows.snapshot import RecordedInstance


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One thing in which a row is not as its instance."""

    about: Literal["status", "scheme", "address"]
    """`scheme`: that of the URL which workers are given."""
    found: str
    """What the row says of it."""


def mismatches(row: RecordedInstance, instance: InstancePlan) -> tuple[Mismatch, ...]:
    """What the row of `instance` says otherwise than the inventory; nothing when all is right."""
    found: list[Mismatch] = []
    if row.status != "active":
        found.append(Mismatch(about="status", found=row.status))
    if row.tls != (instance.tls_secret is not None):
        found.append(Mismatch(about="scheme", found="tls" if row.tls else "nats"))
    if row.dns_name != instance.dns_name:
        found.append(Mismatch(about="address", found=row.dns_name))
    return tuple(found)
