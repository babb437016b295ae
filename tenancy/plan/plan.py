"""From the inventory to every name, number and address: the desired state, not how to reach it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tenancy.defaults import CLUSTER_DOMAIN
from tenancy.inventory.memory import max_pending
from tenancy.inventory.models import (
    Inventory,
    Resources,
    Size,
    Tenant,
    Toleration,
    instances_needed,
)
from tenancy.inventory.terms import Egress, PlacementPolicy, State
from tenancy.inventory.types import in_bytes, millicores
from tenancy.names import address, domain, instance_name
from tenancy.plan.ceiling import NO_CEILING, Ceiling, Demand, check
from tenancy.plan.nats_config import nats_config
from tenancy.plan.nodes import ANY_NODE, Nodes

_GO_SHARE = 0.8
"""How much of the memory limit the Go runtime aims at; the rest is stacks and fragmentation."""


@dataclass(frozen=True, kw_only=True)
class InstancePlan:
    """One NATS server."""

    tenant: str
    number: int
    name: str
    dns_name: str
    """`host:port`."""
    url: str
    """The URL for clients: `nats://host:port`, or `tls://host:port`."""
    config: str
    """The text of its configuration file."""
    config_map_name: str
    """Has a hash of `config`, so that a change makes a new ConfigMap and a new pod."""
    tls_secret: str | None
    """The Secret with its certificate; None if it does not speak TLS."""
    requests: Resources
    limits: Resources
    gomemlimit: str
    """What the Go runtime aims at, in its own notation: `3276MiB`."""
    node_selector: Mapping[str, str]
    """The labels that its node has to have."""
    tolerations: tuple[Toleration, ...]
    priority_class_name: str | None
    """None for the cluster's default."""


@dataclass(frozen=True, kw_only=True)
class TenantPlan:
    """One tenant: its servers, in the order of their numbers, and who may reach them."""

    id: str
    state: State
    instances: tuple[InstancePlan, ...]
    """Empty for a tenant that is decommissioned."""
    domain: str
    """What follows the instance's name in the tenant's addresses."""
    capacity: int
    """How many integrations each instance holds."""
    placement: PlacementPolicy
    client_namespaces: tuple[str, ...]
    client_service_accounts: tuple[str, ...]
    """As `namespace/name`; those whose pods may carry the tenant's label."""
    nkeys: tuple[str, ...]
    """The public keys of the only clients that are admitted; empty if every client is."""
    egress: Egress


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The desired state of a stack, in the order of the tenants' ids."""

    namespace: str
    domain: str
    """What follows the instance's name in the addresses of all tenants."""
    tenants: tuple[TenantPlan, ...]

    @cached_property
    def instances(self) -> Mapping[str, InstancePlan]:
        """All servers, by name."""
        return {each.name: each for tenant in self.tenants for each in tenant.instances}

    @property
    def has_tls(self) -> bool:
        """Whether any server speaks TLS."""
        return any(instance.tls_secret for instance in self.instances.values())


def expand(
    inventory: Inventory,
    *,
    namespace: str,
    cluster_domain: str = CLUSTER_DOMAIN,
    ceiling: Ceiling = NO_CEILING,
    nodes: Nodes = ANY_NODE,
) -> Plan:
    """All that the inventory asks for, in the servers' `namespace`, on `nodes` of the stack.

    Raises:
        CeilingError: it is more than the stack may ask for.
        NodesError: a size contradicts what the stack says of nodes.
    """
    within = domain(namespace, cluster_domain)
    nodes.check(inventory.sizes)
    tenants = tuple(
        _tenant(tenant_id, tenant, inventory.size_of(tenant), within, nodes)
        for tenant_id, tenant in sorted(inventory.tenants.items())
    )
    check(ceiling, {tenant.id: _demand(tenant) for tenant in tenants})
    return Plan(namespace=namespace, domain=within, tenants=tenants)


def _demand(tenant: TenantPlan) -> Demand:
    return Demand(
        instances=len(tenant.instances),
        cpu=sum(millicores(instance.requests.cpu) for instance in tenant.instances),
        memory=sum(in_bytes(instance.requests.memory) for instance in tenant.instances),
    )


def _tenant(tenant_id: str, tenant: Tenant, size: Size, within: str, nodes: Nodes) -> TenantPlan:
    count = tenant.instances or instances_needed(tenant.integrations, size)
    if tenant.state == "decommissioned":
        count = 0
    its_nodes = nodes.of(size)
    return TenantPlan(
        id=tenant_id,
        state=tenant.state,
        domain=within,
        instances=tuple(
            _instance(tenant_id, number, tenant, size, within, its_nodes)
            for number in range(1, count + 1)
        ),
        capacity=size.capacity,
        placement=tenant.placement,
        client_namespaces=tuple(sorted(tenant.clients.namespaces)),
        client_service_accounts=tuple(sorted(tenant.clients.service_accounts)),
        nkeys=tuple(sorted(nkey.key for nkey in tenant.clients.nkeys)),
        egress=tenant.egress,
    )


def _instance(
    tenant_id: str, number: int, tenant: Tenant, size: Size, within: str, nodes: Nodes
) -> InstancePlan:
    name = instance_name(tenant_id, number)
    host_and_port = address(tenant_id, number, within)
    config = nats_config(
        server_name=name,
        max_payload=size.max_payload,
        max_connections=size.max_connections,
        max_pending=max_pending(size),
        nkeys=tenant.clients.nkeys,
        tls=tenant.tls is not None,
    )
    return InstancePlan(
        tenant=tenant_id,
        number=number,
        name=name,
        dns_name=host_and_port,
        url=f"{'tls' if tenant.tls else 'nats'}://{host_and_port}",
        config=config,
        config_map_name=f"{name}-{hashlib.sha256(config.encode()).hexdigest()[:8]}",
        tls_secret=tenant.tls.secret_name if tenant.tls else None,
        requests=size.requests,
        limits=size.limits,
        gomemlimit=f"{int(in_bytes(size.limits.memory) * _GO_SHARE) // 2**20}MiB",
        node_selector=nodes.selector,
        tolerations=nodes.tolerations,
        priority_class_name=nodes.priority_class_name,
    )
