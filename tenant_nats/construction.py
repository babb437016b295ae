"""Registers what was decided: translates it into components, and decides nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from cell.fingerprint import annotations
from cluster.strangers import Object
from components.instance import ServiceOptions
from components.keeper import Keeper
from components.mark import Mark, MarkArgs, begin
from components.monitoring import Monitoring, MonitoringArgs
from components.namespace import Namespace, NamespaceArgs, closing_policy_in
from components.pod import PodOptions, ServerOptions
from components.tenant import Tenant, TenantArgs
from settings.control_plane import Database
from settings.pods import Pod
from settings.stack import Settings
from tenancy.cells import Member
from tenancy.names import MEMBER_LABEL, monitoring_name
from tenant_nats.decision import Decision

if TYPE_CHECKING:
    from components.postgres import DatabaseRoles


def build(settings: Settings, decision: Decision, *, stack: str | None = None) -> dict[str, Tenant]:
    """The resources of all tenants, by tenant id; `stack` is whose they are, where one has them."""
    if decision.taken and not pulumi.runtime.is_dry_run():
        _leave_alone(decision.taken | _configurations(decision))
    place = _place(settings, decision, stack)
    tenants = _tenants(settings, decision, place)
    if decision.member:
        _close(decision.member, decision, place, [*place.others, *tenants.values()])
    return tenants


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the tenants' servers live, and what has to be there before them."""

    namespace: pulumi.Input[str]
    closing_policy: pulumi.Resource
    grants: Sequence[pulumi.Resource] = ()
    """What gives the right to write rows, if the stack manages it, with all that this needs."""
    others: Sequence[pulumi.Resource] = ()
    """What the stack has besides tenants."""


def _place(settings: Settings, decision: Decision, stack: str | None) -> _Place:
    """The namespace: another stack's for a shard, and otherwise made here."""
    shard = decision.member.shard if decision.member else None
    if shard:
        begun = begin(shard, settings.namespace, decision.fingerprints)
        _let_follow(begun)
        return _Place(
            namespace=settings.namespace,
            closing_policy=closing_policy_in(settings.namespace, after=begun),
            others=[begun, *_monitoring(settings, decision, shard, settings.namespace)],
        )
    roles = _database_roles(settings.database)
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
    watching = _monitoring(settings, decision, shard, namespace.namespace_name)
    return _Place(
        namespace=namespace.namespace_name,
        closing_policy=namespace.closing_policy,
        grants=(*roles.roles.values(), *roles.grants) if roles else (),
        others=[namespace, *watching, *([roles] if roles else [])],
    )


def _monitoring(
    settings: Settings, decision: Decision, shard: str | None, namespace: pulumi.Input[str]
) -> list[pulumi.Resource]:
    pod_monitor = settings.metrics.pod_monitor and not shard
    if not (pod_monitor or decision.rules):
        return []
    return [
        Monitoring(
            "monitoring",
            MonitoringArgs(
                namespace=namespace,
                name=monitoring_name(shard),
                labels={**settings.metrics.labels, **({MEMBER_LABEL: shard} if shard else {})},
                pod_monitor=pod_monitor,
                rules=decision.rules,
            ),
        )
    ]


def _let_follow(begun: pulumi.Resource) -> None:
    """Let all else of a shard depend on `begun`.

    What depends on the closing policy does already, and the rows do on that.
    """

    def following(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        kind = args.type_.rpartition(":")[2]
        if kind not in ("Service", "NetworkPolicy", "PrometheusRule") or args.opts.depends_on:
            return None
        after = pulumi.ResourceOptions(depends_on=[begun])
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, after)
        )

    pulumi.runtime.register_stack_transformation(following)


def _close(
    member: Member, decision: Decision, place: _Place, before: Sequence[pulumi.Resource]
) -> None:
    """Make what only a member of a cell has, after all else."""
    plan = decision.plan
    said = annotations(
        decision.fingerprints, [each.id for each in plan.tenants], len(plan.instances)
    )
    mark = Mark(
        member.name,
        MarkArgs(namespace=place.namespace, member=member.name, annotations=said, after=before),
    )
    if member.shard is None:
        Keeper(
            "keeper",
            namespace=place.namespace,
            opts=pulumi.ResourceOptions(depends_on=[*before, mark]),
        )


