"""What decisions need to know of the control plane: counts, and no ids."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType

from tenancy.names import address, instance_name


@dataclass(frozen=True, kw_only=True)
class RecordedInstance:
    """One row of `nats_instances`."""

    tenant_id: str
    instance_number: int
    dns_name: str
    status: str
    """One of `tenancy.rows.lifecycle.Status`, unless somebody else's schema allows more."""
    tls: bool = False
    """Whether workers are to use TLS."""
    integrations: int = 0
    """How many of the tenant's integrations point to it."""
    foreign_integrations: int = 0
    """How many integrations of other tenants point to it, which is somebody's mistake."""

    @property
    def is_live(self) -> bool:
        """Whether there may be a server behind it."""
        return self.status != "terminated"

    @property
    def is_announced(self) -> bool:
        """Whether the platform has announced it, and nothing uses it yet."""
        return self.status == "provisioning" and not self.integrations

    @property
    def is_used(self) -> bool:
        """Whether it may be a server that somebody uses."""
        return self.is_live and not self.is_announced

    @property
    def domain(self) -> str | None:
        """What follows the instance's name in its address; None if it begins with another name."""
        name, _, domain = self.dns_name.partition(".")
        is_its_own = name == instance_name(self.tenant_id, self.instance_number)
        return domain if is_its_own and domain else None

    def lives_in(self, domain: str) -> bool:
        """Whether its address is the one that its instance has in `domain`."""
        return self.dns_name == address(self.tenant_id, self.instance_number, domain)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The control plane at one moment."""

    instances: tuple[RecordedInstance, ...] = ()
    """By tenant and number."""
    unplaced: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """How many integrations of a tenant point to none of its own instances; only tenants that have
    such integrations."""

    def of(self, tenant_id: str) -> tuple[RecordedInstance, ...]:
        """The rows of one tenant."""
        return self._by_tenant.get(tenant_id, ())

    @cached_property
    def _by_tenant(self) -> dict[str, tuple[RecordedInstance, ...]]:
        key = attrgetter("tenant_id")
        return {tenant_id: tuple(rows) for tenant_id, rows in groupby(self.instances, key)}
