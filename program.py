"""What the stack does: decide, then build."""

import pulumi

from components.namespace import Namespace, NamespaceArgs
from components.tenant import Tenant, TenantArgs
from controlplane.dsn import DsnError
from controlplane.store import ControlPlaneError, take_snapshot
from settings import Settings, database_url
from tenancy.faults import InventoryError
from tenancy.inventory import load
from tenancy.plan import Plan, expand
from tenancy.removal import refusal, stranding


def decide(settings: Settings) -> Plan:
    """What is to be, or a refusal while the engine has touched nothing yet.

    Raises:
        pulumi.RunError: the inventory is wrong, the database cannot be used, or a removal would
            leave integrations without a server.
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
        return plan
    if stranded := stranding(plan, snapshot):
        raise pulumi.RunError(refusal(stranded, str(settings.inventory)))
    return plan


def build(settings: Settings, plan: Plan) -> dict[str, Tenant]:
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
            ),
        )
        for tenant in plan.tenants
    }