def _tenants(settings: Settings, decision: Decision, place: _Place) -> dict[str, Tenant]:
    options = ServerOptions(
        image=settings.image,
        exporter_image=settings.exporter_image,
        ready_timeout=settings.ready_timeout,
        run_as_user=settings.run_as_user,
        pod=_pod_options(settings.pod),
    )
    service = ServiceOptions(
        annotations=settings.service.annotations,
        labels=settings.service.labels,
        ip_family_policy=settings.service.ip_family_policy,
    )
    tenants: dict[str, Tenant] = {}
    before: Sequence[pulumi.Resource] = ()
    for tenant in decision.plan.tenants:
        takes_its_turn = tenant.id in decision.in_turn
        made = tenants[tenant.id] = Tenant(
            tenant.id,
            TenantArgs(
                namespace=place.namespace,
                closing_policy=place.closing_policy,
                plan=tenant,
                monitoring_namespace=settings.monitoring_namespace,
                options=options,
                service=service,
                due=decision.due.get(tenant.id, ""),
                is_seen=decision.is_seen,
                drain_seconds=int(settings.drain.removesuffix("s")),
                database_grants=place.grants,
                after=before if takes_its_turn else (),
            ),
        )
        if takes_its_turn:
            before = [instance.deployment for instance in made.instances]
    return tenants


def _pod_options(pod: Pod) -> PodOptions:
    return PodOptions(
        annotations=pod.annotations,
        labels=pod.labels,
        affinity=pod.affinity_as_said,
        spread=pod.spread,
        image_pull_secrets=pod.image_pull_secrets,
        service_account_name=pod.service_account_name,
        runtime_class_name=pod.runtime_class_name,
    )


def _database_roles(database: Database) -> "DatabaseRoles | None":
    """The database's roles if the stack manages them; else their SDK is not imported."""
    if not database.manage_roles:
        return None
    try:
        from components.postgres import DatabaseRoles, DatabaseRolesArgs
    except ModuleNotFoundError as error:
        raise pulumi.RunError(
            f"database.manageRoles needs {error.name}, which is not installed; "
            "`uv sync --locked --inexact --extra database-roles` or, where tenant-nats is a "
            "dependency, `tenant-nats[database-roles]` in pyproject.toml. Nothing was changed."
        ) from None
    return DatabaseRoles(
        "database",
        DatabaseRolesArgs(
            database=str(database.name), platform=database.platform, prefix=database.role_prefix
        ),
    )


_REFUSED = "this object is somebody else's, so nothing of it was changed"
"""No name of a label."""


def _leave_alone(taken: Collection[Object]) -> None:
    """Let an `up` fail for these objects, and change nothing of them.

    The API server refuses a label with such a name. With `--continue-on-error` the engine then
    skips what depends on the object, and goes on with the other tenants. An error of the program
    would end the whole run instead, and the engine deletes what a program does not register.
    """

    def refused(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        # The props of KubernetesObject are a manifest; those of others have no such name.
        manifest: Mapping[str, Any] = args.props
        metadata = manifest.get("metadata", {})
        if (manifest.get("kind"), metadata.get("name")) not in taken:
            return None
        labels = {**metadata["labels"], _REFUSED: ""}
        props = {**manifest, "metadata": {**metadata, "labels": labels}}
        return pulumi.ResourceTransformationResult(props, args.opts)

    pulumi.runtime.register_stack_transformation(refused)


def _configurations(decision: Decision) -> set[Object]:
    """The ConfigMaps of somebody else's Deployments, which run on with what they have.

    A new one would replace that one, and the engine would remove it at the second `up` that fails.
    """
    return {
        ("ConfigMap", instance.config_map_name)
        for instance in decision.plan.instances.values()
        if ("Deployment", instance.name) in decision.taken
    }
