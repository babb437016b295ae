"""Which edits are refused, since a tenant would lose its servers or an integration its place.

Pure functions over the plan and a snapshot of the control plane. They run before the engine touches
anything, in a preview and in an `up`.
"""

from collections.abc import Iterable, Iterator
from math import ceil

from tenancy.plan.plan import Plan, TenantPlan
from tenancy.rows.mismatch import mismatches
from tenancy.rows.placement import Placement, place
from tenancy.rows.readdressing import former_domain, former_domains
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.words import agreeing, counted

_WRONG = {
    "status": "instance {} is {}",
    "scheme": "the URL of instance {} says {}",
    "address": "instance {} is at {}",
}
"""What is wrong with the row of an instance, in words."""


def placement_of(tenant: TenantPlan, snapshot: Snapshot) -> Placement:
    """What to do with a tenant's integrations."""
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
    domain: a namespace belongs to one stack, and the tenants of other stacks live in others. While
    an address changes, the other cluster domains of the namespace count too.
    """
    return (*removals(plan, snapshot), *of_tenants(plan, snapshot))


def of_tenants(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Why single tenants of `plan` may not be as it says."""
    return tuple(reason for tenant in plan.tenants for reason in _of_tenant(tenant, plan, snapshot))


def refusal(reasons: tuple[str, ...], inventory: str) -> str:
    """One line for all `reasons`."""
    return f"{inventory} cannot be carried out, so nothing was changed: {'; '.join(reasons)}."


def removals(plan: Plan, snapshot: Snapshot) -> Iterator[str]:
    """Which tenants are live in the plan's namespace, and not in `plan`."""
    planned = {tenant.id for tenant in plan.tenants}
    domains = {plan.domain, *former_domains(plan, snapshot)}
    gone: dict[str, list[RecordedInstance]] = {}
    for row in snapshot.instances:
        if row.tenant_id in planned or row.domain not in domains:
            continue
        if row.is_used:
            gone.setdefault(row.tenant_id, []).append(row)
    for tenant_id, rows in gone.items():
        integrations = sum(row.integrations for row in rows) + snapshot.unplaced.get(tenant_id, 0)
        yield (
            f"{tenant_id} is no longer in it and still has {counted(len(rows), 'instance')} and "
            f"{counted(integrations, 'integration')}: put `{tenant_id}` back, or keep it with "
            f"`state: decommissioned` until that is deployed{_elsewhere(rows, plan)}"
        )


def _elsewhere(rows: Iterable[RecordedInstance], plan: Plan) -> str:
    """What else a row in another cluster domain may be than one of ours."""
    for row in rows:
        if row.domain != plan.domain:
            return (
                f" (it is at {row.dns_name}; if that is another cluster's, its stack and this one "
                "need namespaces of different names)"
            )
    return ""


def _of_tenant(tenant: TenantPlan, plan: Plan, snapshot: Snapshot) -> Iterator[str]:
    numbers = {instance.number for instance in tenant.instances}
    rows = snapshot.of(tenant.id)
    domains = _domains(tenant, plan, snapshot)
    going = [row for row in rows if row.instance_number not in numbers]
    integrations = sum(row.integrations for row in rows)
    if tenant.state == "decommissioned":
        if any(row.is_live for row in rows) and (total := _all(tenant, snapshot)):
            yield (
                f"{tenant.id} is to be decommissioned and still has "
                f"{counted(total, 'integration')}: "
                "delete them on the platform first, or take `state: decommissioned` back"
            )
    elif placement_of(tenant, snapshot).stranded:
        needed = max(ceil(integrations / tenant.capacity), len(numbers) + 1)
        yield (
            f"{tenant.id} has {counted(integrations, 'integration')}, more than `instances: "
            f"{len(numbers)}` holds "
            f"({tenant.capacity} each): keep `instances: {needed}`"
        )
    for row in going:
        what = f"{tenant.id} instance {row.instance_number}"
        if row.integrations and row.domain not in domains:
            yield (
                f"{what} is at {row.dns_name}, no address of this stack, and has "
                f"{counted(row.integrations, 'integration')}: correct the row first"
            )
        if row.foreign_integrations and row.is_live:
            yield (
                f"{what} would go, and {counted(row.foreign_integrations, 'integration')} of "
                "another tenant "
                "would lose it: correct that first"
            )


def _domains(tenant: TenantPlan, plan: Plan, snapshot: Snapshot) -> set[str]:
    """Where the rows of a tenant that stays may be: in the plan's domain, or the former one."""
    numbers = {instance.number for instance in tenant.instances}
    wanted = (row for row in snapshot.of(tenant.id) if row.instance_number in numbers)
    former = (former_domain(row, plan) for row in wanted if row.is_used)
    return {plan.domain, *filter(None, former)}


def repairs(tenant: TenantPlan, plan: Plan, snapshot: Snapshot) -> str:
    """What is wrong with a tenant's rows, in words: also what a run that failed half-way has left.

    The engine compares with its own state only: it sees no difference if a run fails half-way and
    its edit is taken back. Missing rows are not reported; a new tenant has none yet.
    """
    numbers = {instance.number: instance for instance in tenant.instances}
    found: list[str] = []
    domains = _domains(tenant, plan, snapshot)
    for row in snapshot.of(tenant.id):
        if row.instance_number in numbers:
            found.extend(
                _WRONG[fault.about].format(row.instance_number, fault.found)
                for fault in mismatches(row, numbers[row.instance_number])
            )
        elif row.domain in domains and row.status not in ("provisioning", "terminated"):
            found.append(f"instance {row.instance_number} to retire")
    return ", ".join(found)


def warnings(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Which integrations have no place, and the edit that makes room."""
    return tuple(
        f"{tenant.id}: {words}"
        for tenant in plan.tenants
        for words in _warnings_of(tenant, snapshot)
    )


def _warnings_of(tenant: TenantPlan, snapshot: Snapshot) -> Iterator[str]:
    total = _all(tenant, snapshot)
    if tenant.state == "decommissioned":
        if total:
            yield (
                f"{counted(total, 'integration')} of a tenant that is decommissioned; no "
                "server will have them."
            )
        return
    placement = placement_of(tenant, snapshot)
    room = (
        f"since there is no room ({len(tenant.instances)} x {tenant.capacity}); `integrations: "
        f"{total}` makes room, with `instances` left out or at least "
        f"{ceil(total / tenant.capacity)}."
    )
    if left := placement.unplaced:
        yield f"{counted(left, 'integration')} {agreeing(left, 'has', 'have')} no instance, {room}"
    if over := placement.crowded:
        yield f"{counted(over, 'integration')} beyond an instance's capacity, {room}"


def _all(tenant: TenantPlan, snapshot: Snapshot) -> int:
    placed = sum(row.integrations for row in snapshot.of(tenant.id))
    return placed + snapshot.unplaced.get(tenant.id, 0)
