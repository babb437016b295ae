"""One tenant: its isolation, its servers, its rows, in a safe order.

Created: policy, servers, rows. Deleted: rows, servers, policy. The engine reverses dependencies
when it deletes, so one order gives both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.instance import NatsInstance, NatsInstanceArgs, ServiceOptions
from components.isolation import Isolation, IsolationArgs
from components.outcomes import Outcomes
from components.pod import ServerOptions
from controlplane.records import InstanceRecord, TenantRecords
from tenancy.plan.plan import InstancePlan, TenantPlan
from tenancy.tokens import TENANT


@dataclass(frozen=True, kw_only=True)
class TenantArgs:
    """What a `Tenant` is made of."""

    namespace: pulumi.Input[str]
    closing_policy: pulumi.Resource
    plan: TenantPlan
    monitoring_namespace: str
    options: ServerOptions
    service: ServiceOptions
    due: str
    """What is pending in the database, in words: integrations to move, rows to put right."""
    is_seen: bool = True
    """Whether the program could look at the database."""
    drain_seconds: int
    """How long workers have to leave a server before it is removed."""
    database_grants: Sequence[pulumi.Resource] = ()
    """What gives the right to write rows, if the stack manages it, with all that this needs."""
    after: Sequence[pulumi.Resource] = ()
    """Resources that the engine finishes before the servers of this tenant, whether they succeed or
    fail: those of another tenant."""


class Tenant(pulumi.ComponentResource):
    """Everything that one tenant has."""

    isolation: Isolation | None
    """None for a tenant that is decommissioned: it has no pod."""
    instances: tuple[NatsInstance, ...]
    records: TenantRecords
    urls: list[str]
    """By instance number; an integration uses the one of its own instance."""

    def __init__(
        self, name: str, args: TenantArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(TENANT, name, None, opts)
        children = pulumi.ResourceOptions(parent=self)
        self.isolation = _isolation(name, args, children) if args.plan.instances else None
        own_policy = [self.isolation.policy] if self.isolation else []
        self.instances = tuple(
            NatsInstance(
                instance.name,
                NatsInstanceArgs(
                    namespace=args.namespace,
                    plan=instance,
                    options=args.options,
                    service=args.service,
                    policies=(args.closing_policy, *own_policy),
                    after=args.after,
                ),
                children,
            )
            for instance in args.plan.instances
        )
        servers = Outcomes([*own_policy, *self._servers(), *args.database_grants])
        self.records = TenantRecords(
            f"{name}-records",
            tenant_id=args.plan.id,
            state=args.plan.state,
            instances=[_record(instance) for instance in args.plan.instances],
            domain=args.plan.domain,
            capacity=args.plan.capacity,
            placement=args.plan.placement,
            due=args.due,
            drain_seconds=args.drain_seconds,
            is_seen=args.is_seen,
            # A server that leaves would go before its row if the row were skipped.
            undone=servers.undone,
            opts=pulumi.ResourceOptions(parent=self, depends_on=servers.needed),
        )
        self.urls = [instance.url for instance in args.plan.instances]
        self.register_outputs(
            {
                "isolation": self.isolation,
                "instances": self.instances,
                "records": self.records,
                "urls": self.urls,
            }
        )

    def _servers(self) -> list[pulumi.Resource]:
        return [
            resource
            for instance in self.instances
            for resource in (instance.deployment, instance.service)
        ]


def _record(instance: InstancePlan) -> InstanceRecord:
    record = InstanceRecord(instance_number=instance.number, dns_name=instance.dns_name)
    if instance.tls_secret:
        record["tls"] = True
    return record


def _isolation(name: str, args: TenantArgs, opts: pulumi.ResourceOptions) -> Isolation:
    return Isolation(
        name,
        IsolationArgs(
            namespace=args.namespace,
            tenant=args.plan.id,
            client_namespaces=args.plan.client_namespaces,
            client_service_accounts=args.plan.client_service_accounts,
            monitoring_namespace=args.monitoring_namespace,
            has_exporter=args.options.exporter_image is not None,
            egress=args.plan.egress,
        ),
        opts,
    )
