"""What the stack does: decide, then build."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pulumi

from cluster.kubectl import ClusterError, as_the_plugin
from cluster.strangers import objections, wanted
from components.monitoring import Monitoring, MonitoringArgs
from components.namespace import Namespace, NamespaceArgs
from components.pod import ServerOptions
from components.tenant import Tenant, TenantArgs
from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError
from controlplane.reader import take_snapshot
from monitoring.rule_file import rules as rules_for
from settings import Database, Settings, database_url, leaves_integrations, of_the_plugin
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import load
from tenancy.plan import admission
from tenancy.plan.ceiling import CeilingError
from tenancy.plan.plan import Plan, expand
from tenancy.rows.placement import summary
from tenancy.rows.removal import placement_of, refusal, refusals, repairs, warnings

if TYPE_CHECKING:
    from components.postgres import DatabaseRoles

Rules = Mapping[str, Any]
"""The content of a rules file of Prometheus."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """All that is decided before the engine touches anything."""

    plan: Plan
    """The desired state."""
    due: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What is pending in the database, whatever the engine's state says, in words, by tenant: `25
    move from 2 to 1, instance 2 to retire`. Tenants with nothing pending are left out."""
    rules: Rules | None = None
    """The rules by which Prometheus watches the servers; None if the stack makes none."""


def decide(settings: Settings) -> Decision:
    """Decide what to make, or refuse before the engine touches anything.

    Raises:
        pulumi.RunError: the inventory is wrong or asks for too much, the database or the cluster
            cannot be read, a tenant would lose its servers or an integration its place, or an
            object to make exists already and is somebody else's.
    """
    try:
        inventory = load(settings.inventory)
        plan = expand(inventory, namespace=settings.namespace, ceiling=settings.ceiling)
        rules = rules_of(settings, inventory)
    except InventoryError as error:
        raise pulumi.RunError(str(error)) from None
    except CeilingError as error:
        raise pulumi.RunError(
            f"{settings.inventory} asks for too much, so nothing was changed: {error}"
        ) from None
    if told := admission.told(plan):
        pulumi.log.info(told)
    _refuse_strangers(settings, plan)
    try:
        snapshot = take_snapshot(database_url(), with_tls=plan.has_tls)
    except (ControlPlaneError, DsnError) as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"{error} Nothing was changed.") from None
        pulumi.log.warn(
            f"{error} This preview could not look at the rows and integrations: "
            "an `up` may still refuse to remove a server."
        )
        return Decision(plan=plan, rules=rules)
    if reasons := refusals(plan, snapshot):
        raise pulumi.RunError(refusal(reasons, str(settings.inventory)))
    for warning in warnings(plan, snapshot):
        pulumi.log.warn(warning)
    due: dict[str, str] = {}
    for tenant in plan.tenants:
        moves = () if leaves_integrations() else placement_of(tenant, snapshot).moves
        words = summary(moves), repairs(tenant, plan, snapshot)
        if told := ", ".join(filter(None, words)):
            due[tenant.id] = told
            pulumi.log.info(f"{tenant.id}: {told}")
    return Decision(plan=plan, due=MappingProxyType(due), rules=rules)


def stack() -> str:
    """The stack that the engine runs, as `project/stack`."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def _refuse_strangers(settings: Settings, plan: Plan) -> None:
    monitoring = {
        "PodMonitor": settings.metrics.pod_monitor,
        "PrometheusRule": settings.metrics.prometheus_rule,
    }
    asked = wanted(
        plan,
        makes_namespace=settings.namespace_mode == "managed",
        monitoring=tuple(kind for kind, is_made in monitoring.items() if is_made),
        stack=stack(),
    )
    try:
        with as_the_plugin(of_the_plugin(), os.environ) as kubectl:
            reasons = objections(asked, kubectl)
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(
                f"The cluster could not be looked at: {error}. Nothing was changed."
            ) from None
        pulumi.log.warn(
            f"The cluster could not be looked at: {error}. This preview does not know whether "
            "somebody else has objects of these names: an `up` may still refuse."
        )
        return
    if reasons:
        raise pulumi.RunError(f"Nothing was changed, since {'; and '.join(reasons)}.")


def rules_of(settings: Settings, inventory: Inventory) -> Rules | None:
    """The rules by which Prometheus watches the servers; None if the stack makes none."""
    return rules_for(inventory, settings.namespace) if settings.metrics.prometheus_rule else None


def build(settings: Settings, decision: Decision, *, stack: str | None = None) -> dict[str, Tenant]:
    """The resources of all tenants, by tenant id; `stack` owns them, unless it is None."""
    roles = _database_roles(settings.database)
    options = ServerOptions(
        image=settings.image,
        exporter_image=settings.exporter_image,
        ready_timeout=settings.ready_timeout,
    )
    namespace = Namespace(
        settings.namespace,
        NamespaceArgs(
            name=settings.namespace,
            mode=settings.namespace_mode,
            retain=settings.retain_namespace,
            pod_security=settings.pod_security,
            stack=stack,
        ),
    )
    if settings.metrics.pod_monitor or decision.rules:
        Monitoring(
            "monitoring",
            MonitoringArgs(
                namespace=namespace.namespace_name,
                labels=settings.metrics.labels,
                pod_monitor=settings.metrics.pod_monitor,
                rules=decision.rules,
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
                options=options,
                due=decision.due.get(tenant.id, ""),
                drain_seconds=int(settings.drain.removesuffix("s")),
                database_grants=roles.grants if roles else (),
            ),
        )
        for tenant in decision.plan.tenants
    }


def _database_roles(database: Database) -> "DatabaseRoles | None":
    """The database's roles if the stack manages them; else their SDK is not imported."""
    if not database.manage_roles:
        return None
    try:
        from components.postgres import DatabaseRoles, DatabaseRolesArgs
    except ModuleNotFoundError as error:
        raise pulumi.RunError(
            f"database.manageRoles needs {error.name}, which is not installed; "
            "`uv sync --locked --inexact --group database-roles`. Nothing was changed."
        ) from None
    return DatabaseRoles(
        "database",
        DatabaseRolesArgs(
            database=str(database.name), schema=database.in_schema, prefix=database.role_prefix
        ),
    )
