"""Decides what a stack is to have, or refuses before the engine touches anything."""

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pulumi

from cluster import kinds
from cluster.deployments import existing
from cluster.kubectl import ClusterError, as_the_plugin
from cluster.quotas import Rationed, rationed
from cluster.strangers import Object, Wanted, look, wanted
from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError
from controlplane.reader import take_snapshot
from monitoring.rule_file import rules as rules_for
from settings.reading import database_url, leaves_integrations, of_the_plugin
from settings.stack import Settings
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import load
from tenancy.plan import admission
from tenancy.plan.ceiling import CeilingError
from tenancy.plan.nodes import NodesError
from tenancy.plan.plan import Plan, expand
from tenancy.plan.quota import asked_by, judge
from tenancy.rows import readdressing
from tenancy.rows.placement import summary
from tenancy.rows.removal import placement_of, refusal, refusals, repairs, warnings
from tenancy.words import UNSEEN

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
    is_seen: bool = True
    """Whether the database could be looked at; an `up` does not go on without."""
    rules: Rules | None = None
    """The rules by which Prometheus watches the servers; None where the stack makes none."""
    taken: frozenset[Object] = frozenset()
    """The objects of tenants that somebody else has made: an `up` leaves them alone."""
    in_turn: frozenset[str] = frozenset()
    """The tenants whose servers this `up` touches one tenant after the other. A tenant that has no
    server yet waits for none, and neither does any tenant in a preview."""


def decide(settings: Settings) -> Decision:
    """Decide what to make, or refuse before the engine touches anything.

    Raises:
        pulumi.RunError: the inventory is wrong or asks for too much, the database or the cluster
            cannot be read, a tenant would lose its servers or an integration its place, an
            object to make exists already and is somebody else's, or a quota does not hold it.
    """
    plan, rules = _wanted(settings)
    if told := admission.told(plan):
        pulumi.log.info(told)
    seen = _look(settings, plan)
    try:
        snapshot = take_snapshot(
            database_url(),
            platform=settings.database.platform,
            tenants=[tenant.id for tenant in plan.tenants],
            with_tls=plan.has_tls,
        )
    except (ControlPlaneError, DsnError) as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"{error} Nothing was changed.") from None
        pulumi.log.warn(
            f"{error} This preview {UNSEEN} the rows and integrations: "
            "an `up` may still refuse to remove a server."
        )
        return Decision(plan=plan, is_seen=False, rules=rules, taken=seen.taken)
    if reasons := refusals(plan, snapshot):
        raise pulumi.RunError(refusal(reasons, str(settings.inventory)))
    for warning in (*readdressing.told(plan, snapshot), *warnings(plan, snapshot)):
        pulumi.log.warn(warning)
    due: dict[str, str] = {}
    for tenant in plan.tenants:
        moves = () if leaves_integrations() else placement_of(tenant, snapshot).moves
        words = summary(moves), repairs(tenant, plan, snapshot)
        if told := ", ".join(filter(None, words)):
            due[tenant.id] = told
            pulumi.log.info(f"{tenant.id}: {told}")
    return Decision(
        plan=plan,
        due=MappingProxyType(due),
        rules=rules,
        taken=seen.taken,
        in_turn=frozenset(
            tenant.id
            for tenant in plan.tenants
            if any(instance.name in seen.servers for instance in tenant.instances)
        ),
    )


def _wanted(settings: Settings) -> tuple[Plan, Rules | None]:
    """What the inventory asks for, and the rules by which Prometheus watches it.

    Raises:
        pulumi.RunError: the inventory is wrong, asks for too much, or contradicts the settings.
    """
    try:
        inventory = load(settings.inventory)
        return plan_of(settings, inventory), rules_of(settings, inventory)
    except InventoryError as error:
        raise pulumi.RunError(str(error)) from None
    except CeilingError as error:
        raise pulumi.RunError(
            f"{settings.inventory} asks for too much, so nothing was changed: {error}"
        ) from None
    except NodesError as error:
        raise pulumi.RunError(f"{settings.inventory}: {error}. Nothing was changed.") from None


