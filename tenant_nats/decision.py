"""Decides what a stack is to have, or refuses before the engine touches anything."""

import os
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import pulumi

from cell.checkpoint import CheckpointError, own_deployment, tenants_of_others
from cell.fingerprint import fingerprints
from cell.recorded import kept_namespace, tenants_in
from cluster import kinds
from cluster.deployments import existing
from cluster.kubectl import ClusterError, as_the_plugin
from cluster.quotas import Rationed, rationed
from cluster.strangers import Findings, Object, Wanted, look, wanted
from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError
from controlplane.reader import take_snapshot
from monitoring.rule_file import RuleFile, rules_of_base, rules_of_shard
from monitoring.rule_file import rules as rules_for
from settings.reading import database_url, leaves_integrations, of_the_plugin
from settings.stack import Settings
from tenancy.cells import Member
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import load
from tenancy.names import domain, mark_name, monitoring_name
from tenancy.plan import admission
from tenancy.plan.ceiling import CeilingError
from tenancy.plan.nodes import NodesError
from tenancy.plan.plan import Plan, expand
from tenancy.plan.quota import asked_by, judge
from tenancy.rows import readdressing
from tenancy.rows.placement import summary
from tenancy.rows.removal import placement_of, refusal, refusals, removals, repairs, warnings
from tenancy.rows.snapshot import Snapshot
from tenancy.words import UNSEEN, agreeing, listed


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
    rules: RuleFile | None = None
    """The rules by which Prometheus watches the servers; None where the stack makes none."""
    member: Member | None = None
    """Which member of a cell the stack is; None for a stack with a namespace of its own."""
    fingerprints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """From what a member of a cell is deployed."""
    taken: frozenset[Object] = frozenset()
    """The objects of tenants that are somebody else's, or another shard's: an `up` leaves them
    alone."""
    in_turn: frozenset[str] = frozenset()
    """The tenants whose servers this `up` touches one tenant after the other. A tenant that has no
    server yet waits for none, and neither does any tenant in a preview."""


def decide(settings: Settings, member: Member | None = None) -> Decision:
    """Decide what to make, or refuse before the engine touches anything.

    Args:
        settings: of the stack, or of its cell.
        member: which member of its cell the stack is. The base has no tenants, and a shard has
            those of its own inventory.

    Raises:
        pulumi.RunError: the inventory is wrong or asks for too much, the state, the database or the
            cluster cannot be read, a tenant would lose its servers or an integration its place, an
            object to make exists already and is somebody else's, or a quota does not hold it.
    """
    file = member.inventory if member and member.shard else settings.inventory
    plan, rules = _wanted(settings, member, file)
    if told := admission.told(plan):
        pulumi.log.info(told)
    recorded = _recorded(settings, member) if member else None
    seen = _look(settings, plan, member, recorded)
    decision = Decision(
        plan=plan,
        rules=rules,
        member=member,
        fingerprints=_fingerprints(member) if member else {},
        taken=seen.taken,
        in_turn=frozenset(
            tenant.id
            for tenant in plan.tenants
            if any(instance.name in seen.servers for instance in tenant.instances)
        ),
    )
    if member and not member.shard:
        return decision
    snapshot = _snapshot(settings, plan, recorded)
    if snapshot is None:
        return replace(decision, is_seen=False)
    if reasons := refusals(plan, snapshot):
        told = refusal(reasons, str(file))
        if member and any(removals(plan, snapshot)):
            told += " If it has moved to another shard: `tenant-nats shards settle`."
        raise pulumi.RunError(told)
    for warning in (*readdressing.told(plan, snapshot), *warnings(plan, snapshot)):
        pulumi.log.warn(warning)
    due: dict[str, str] = {}
    for tenant in plan.tenants:
        moves = () if leaves_integrations() else placement_of(tenant, snapshot).moves
        words = summary(moves), repairs(tenant, plan, snapshot)
        if told := ", ".join(filter(None, words)):
            due[tenant.id] = told
            pulumi.log.info(f"{tenant.id}: {told}")
    return replace(decision, due=MappingProxyType(due))


def _wanted(settings: Settings, member: Member | None, file: Path) -> tuple[Plan, RuleFile | None]:
    """What the inventory in `file` asks for, and the rules by which Prometheus watches it.

    Raises:
        pulumi.RunError: the inventory is wrong, asks for too much, or contradicts the settings.
    """
    if member and not member.shard:
        within = domain(settings.namespace, settings.cluster_domain)
        return (
            Plan(namespace=settings.namespace, domain=within, tenants=()),
            rules_of_base(settings.namespace) if settings.metrics.prometheus_rule else None,
        )
    try:
        inventory = load(file)
        return plan_of(settings, inventory), rules_of(settings, inventory, member)
    except InventoryError as error:
        raise pulumi.RunError(str(error)) from None
    except CeilingError as error:
        raise pulumi.RunError(
            f"{file} asks for too much, so nothing was changed: {error}"
        ) from None
    except NodesError as error:
        raise pulumi.RunError(f"{file}: {error}. Nothing was changed.") from None


