"""The models of `tenants.yaml`, which says who the tenants are.

The schema and the reference take the description of each field from here.
`tenancy.inventory.validation` turns a file into these models.
"""

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from tenancy.inventory import nkeys
from tenancy.inventory.terms import PlacementPolicy, State
from tenancy.inventory.types import (
    Count,
    Cpu,
    InstanceCount,
    Memory,
    NamespaceName,
    Payload,
    PendingAmount,
    PositiveCount,
    SecretName,
    ServiceAccount,
    SizeName,
    Subject,
    TenantId,
    UserKey,
)

LARGEST_PAYLOAD = "8MB"
"""nats-server warns above this, and slow consumers hold that much memory for each message."""
SMALLEST_MEMORY_LIMIT = "64Mi"
"""Below this the Go runtime's own share leaves a server no room for its connections."""


class Model(BaseModel):
    """A mapping of the inventory: frozen, of exactly these types, with no other keys.

    Files use camelCase keys, as Kubernetes and Pulumi do; Python uses the names below.
    `tenancy.inventory.validation` accepts only camelCase.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Resources(Model):
    """What one NATS server may use, in Kubernetes quantities."""

    cpu: Cpu = Field(description="CPU: whole cores, or thousandths of one.", examples=["2", "500m"])
    memory: Memory = Field(
        description="Memory, for connections and for messages that wait for slow clients.",
        examples=["4Gi", "512Mi"],
    )


class Size(Model):
    """How large each server of a tenant is, and how many integrations it holds."""

    requests: Resources = Field(
        description="What the scheduler reserves for each server; no more than the limits.",
        examples=[{"cpu": "1", "memory": "2Gi"}],
    )
    limits: Resources = Field(
        description="The most that a server may use; at least "
        f"{SMALLEST_MEMORY_LIMIT} of memory. Its Go runtime aims at 80% of the memory.",
        examples=[{"cpu": "2", "memory": "4Gi"}],
    )
    max_payload: Payload = Field(
        default="8MB",
        description=f"The largest message a server takes; at most {LARGEST_PAYLOAD}.",
        examples=["8MB"],
    )
    max_connections: PositiveCount = Field(
        default=1000,
        description="How many clients a server admits at a time. It refuses the next one with "
        "`maximum connections exceeded`.",
        examples=[1000],
    )
    max_pending: PendingAmount = Field(
        default=None,
        description="How much may wait for one client that reads too slowly; more than "
        "`maxPayload`. Beyond it the server cuts the client off as a slow consumer: the client "
        "loses what waits, and reconnects. Without it, each connection's share of 70% of the "
        "memory limit, less one message and 4MB for its socket: at least twice `maxPayload`, at "
        "most 64MB.",
        examples=["16MB"],
    )
    capacity: PositiveCount = Field(
        default=50,
        description="How many integrations one server holds. The number of a tenant's servers "
        "follows from it.",
        examples=[50],
    )


STANDARD = "standard"
BUILT_IN_SIZES: Mapping[str, Size] = MappingProxyType(
    {
        STANDARD: Size(
            requests=Resources(cpu="1", memory="2Gi"), limits=Resources(cpu="2", memory="4Gi")
        )
    }
)


class Nkey(Model):
    """A client that proves who it is with an nkey, and what it may do."""

    key: UserKey = Field(
        description="The public user key. Its seed stays with the client.",
        examples=[nkeys.EXAMPLE],
    )
    publish: tuple[Subject, ...] = Field(
        default=(">",),
        description="The subjects it may publish to; never the server's own ($SYS).",
        examples=[["orders.created", "_INBOX.>"]],
    )
    subscribe: tuple[Subject, ...] = Field(
        default=(">",),
        description="The subjects it may subscribe to; never the server's own ($SYS).",
        examples=[["orders.*", "_INBOX.>"]],
    )


def _in_full(value: object) -> object:
    """A plain key as the equivalent mapping."""
    if isinstance(value, str):
        return {"key": value}
    if not isinstance(value, dict | Nkey):
        raise PydanticCustomError(
            "expected",
            "expected a public user key, or a mapping with `key`",
            {"example": nkeys.EXAMPLE},
        )
    return cast("object", value)


class Clients(Model):
    """Who may connect to a tenant's servers, beside its own pods in the servers' namespace."""

    namespaces: tuple[NamespaceName, ...] = Field(
        default=(),
        description="Further namespaces whose pods with the tenant's label may connect. Those in "
        "the servers' own namespace always may.",
        examples=[["acme-workers"]],
    )
    nkeys: tuple[
        Annotated[Nkey, BeforeValidator(_in_full, json_schema_input_type=UserKey | Nkey)], ...
    ] = Field(
        default=(),
        description="The public user keys of the clients that the servers admit: each plain, or a "
        "mapping with what it may do. Without keys, the servers admit every client that the "
        "network lets through. A key belongs to one tenant only.",
        examples=[[nkeys.EXAMPLE], [{"key": nkeys.EXAMPLE, "publish": ["orders.>"]}]],
    )
    service_accounts: tuple[ServiceAccount, ...] = Field(
        default=(),
        description="The Kubernetes service accounts whose pods may carry the tenant's label, as "
        "namespace/name. The optional admission policy enforces this; without accounts, every pod "
        "may.",
        examples=[["acme-workers/importer"]],
    )


class Tls(Model):
    """How a tenant's servers encrypt the traffic with their clients."""

    secret_name: SecretName = Field(
        description="A Secret of type kubernetes.io/tls in the servers' namespace, which "
        "cert-manager or a person makes.",
        examples=["acme-nats-tls"],
    )


