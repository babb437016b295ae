"""The models of `tenants.yaml`, which says who the tenants are.

The schema and the reference take the description of each field from here.
`tenancy.inventory.validation` turns a file into these models.
"""

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType
from typing import Annotated, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from tenancy.inventory import nkeys
from tenancy.inventory.scheduling import (
    NodeLabelKey,
    NodeLabelValue,
    PriorityClassName,
    Seconds,
    TaintKey,
    TaintValue,
)
from tenancy.inventory.terms import Egress, PlacementPolicy, State
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


class Toleration(Model):
    """A taint that keeps other pods off a node and servers not, in Kubernetes' own words."""

    key: TaintKey | None = Field(
        default=None,
        description="The taint's key. Without it, `operator: Exists` stands for every taint.",
        examples=["dedicated"],
    )
    operator: Literal["Equal", "Exists"] | None = Field(
        default=None,
        description="Whether the taint has this `value` (`Equal`) or any (`Exists`). Without it, "
        "`Equal`.",
        examples=["Exists"],
    )
    value: TaintValue | None = Field(
        default=None,
        description="The taint's value; none with `Exists`.",
        examples=["nats"],
    )
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None,
        description="The taint's effect. Without it, every effect.",
        examples=["NoSchedule"],
    )
    toleration_seconds: Seconds | None = Field(
        default=None,
        description="How long a server stays on a node that gets the taint; with `NoExecute` only. "
        "Without it, for ever.",
        examples=[300],
    )

    @field_validator("operator", "value", mode="after")
    @classmethod
    def _unsaid(cls, said: str | None) -> str | None:
        """None for what Kubernetes takes for no word at all: with it, nothing restarts."""
        return None if said in ("Equal", "") else said

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Refuse what the API server refuses, all of it at once."""
        rules = {
            "a `key`, or `operator: Exists` for every taint": self.key is None
            and self.operator != "Exists",
            "no `value` with `operator: Exists`": bool(self.value) and self.operator == "Exists",
            "`effect: NoExecute` with `tolerationSeconds`": self.toleration_seconds is not None
            and self.effect != "NoExecute",
        }
        if broken := [words for words, is_broken in rules.items() if is_broken]:
            raise PydanticCustomError(
                "expected",
                "expected {words}",
                {"words": ", and ".join(broken), "example": TOLERATION},
            )
        return self

    def __str__(self) -> str:
        """As kubectl writes taints: `dedicated=nats:NoSchedule`, `*:NoExecute for 60 s`."""
        value = "" if self.operator == "Exists" else f"={self.value or ''}"
        taint = f"{self.key or '*'}{value}:{self.effect or '*'}"
        seconds = self.toleration_seconds
        return taint if seconds is None else f"{taint} for {seconds} s"

    def tolerates(self, taint: str, effect: str) -> bool:
        """Whether this tolerates the taint of that key, without a value, and effect."""
        has_key = self.key == taint and (self.operator == "Exists" or not self.value)
        return (self.key is None or has_key) and self.effect in (None, effect)


TOLERATION = "{key: dedicated, value: nats, effect: NoSchedule}"
"""A right one, as a file would have it."""


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
    node_selector: Annotated[
        Mapping[NodeLabelKey, NodeLabelValue], AfterValidator(MappingProxyType)
    ] = Field(
        default_factory=lambda: MappingProxyType({}),
        description="The labels that a node has to have for these servers. They are added to the "
        "stack's `pod.nodeSelector`, and win over it where both name a key.",
        examples=[{"pool": "nats-large"}],
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(),
        description="The taints that keep these servers off no node, beside those of the stack's "
        "`pod.tolerations`.",
        examples=[[{"key": "dedicated", "value": "nats", "effect": "NoSchedule"}]],
    )
    priority_class_name: PriorityClassName | None = Field(
        default=None,
        description="The PriorityClass of these servers, in place of the stack's "
        "`pod.priorityClassName`. It has to exist before the `up`.",
        examples=["large-servers"],
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
    egress: Egress = Field(
        default="dns",
        description="What the servers may reach: the cluster's name servers in `kube-system` "
        "(`dns`), nothing (`none`), or everything (`open`). A Core NATS server opens no connection "
        "and resolves no name, so `none` is enough, wherever the cluster has its name servers.",
        examples=["none"],
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