def _recorded(settings: Settings, member: Member) -> frozenset[str] | None:
    """The tenants that the shard's state has; None for the base, which may have none.

    Raises:
        pulumi.RunError: the state cannot be read; or the base would lose what its state has.
    """
    try:
        deployment = own_deployment()
    except CheckpointError as error:
        raise pulumi.RunError(
            f"Which tenants {member.stack} has could not be seen: {error}. Nothing was changed."
        ) from None
    tenants = tenants_in(deployment)
    if member.shard:
        return tenants
    if tenants:
        raise pulumi.RunError(
            f"The state of {member.stack} still has {listed(sorted(tenants), most=3)}, and the "
            "base of a cell has no tenants: `tenant-nats shards settle` moves them to the shards "
            "that have them in their inventories. Nothing was changed."
        )
    kept = kept_namespace(deployment)
    if kept not in (None, settings.namespace):
        raise pulumi.RunError(
            f"{member.settings_file}: namespace is {settings.namespace}, and the cell lives in "
            f"{kept}. A cell keeps its namespace; another one is another cell, to which tenants "
            "move as to another stack. Nothing was changed."
        )
    return None


def _fingerprints(member: Member) -> Mapping[str, str]:
    """From what a member is deployed.

    Raises:
        pulumi.RunError: a file of it cannot be read.
    """
    try:
        return fingerprints(member, Path())
    except OSError as error:
        raise pulumi.RunError(
            f"{error.filename} cannot be read ({error.strerror}). Nothing was changed."
        ) from None


def _own(plan: Plan, recorded: Collection[str] | None) -> set[str] | None:
    """The tenants of a shard: in its inventory, or in its state; None for a stack that has all."""
    return None if recorded is None else {*(tenant.id for tenant in plan.tenants), *recorded}


def _snapshot(settings: Settings, plan: Plan, recorded: Collection[str] | None) -> Snapshot | None:
    """The rows and integrations of the stack's own tenants, or None if a preview cannot read them.

    Raises:
        pulumi.RunError: an `up` cannot read them.
    """
    try:
        return take_snapshot(
            database_url(),
            platform=settings.database.platform,
            tenants=[tenant.id for tenant in plan.tenants],
            with_tls=plan.has_tls,
            own=_own(plan, recorded),
        )
    except (ControlPlaneError, DsnError) as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"{error} Nothing was changed.") from None
        pulumi.log.warn(
            f"{error} This preview {UNSEEN} the rows and integrations: "
            "an `up` may still refuse to remove a server."
        )
        return None


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


def _look(
    settings: Settings, plan: Plan, member: Member | None, recorded: Collection[str] | None
) -> _Seen:
    """Look at the cluster; an object that concerns every tenant and is not ours is refused."""
    is_shard = recorded is not None
    monitoring = {
        "PodMonitor": settings.metrics.pod_monitor and not is_shard,
        "PrometheusRule": settings.metrics.prometheus_rule,
    }
    name = monitoring_name(member.shard if member else None)
    asked = wanted(
        plan,
        makes_namespace=settings.namespace_mode == "managed" and not is_shard,
        monitoring={kind: name for kind, is_made in monitoring.items() if is_made},
        owner=f"{pulumi.get_project()}/{member.base}" if member else stack(),
        recorded=recorded,
        mark=mark_name(member.name) if member else "",
    )
    try:
        with as_the_plugin(of_the_plugin(), os.environ) as kubectl, ThreadPoolExecutor() as pool:
            looking = pool.submit(look, asked, kubectl)
            counting = pool.submit(rationed, plan.namespace, kubectl, _own(plan, recorded))
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
    if member and found.elsewhere:
        found = _of_others(found, member, is_lost=not recorded)
    for warning in found.warnings(plan.namespace):
        pulumi.log.warn(warning)
    if quotas:
        _heed(quotas, settings, plan, asked)
    return _Seen(taken=found.untouchable, servers=servers)


def _of_others(found: Findings, member: Member, *, is_lost: bool) -> Findings:
    """The findings, with those objects only that another stack of the cell has in its state.

    What no state has is this stack's again. But if its whole state is lost, although it has left a
    mark, this may be another backend than that which has the state.
    """
    if is_lost and found.is_marked:
        pulumi.log.warn(
            f"{member.stack} was deployed before, by its mark in the namespace, and this state has "
            "none of its tenants. Is this the right backend? If the state is lost for good: "
            f"`kubectl delete configmap {mark_name(member.name)}` in the namespace, and run again."
        )
        return found
    try:
        others = tenants_of_others(member)
    except CheckpointError as error:
        pulumi.log.warn(f"Whose the objects are could not be seen: {error}.")
        return found
    kept = {each: tenant for each, tenant in found.elsewhere.items() if tenant in others}
    if ours := sorted(set(found.elsewhere.values()) - set(kept.values())):
        pulumi.log.warn(
            f"{listed(ours, most=3)} {agreeing(len(ours), 'has', 'have')} objects that no state of "
            f"the cell {member.cell} has: an `up` takes them over as they are."
        )
    return replace(found, elsewhere=kept)


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


def rules_of(
    settings: Settings, inventory: Inventory, member: Member | None = None
) -> RuleFile | None:
    """The rules by which Prometheus watches the servers; None if the stack makes none."""
    if not settings.metrics.prometheus_rule:
        return None
    if member and member.shard:
        return rules_of_shard(inventory, settings.namespace, member.shard)
    return rules_for(inventory, settings.namespace)
