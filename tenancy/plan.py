"""From the inventory to every name, number and address: what is to be, and nothing of how."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from tenancy.ceiling import NO_CEILING, Ceiling, Demand, check
from tenancy.inventory import Inventory, Resources, Size, Tenant, instances_needed
from tenancy.lifecycle import State
from tenancy.names import dns_name, domain, instance_name
from tenancy.nats_config import nats_config
from tenancy.placement import Policy
from tenancy.types import in_bytes, millicores

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
    """What a client is given: `nats://host:port`, or `tls://host:port`."""
    config: str
    """The text of its configuration file."""
    config_map_name: str
    """Carries a hash of `config`, so that a change makes a new one and the pod rolls."""
    tls_secret: str | None
    """The Secret with its certificate, when it speaks TLS."""
    requests: Resources
    limits: Resources
    gomemlimit: str
    """What the Go runtime aims at, in its own notation: `3276MiB`."""


@dataclass(frozen=True, kw_only=True)
class TenantPlan:
    """One tenant: its servers, in the order of their numbers, and who may reach them."""

    id: str
    state: State
    instances: tuple[InstancePlan, ...]
    """None for a tenant that is decommissioned."""
    domain: str
    """What follows the instance's name in the tenant's addresses."""
    capacity: int
    """How many integrations each instance holds."""
    placement: Policy
    client_namespaces: tuple[str, ...]
    client_service_accounts: tuple[str, ...]
    """As `namespace/name`; those whose pods may carry the tenant's label."""
    nkeys: tuple[str, ...]
    """The public keys of the only clients that are admitted; none when every client is."""
    egress: Literal["dns", "open"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All of a stack, in the order of the tenants' ids."""

    namespace: str
    tenants: tuple[TenantPlan, ...]

    @property
    def has_tls(self) -> bool:
        """Whether any server speaks TLS."""
        return any(instance.tls_secret for each in self.tenants for instance in each.instances)


def expand(inventory: Inventory, *, namespace: str, ceiling: Ceiling = NO_CEILING) -> Plan:
    """All that the inventory asks for, in the servers' `namespace`.

    Raises:
        CeilingError: it is more than the stack may have.
    """
    tenants = tuple(
        _tenant(tenant_id, tenant, inventory.size_of(tenant), namespace)
        for tenant_id, tenant in sorted(inventory.tenants.items())
    )
    check(ceiling, {tenant.id: _demand(tenant) for tenant in tenants})
    return Plan(namespace=namespace, tenants=tenants)


def _demand(tenant: TenantPlan) -> Demand:
    return Demand(
        instances=len(tenant.instances),
        cpu=sum(millicores(instance.requests.cpu) for instance in tenant.instances),
        memory=sum(in_bytes(instance.requests.memory) for instance in tenant.instances),
    )


def _tenant(tenant_id: str, tenant: Tenant, size: Size, namespace: str) -> TenantPlan:
    count = tenant.instances or instances_needed(tenant.integrations, size)
    if tenant.state == "decommissioned":
        count = 0
    return TenantPlan(
        id=tenant_id,
        state=tenant.state,
        domain=domain(namespace),
        instances=tuple(
            _instance(tenant_id, number, tenant, size, namespace) for number in range(1, count + 1)
        ),
        capacity=size.capacity,
        placement=tenant.placement,
        client_namespaces=tuple(sorted(tenant.clients.namespaces)),
        client_service_accounts=tuple(sorted(tenant.clients.service_accounts)),
        nkeys=tuple(sorted(nkey.key for nkey in tenant.clients.nkeys)),
        egress=tenant.egress,
    )


def _instance(
    tenant_id: str, number: int, tenant: Tenant, size: Size, namespace: str
) -> InstancePlan:
    name = instance_name(tenant_id, number)
    address = dns_name(tenant_id, number, namespace)
    config = nats_config(
        server_name=name,
        max_payload=size.max_payload,
        max_connections=size.max_connections,
        nkeys=tenant.clients.nkeys,
        tls=tenant.tls is not None,
    )
    return InstancePlan(
        tenant=tenant_id,
        number=number,
        name=name,
        dns_name=address,
        url=f"{'tls' if tenant.tls else 'nats'}://{address}",
        config=config,
        config_map_name=f"{name}-{hashlib.sha256(config.encode()).hexdigest()[:8]}",
        tls_secret=tenant.tls.secret_name if tenant.tls else None,
        requests=size.requests,
        limits=size.limits,
        gomemlimit=f"{int(in_bytes(size.limits.memory) * _GO_SHARE) // 2**20}MiB",
    )
