"""The life of a tenant, and of a `nats_instances` row: its statuses, and which may follow which.

The database holds the same table in a trigger (controlplane/schema); a test compares the two.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Status = Literal["provisioning", "active", "draining", "terminated"]
"""`provisioning`: the platform has announced it, and its server is not ready. `active`: workers may
connect. `draining`: its integrations have moved away, and its workers are leaving. `terminated`:
its server is gone, and the row stays as a record."""

STATUSES: tuple[Status, ...] = get_args(Status)

TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        "provisioning": frozenset({"active", "terminated"}),
        "active": frozenset({"draining"}),
        "draining": frozenset({"active", "terminated"}),
        "terminated": frozenset({"provisioning", "active"}),
    }
)
"""What may follow each status, besides itself. A tenant that comes back goes from `terminated` to
`active`. No server is removed while its row says that workers may connect."""
