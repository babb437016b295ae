"""Which edits are refused, since a tenant would lose its servers or an integration its place.

Pure functions over the plan and a snapshot of the control plane: they are asked before the engine
has touched anything, in a preview as in an `up`.
"""

from collections.abc import Iterator
from math import ceil

from tenancy.placement import Placement, counted, place
from tenancy.plan import Plan, TenantPlan
from tenancy.snapshot import RecordedInstance, Snapshot


def placement_of(tenant: TenantPlan, snapshot: Snapshot) -> Placement:
    """What is to be done with a tenant's integrations."""
    return place(
        instances=[instance.number for instance in tenant.instances],
        capacity=tenant.capacity,
        policy=tenant.placement,
        placed={row.instance_number: row.integrations for row in snapshot.of(tenant.id)},
        unplaced=snapshot.unplaced.get(tenant.id, 0),
    )


def refusals(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Why `plan` may not be carried out, each reason with the edits that are possible.

    A tenant that is not in the plan counts as removed when it has a live instance in the plan's
    namespace: a namespace belongs to one stack, and the tenants of other stacks live in others.
    """
    return (
        *_removals(plan, snapshot),
        *(reason for tenant in plan.tenants for reason in _of_tenant(tenant, plan, snapshot)),
    )


def refusal(reasons: tuple[str, ...], inventory: str) -> str:
    """One line for all `reasons`."""
    return f"{inventory} cannot be carried out, so nothing was changed: {'; '.join(reasons)}."


def _removals(plan: Plan, snapshot: Snapshot) -> Iterator[str]:
    planned = {tenant.id for tenant in plan.tenants}
    gone: dict[str, list[RecordedInstance]] = {}
    for row in snapshot.instances:
        if row.tenant_id not in planned and row.is_live and row.lives_in(plan.namespace):
            gone.setdefault(row.tenant_id, []).append(row)
    for tenant_id, rows in gone.items():
        integrations = sum(row.integrations for row in rows) + snapshot.unplaced.get(tenant_id, 0)
        instances = f"{len(rows)} instance{'' if len(rows) == 1 else 's'}"
        yield (
            f"{tenant_id} is not in it and still has {instances} and {counted(integrations)}: "
            f"put `{tenant_id}` back, or keep it with `state: decommissioned` until that is "
            "deployed"
        )


def _of_tenant(tenant: TenantPlan, plan: Plan, snapshot: Snapshot) -> Iterator[str]:
    numbers = {instance.number for instance in tenant.instances}
    going = [row for row in snapshot.of(tenant.id) if row.instance_number not in numbers]
    integrations = sum(row.integrations for row in snapshot.of(tenant.id))
    if tenant.state == "decommissioned":
        if integrations := integrations + snapshot.unplaced.get(tenant.id, 0):
            yield (
                f"{tenant.id} is to be decommissioned and still has {counted(integrations)}: "
                "delete them on the platform first, or take `state: decommissioned` back"
            )
    elif placement_of(tenant, snapshot).stranded:
        needed = max(ceil(integrations / tenant.capacity), len(numbers) + 1)
        yield (
            f"{tenant.id} has {counted(integrations)}, which {len(numbers)} of its instances do "
            f"not hold ({tenant.capacity} each): keep `instances: {needed}`"
        )
    for row in going:
        what = f"{tenant.id} instance {row.instance_number}"
        if row.integrations and not row.lives_in(plan.namespace):
            yield (
                f"{what} is at {row.dns_name}, no address of this stack, and has "
                f"{counted(row.integrations)}: correct the row first"
            )
        if row.foreign_integrations:
            yield (
                f"{what} would go, and {counted(row.foreign_integrations)} of another tenant "
                "would lose it: correct that first"
            )


def warnings(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Which integrations stay without an instance, and the edit that makes room."""
    return tuple(
        f"{tenant.id}: {counted(left)} {'has' if left == 1 else 'have'} no instance, since there "
        f"is no room ({len(tenant.instances)} x {tenant.capacity}); "
        f"`integrations: {_all(tenant, snapshot)}` makes it."
        for tenant in plan.tenants
        if tenant.state == "active" and (left := placement_of(tenant, snapshot).unplaced)
    )


def _all(tenant: TenantPlan, snapshot: Snapshot) -> int:
    return sum(row.integrations for row in snapshot.of(tenant.id)) + snapshot.unplaced[tenant.id]