class Tenant(Model):
    """One tenant. Everything has a default: `demo-tenant: {}` is one standard server."""

    integrations: Count = Field(
        default=0,
        description="How many integrations to make room for; the number of servers follows. It is "
        "capacity: the database says which integrations exist.",
        examples=[42],
    )
    instances: InstanceCount = Field(
        default=None,
        description="How many servers to run, if more than the integrations need; fewer is an "
        "error. Without it, as many as they need, and at least one.",
        examples=[2],
    )
    size: SizeName = Field(
        default=STANDARD,
        description="The size of each server: `standard`, or a name from `sizes`.",
        examples=["standard"],
    )
    clients: Clients = Field(
        default=Clients(),
        description="Who may connect, beside the tenant's pods in the servers' namespace.",
        examples=[{"namespaces": ["acme-workers"]}],
    )
    tls: Tls | None = Field(
        default=None,
        description="The certificate of the servers, which then refuse clients without TLS. "
        "Workers are given `tls://` addresses.",
        examples=[{"secretName": "acme-nats-tls"}],
    )
    placement: PlacementPolicy = Field(
        default="pack",
        description="How integrations share the servers: `pack` fills the lowest-numbered server "
        "first and leaves integrations where they are, `spread` evens them out at each `up`.",
        examples=["spread"],
    )
    state: State = Field(
        default="active",
        description="`decommissioned` removes the servers, once no integration is left, and keeps "
        "the rows as `terminated`. After that the entry may be removed.",
        examples=["decommissioned"],
    )
    egress: Literal["dns", "open"] = Field(
        default="dns",
        description="What the servers may reach: `dns` only, or everything (`open`). A Core NATS "
        "server opens no connection, so `dns` is enough.",
        examples=["dns"],
    )


class Inventory(Model):
    """All tenants of a stack, and the sizes of their servers."""

    tenants: Annotated[Mapping[TenantId, Tenant], AfterValidator(MappingProxyType)] = Field(
        min_length=1, description="The tenants, by id.", examples=[{"demo-tenant": {}}]
    )
    sizes: Annotated[Mapping[SizeName, Size], AfterValidator(MappingProxyType)] = Field(
        default_factory=lambda: MappingProxyType({}),
        description="Sizes of servers beside `standard`, by name.",
        examples=[
            {
                "large": {
                    "requests": {"cpu": "2", "memory": "4Gi"},
                    "limits": {"cpu": "4", "memory": "8Gi"},
                    "capacity": 100,
                }
            }
        ],
    )

    def size_of(self, tenant: Tenant) -> Size:
        """The size that `tenant` names."""
        return BUILT_IN_SIZES.get(tenant.size) or self.sizes[tenant.size]


def instances_needed(integrations: int, size: Size) -> int:
    """How many servers hold that many integrations: at least one."""
    return max(1, ceil(integrations / size.capacity))


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model, by their names in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}
