"""The autoscaler's input: tenants with their rows, and how busy their servers are."""

from collections.abc import Mapping

from tenancy.inventory.models import Inventory, Tenant
from tenancy.names import dns_name
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.scaling.usage import Observation, Reading, Usage
from tenancy.scaling.verdict import Facts

GIB = 2**30
IDLE = Usage(rate=10, connections=5, memory=0.1 * GIB)


def usage(*, rate: float = 10, connections: float = 5, memory: float = 0.1) -> Usage:
    """The usage of an idle server, except for what is given; memory in Gi."""
    return Usage(rate=rate, connections=connections, memory=memory * GIB)


def reading(held: Usage = IDLE, peak: Usage | None = None) -> Reading:
    return Reading(held=held, peak=peak or held)


def row(
    tenant: str, number: int, integrations: int = 0, status: str = "active"
) -> RecordedInstance:
    return RecordedInstance(
        tenant_id=tenant,
        instance_number=number,
        dns_name=dns_name(tenant, number, "vrsky-tenants"),
        status=status,
        integrations=integrations,
    )


def facts(
    *placed: int,
    unplaced: int = 0,
    readings: Mapping[int, Reading] | None = None,
    watched: Mapping[int, float] | None = None,
    **entry: object,
) -> Facts:
    """Acme with servers 1 to n that have `placed` integrations, idle unless `readings` say more.

    Without an `entry` the inventory fits the servers. There is no size besides `standard`.
    """
    numbers = range(1, len(placed) + 1)
    tenant = Tenant.model_validate(entry or {"integrations": 50 * len(placed)})
    return Facts(
        id="acme",
        tenant=tenant,
        size=Inventory(tenants={"acme": tenant}).size_of(tenant),
        rows=tuple(
            row("acme", number, count) for number, count in zip(numbers, placed, strict=True)
        ),
        unplaced=unplaced,
        readings=dict.fromkeys(numbers, reading()) | dict(readings or {}),
        watched=dict.fromkeys(numbers, 1.0) if watched is None else watched,
    )


def whole(*everyone: Facts) -> tuple[Inventory, Snapshot, Observation]:
    """The arguments of `recommend`, if these are all tenants."""
    return (
        Inventory(tenants={one.id: one.tenant for one in everyone}),
        Snapshot(
            instances=tuple(row for one in everyone for row in one.rows),
            unplaced={one.id: one.unplaced for one in everyone if one.unplaced},
        ),
        Observation(
            readings={
                (one.id, n): reading for one in everyone for n, reading in one.readings.items()
            },
            watched={(one.id, n): share for one in everyone for n, share in one.watched.items()},
            doubts={(one.id, n): doubt for one in everyone for n, doubt in one.doubts.items()},
        ),
    )
