"""How the row of a wanted instance differs from the instance.

`up` and `status` both ask here, so `status` shows what `up` repairs.
"""

from dataclasses import dataclass
from typing import Literal

from tenancy.plan.plan import InstancePlan
from tenancy.rows.snapshot import RecordedInstance


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One difference between a row and its instance."""

    about: Literal["status", "scheme", "address"]
    """`scheme` is that of the URL for workers."""
    found: str
    """What the row says."""


def mismatches(row: RecordedInstance, instance: InstancePlan) -> tuple[Mismatch, ...]:
    """How `row` differs from `instance`; empty if it does not."""
    found: list[Mismatch] = []
    if row.status != "active":
        found.append(Mismatch(about="status", found=row.status))
    if row.tls != (instance.tls_secret is not None):
        found.append(Mismatch(about="scheme", found="tls" if row.tls else "nats"))
    if row.dns_name != instance.dns_name:
        found.append(Mismatch(about="address", found=row.dns_name))
    return tuple(found)