def stack() -> str:
    """The stack that the engine runs, as `project/stack`."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What the cluster has."""

    taken: frozenset[Object] = frozenset()
    """The objects of tenants that are somebody else's."""
    servers: frozenset[str] = frozenset()
    """The names of those that restart in turn."""


def _look(settings: Settings, plan: Plan) -> _Seen:
    """Look at the cluster; an object that concerns every tenant and is not ours is refused."""
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
        with as_the_plugin(of_the_plugin(), os.environ) as kubectl, ThreadPoolExecutor() as pool:
            looking = pool.submit(look, asked, kubectl)
            counting = pool.submit(rationed, plan.namespace, kubectl)
            takes_turns = settings.rollout == "serial" and not pulumi.runtime.is_dry_run()
            servers = existing(plan.namespace, kubectl) if takes_turns else frozenset[str]()
            found = looking.result()
            quotas = _unless_forbidden(counting, plan.namespace)
    except ClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(
                f"The cluster could not be looked at: {error}. Nothing was changed."
            ) from None
        pulumi.log.warn(
            f"This preview {UNSEEN} the cluster: {error}. Somebody else may have objects of these "
            "names: an `up` may still refuse."
        )
        return _Seen()
    if found.refusals:
        raise pulumi.RunError(f"Nothing was changed, since {'; and '.join(found.refusals)}.")
    if warning := found.warning(plan.namespace):
        pulumi.log.warn(warning)
    if quotas:
        _heed(quotas, settings, plan, asked)
    return _Seen(taken=found.taken, servers=servers)


def _unless_forbidden(counting: Future[Rationed | None], namespace: str) -> Rationed | None:
    """The quotas of the namespace; None where it has none, or where nobody may see them."""
    try:
        return counting.result()
    except ClusterError as error:
        if not error.is_forbidden:
            raise
        # Most namespaces have none, and a role of an older version lacks this right.
        pulumi.log.warn(
            f"The ResourceQuotas of the namespace {namespace} could not be read: {error}. If one "
            "does not hold the plan, an `up` stops half-way. deploy/rbac.yaml gives this right."
        )
        return None


def _heed(quotas: Rationed, settings: Settings, plan: Plan, asked: Wanted) -> None:
    """Refuse an `up` that grows beyond a quota; tell a preview of it, and of other shortages."""
    names = {**asked.names, "ConfigMap": {each.config_map_name for each in plan.instances.values()}}
    planned = asked_by(
        plan,
        {kinds.KINDS[kind]: frozenset(called) for kind, called in names.items()},
        exporter=settings.exporter_image is not None,
    )
    verdict = judge(
        quotas.quotas,
        planned=planned,
        there=quotas.there,
        running=quotas.running,
        takes_turns=settings.rollout == "serial",
    )
    for each in verdict.unjudged:
        pulumi.log.info(f"ResourceQuota {each} was not judged: whether it holds the plan is open.")
    for each in verdict.warnings:
        pulumi.log.warn(
            f"{each}. A server that restarts may not come back: have the quota raised first."
        )
    if not verdict.refusals:
        return
    told = f"{'; '.join(verdict.refusals)}. Have the quota raised, or ask for less."
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(f"Nothing was changed, since an `up` would stop half-way: {told}")
    pulumi.log.warn(f"An `up` is refused, since it would stop half-way: {told}")


def plan_of(settings: Settings, inventory: Inventory) -> Plan:
    """All that a stack with these settings makes of an inventory.

    Raises:
        CeilingError: it is more than the stack may ask for.
        NodesError: a size contradicts what the stack says of nodes.
    """
    return expand(
        inventory,
        namespace=settings.namespace,
        cluster_domain=settings.cluster_domain,
        ceiling=settings.ceiling,
        nodes=settings.pod.nodes,
    )


def rules_of(settings: Settings, inventory: Inventory) -> Rules | None:
    """The rules by which Prometheus watches the servers; None if the stack makes none."""
    return rules_for(inventory, settings.namespace) if settings.metrics.prometheus_rule else None
