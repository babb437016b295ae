"""What the stack does: decide, then build."""

from collections.abc import Mapping

import pulumi

from components.namespace import Namespace, NamespaceArgs
from components.tenant import Tenant, TenantArgs
from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError
from controlplane.snapshot import take_snapshot
from settings import Settings, database_url
from tenancy.faults import InventoryError
from tenancy.inventory import load
from tenancy.placement import Move, summary
from tenancy.plan import Plan, expand
from tenancy.removal import placement_of, refusal, refusals, warnings

Moves = Mapping[str, tuple[Move, ...]]
"""Which integrations go where, by tenant; tenants of which some go only."""


def decide(settings: Settings) -> tuple[Plan, Moves]:
    """What is to be, and what moves; or a refusal while the engine has touched nothing yet.

    Raises:
        pulumi.RunError: the inventory is wrong, the database cannot be used, or a tenant would
            lose its servers or an integration its place.
    """
    try:
        plan = expand(load(settings.inventory), namespace=settings.namespace)
    except InventoryError as error:
        raise pulumi.RunError(str(error)) from None
    try:
        snapshot = take_snapshot(database_url())
    except (ControlPlaneError, DsnError) as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"{error} Nothing was changed.") from None
        pulumi.log.warn(
            f"{error} This preview could not look at the rows and integrations: "
            "an `up` may still refuse to remove a server."
        )
        return plan, {}
    if reasons := refusals(plan, snapshot):
        raise pulumi.RunError(refusal(reasons, str(settings.inventory)))
    for warning in warnings(plan, snapshot):
        pulumi.log.warn(warning)
    placements = {tenant.id: placement_of(tenant, snapshot) for tenant in plan.tenants}
    moves = {tenant: placed.moves for tenant, placed in placements.items() if placed.moves}
    for tenant_id, tenant_moves in moves.items():
        pulumi.log.info(f"{tenant_id}: {summary(tenant_moves)}")
    return plan, moves


def build(settings: Settings, plan: Plan, moves: Moves) -> dict[str, Tenant]:
    """The resources of all tenants, by tenant id."""
    namespace = Namespace(
        settings.namespace,
        NamespaceArgs(
            name=settings.namespace,
            mode=settings.namespace_mode,
            retain=settings.retain_namespace,
            pod_security=settings.pod_security,
        ),
    )
    return {
        tenant.id: Tenant(
            tenant.id,
            TenantArgs(
                namespace=namespace.namespace_name,
                closing_policy=namespace.closing_policy,
                plan=tenant,
                monitoring_namespace=settings.monitoring_namespace,
                image=settings.image,
                ready_timeout=settings.ready_timeout,
                moves=summary(moves.get(tenant.id, ())),
                drain_seconds=int(settings.drain.removesuffix("s")),
            ),
        )
        for tenant in plan.tenants
    }
