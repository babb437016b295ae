"""The inventory: who the tenants are, as `tenants.yaml` says it.

`load` is the only door from the file to the models. It reports every fault of a file at once, each
with its line, or returns an inventory in which every number agrees with every other.
"""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from itertools import count
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from tenancy import nkeys, yaml_source
from tenancy.faults import Fault, InventoryError, Location, printable
from tenancy.placement import Policy
from tenancy.types import (
    Count,
    Cpu,
    InstanceCount,
    Memory,
    NamespaceName,
    Payload,
    PositiveCount,
    SecretName,
    ServiceAccount,
    SizeName,
    Subject,
    TenantId,
    UserKey,
    in_bytes,
    millicores,
)
from tenancy.yaml_source import Document, read

State = Literal["active", "decommissioned"]
"""What is to become of a tenant."""

MOST_INSTANCES = 99
LARGEST_PAYLOAD = "8MB"
"""nats-server warns above this, and slow consumers hold that much memory for each message."""
SMALLEST_MEMORY_LIMIT = "64Mi"
"""Below this the Go runtime's own share leaves a server no room for its connections."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Resources(_Model):
    """What one NATS server may use, in Kubernetes quantities."""

    cpu: Cpu = Field(description="CPU: whole cores, or thousandths of one.", examples=["2", "500m"])
    memory: Memory = Field(
        description="Memory: what waits for slow clients, and the connections themselves.",
        examples=["4Gi", "512Mi"],
    )


class Size(_Model):
    """How large each server of a tenant is, and how many integrations it holds."""

    requests: Resources = Field(
        description="What the scheduler reserves for each server; no more than the limits.",
        examples=[{"cpu": "1", "memory": "2Gi"}],
    )
    limits: Resources = Field(
        description="What a server may use at most, at least "
        f"{SMALLEST_MEMORY_LIMIT} of memory. Its Go runtime aims at 80% of that.",
        examples=[{"cpu": "2", "memory": "4Gi"}],
    )
    max_payload: Payload = Field(
        default="8MB",
        description=f"The largest message a server takes; at most {LARGEST_PAYLOAD}.",
        examples=["8MB"],
    )
    max_connections: PositiveCount = Field(
        default=1000,
        description="How many clients a server admits at a time. The next one is told "
        "`maximum connections exceeded`.",
        examples=[1000],
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


class Nkey(_Model):
    """A client that shows who it is by an nkey, and what it may do."""

    key: UserKey = Field(
        description="The public user key. Its seed stays with the client.",
        examples=[nkeys.EXAMPLE],
    )
    publish: tuple[Subject, ...] = Field(
        default=(">",),
        description="The subjects it may publish to, without the server's own ($SYS).",
        examples=[["orders.created", "_INBOX.>"]],
    )
    subscribe: tuple[Subject, ...] = Field(
        default=(">",),
        description="The subjects it may subscribe to, without the server's own ($SYS).",
        examples=[["orders.*", "_INBOX.>"]],
    )


def _in_full(value: object) -> object:
    """A plain key as the mapping that says the same."""
    if isinstance(value, str):
        return {"key": value}
    if not isinstance(value, dict | Nkey):
        raise PydanticCustomError(
            "expected",
            "expected a public user key, or a mapping with `key`",
            {"example": nkeys.EXAMPLE},
        )
    return cast("object", value)


class Clients(_Model):
    """Who may connect to a tenant's servers, beside its own pods in the servers' namespace."""

    namespaces: tuple[NamespaceName, ...] = Field(
        default=(),
        description="Further namespaces whose pods with the tenant's label may connect. Those in "
        "the servers' own namespace may in any case.",
        examples=[["acme-workers"]],
    )
    nkeys: tuple[
        Annotated[Nkey, BeforeValidator(_in_full, json_schema_input_type=UserKey | Nkey)], ...
    ] = Field(
        default=(),
        description="The public user keys of the clients that the servers admit, each plain, or as "
        "a mapping with what it may do. Without any they admit every client that the network lets "
        "through. A key is one tenant's only.",
        examples=[[nkeys.EXAMPLE], [{"key": nkeys.EXAMPLE, "publish": ["orders.>"]}]],
    )
    service_accounts: tuple[ServiceAccount, ...] = Field(
        default=(),
        alias="serviceAccounts",
        description="The Kubernetes service accounts whose pods may carry the tenant's label, as "
        "namespace/name. It is for the optional admission policy; without any, every pod may.",
        examples=[["acme-workers/importer"]],
    )


class Tls(_Model):
    """How a tenant's servers encrypt what they and their clients say."""

    secret_name: SecretName = Field(
        alias="secretName",
        description="A Secret of type kubernetes.io/tls in the servers' namespace, which "
        "cert-manager or a person makes.",
        examples=["acme-nats-tls"],
    )


class Tenant(_Model):
    """One tenant. Everything has a default: `demo-tenant: {}` is one standard server."""

    integrations: Count = Field(
        default=0,
        description="How many integrations to make room for; the number of servers follows. It is "
        "capacity: which integrations there are says the database.",
        examples=[42],
    )
    instances: InstanceCount = Field(
        default=None,
        description="How many servers to run, when more than the integrations need; never fewer. "
        "Without it there are as many as they need, and at least one.",
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
    placement: Policy = Field(
        default="pack",
        description="How integrations share the servers: `pack` fills the lowest-numbered first "
        "and leaves them where they are, `spread` evens them out, at each `up`.",
        examples=["spread"],
    )
    state: State = Field(
        default="active",
        description="`decommissioned` takes the servers away, once no integration is left, and "
        "keeps the rows as `terminated`. After that the entry may go.",
        examples=["decommissioned"],
    )
    egress: Literal["dns", "open"] = Field(
        default="dns",
        description="What the servers may reach: `dns` only, or everything (`open`). A Core NATS "
        "server opens no connection, so `dns` is enough.",
        examples=["dns"],
    )


class Inventory(_Model):
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


_AnyModel = TypeVar("_AnyModel", bound=_Model)
_FaultMaker = Callable[[Location, str, str], Fault]
"""Makes a fault of a location, the problem and an example of what is right."""


def instances_needed(integrations: int, size: Size) -> int:
    """How many servers hold so many integrations: at least one."""
    return max(1, ceil(integrations / size.capacity))


def load(path: Path) -> Inventory:
    """The inventory in the file at `path`.

    Raises:
        InventoryError: the file cannot be read or has faults: all of them, in one report.
    """
    return _inventory(path, read(path))


def parse(path: Path, data: bytes) -> Inventory:
    """The inventory in `data`; `path` is what a report calls it.

    Raises:
        InventoryError: it has faults: all of them, in one report.
    """
    return _inventory(path, yaml_source.parse(path, data))


def _inventory(path: Path, document: Document) -> Inventory:
    faults = [*document.faults, *_misfits(document)]
    faults += _contradictions(document, {fault.location for fault in faults})
    if faults:
        raise InventoryError(path, faults)
    return Inventory.model_validate(document.value)


def _misfits(document: Document) -> Iterator[Fault]:
    """What does not fit the models, value by value."""
    try:
        Inventory.model_validate(document.value)
    except ValidationError as error:
        told = {fault.location for fault in document.faults if fault.location}
        for details in error.errors(include_url=False):
            fault = _misfit(document, details)
            if fault.location not in told:
                yield fault


def _misfit(document: Document, details: ErrorDetails) -> Fault:
    """The words for one error of pydantic's."""
    is_key = details["type"] == "expected" and details["loc"][-1:] == ("[key]",)
    location = _location_of(document, details["loc"][:-1] if is_key else details["loc"])
    is_secret = details["type"] == "secret"
    value = None if is_secret else document.sources.get(location)
    context = details.get("ctx", {})
    match details["type"]:
        case "expected" | "secret":
            problem, example = details["msg"], str(context["example"])
        case "extra_forbidden":
            known = tuple(fields_of(_model_at(location[:-1])))
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
            problem, example, value = f"unknown key; {hint}", None, None
        case "missing":
            problem, example = "it is missing", _example_at(location)
        case "too_short":
            problem, example = "it is empty", _example_at(location)
        case "literal_error":
            problem, example = f"expected {context['expected']}", _example_at(location)
        case "tuple_type":
            problem, example = "expected a list", _example_at(location)
        case _:
            problem, example = "expected a mapping", _example_at(location)
    if is_key:
        value, example = str(location[-1]), f"{example}:"
    elif example and location and isinstance(location[-1], str):
        example = f"{printable(location[-1])}: {example}"
    return Fault(
        line=_line_of(document, location),
        location=location,
        value=value,
        problem=problem,
        example=example,
    )


def _location_of(document: Document, location: Location) -> Location:
    """Where the file has what the models have at `location`: a plain nkey is a mapping to them."""
    is_plain = location not in document.lines and location[:-1] in document.sources
    return location[:-1] if is_plain else location


def _line_of(document: Document, location: Location) -> int:
    """The line of a value, or of the nearest thing around it that the file does have."""
    while location not in document.lines:
        location = location[:-1]
    return document.lines[location]


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names that a file has for them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(location: Location) -> type[_Model]:
    """The model of the mapping at `location`."""
    match location:
        case ():
            return Inventory
        case ("tenants", _):
            return Tenant
        case ("tenants", _, "tls"):
            return Tls
        case ("tenants", _, _):
            return Clients
        case ("tenants", *_):
            return Nkey
        case ("sizes", _):
            return Size
        case _:
            return Resources


def _example_at(location: Location) -> str:
    """What could stand at `location`, on one line."""
    match location:
        case ():
            return "tenants: {demo-tenant: {}}"
        case ("tenants", _):
            return "{}"
        case ("sizes", _):
            examples = Inventory.model_fields["sizes"].examples or []
            return json.dumps(examples[0]["large"])
        case _:
            examples = fields_of(_model_at(location[:-1]))[str(location[-1])].examples or []
            first = examples[0]
            as_it_is = isinstance(first, str) and not first.isdigit()
            return first if as_it_is else json.dumps(first)


def _contradictions(document: Document, misfits: Set[Location]) -> Iterator[Fault]:
    """Where values that are right by themselves do not agree with each other.

    What is among `misfits` has been told already and is looked at as if the file did not have it.
    """

    def fault(location: Location, problem: str, example: str) -> Fault:
        if (*location, "key") in document.lines:
            location = (*location, "key")
        return Fault(
            line=_line_of(document, location),
            location=location,
            value=document.sources.get(location),
            problem=problem,
            example=example,
        )

    sizes = dict(_fitting(document, "sizes", Size, misfits))
    for name, size in sizes.items():
        yield from _size_contradictions(name, size, fault)
    sizes.update(BUILT_IN_SIZES)
    unsure = {location[:2] for location in misfits if location[:1] == ("sizes",)}
    unsure -= {("sizes", name) for name in BUILT_IN_SIZES}
    misfits = {*misfits, *(location[:-1] for location in misfits if _all_depends_on(location))}
    tenants = dict(_fitting(document, "tenants", Tenant, misfits))
    yield from _shared_keys(tenants, misfits, fault)
    for tenant_id, tenant in tenants.items():
        at = ("tenants", tenant_id)
        for place, values in _lists((*at, "clients"), tenant.clients, misfits):
            yield from _repetitions(place, values, misfits, fault)
        if (*at, "size") in misfits or ("sizes", tenant.size) in unsure:
            continue
        if size := sizes.get(tenant.size):
            yield from _count_contradictions(at, tenant, size, fault)
        elif ("sizes", tenant.size) not in document.lines:
            known = ", ".join(sorted(sizes))
            yield fault((*at, "size"), f"no such size; there are {known}", f"size: {STANDARD}")


def _all_depends_on(location: Location) -> bool:
    """Whether nothing is left of what is around `location` when that does not fit."""
    match location:
        case ("tenants", _, "clients", "nkeys", _, "key") | ("tenants", _, "tls", "secretName"):
            return True
        case _:
            return False


def _lists(
    at: Location, clients: Clients, misfits: Set[Location]
) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """The lists at `at` in which nothing makes sense twice, except that of the keys."""
    yield (*at, "namespaces"), clients.namespaces
    yield (*at, "serviceAccounts"), clients.service_accounts
    for place, nkey in zip(_places((*at, "nkeys"), misfits), clients.nkeys, strict=False):
        yield (*place, "publish"), nkey.publish
        yield (*place, "subscribe"), nkey.subscribe


def _places(at: Location, misfits: Set[Location]) -> Iterator[Location]:
    """Where the items of the list at `at` stand, without those that do not fit."""
    return (place for position in count() if (place := (*at, position)) not in misfits)


def _repetitions(
    at: Location, values: tuple[str, ...], misfits: Set[Location], fault: _FaultMaker
) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, value in zip(_places(at, misfits), values, strict=False):
        if value in seen:
            yield fault(place, "it is listed already", f"[{value}]")
        seen.add(value)


def _shared_keys(
    tenants: Mapping[str, Tenant], misfits: Set[Location], fault: _FaultMaker
) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for tenant_id, tenant in tenants.items():
        places = _places(("tenants", tenant_id, "clients", "nkeys"), misfits)
        for place, nkey in zip(places, tenant.clients.nkeys, strict=False):
            owner = owners.get(nkey.key)
            if owner == tenant_id:
                yield fault(place, "it is listed already", nkeys.EXAMPLE)
            elif owner:
                problem = f"it is a key of tenant {owner} too, and its client would reach both"
                yield fault(place, problem, nkeys.EXAMPLE)
            owners.setdefault(nkey.key, tenant_id)


def _size_contradictions(name: str, size: Size, fault: _FaultMaker) -> Iterator[Fault]:
    at = ("sizes", name)
    requests, limits = size.requests, size.limits
    if name in BUILT_IN_SIZES:
        yield fault(at, "this size is built in; define one of another name", "large:")
    if millicores(requests.cpu) > millicores(limits.cpu):
        problem = f"it is more than the limit of {limits.cpu}"
        yield fault((*at, "requests", "cpu"), problem, f'cpu: "{limits.cpu}"')
    if in_bytes(requests.memory) > in_bytes(limits.memory):
        problem = f"it is more than the limit of {limits.memory}"
        yield fault((*at, "requests", "memory"), problem, f"memory: {limits.memory}")
    if in_bytes(limits.memory) < in_bytes(SMALLEST_MEMORY_LIMIT):
        problem = f"a server needs a limit of at least {SMALLEST_MEMORY_LIMIT}"
        yield fault((*at, "limits", "memory"), problem, "memory: 512Mi")
    if in_bytes(size.max_payload) > in_bytes(LARGEST_PAYLOAD):
        problem = f"nats-server advises against more than {LARGEST_PAYLOAD}"
        yield fault((*at, "max_payload"), problem, f"max_payload: {LARGEST_PAYLOAD}")


def _count_contradictions(
    at: Location, tenant: Tenant, size: Size, fault: _FaultMaker
) -> Iterator[Fault]:
    needed = instances_needed(tenant.integrations, size)
    each = f"size {tenant.size} holds {size.capacity} each"
    if needed > MOST_INSTANCES:
        problem = f"they need {needed} instances ({each}), and {MOST_INSTANCES} is the most"
        example = f"integrations: {MOST_INSTANCES * size.capacity}"
        yield fault((*at, "integrations"), problem, example)
    elif tenant.instances is not None and tenant.instances < needed:
        problem = f"{tenant.integrations} integrations need {needed} ({each})"
        yield fault((*at, "instances"), problem, f"instances: {needed}")


def _fitting(
    document: Document, key: str, model: type[_AnyModel], misfits: Set[Location]
) -> Iterator[tuple[str, _AnyModel]]:
    """The entries below `key`, each without what does not fit, as far as a model remains."""
    for name, entry in _items(_items(document.value).get(key)).items():
        with suppress(ValidationError):
            yield name, model.model_validate(_without(entry, misfits, (key, name)))


def _without(value: object, misfits: Set[Location], at: Location) -> object:
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return tuple(
            _without(item, misfits, (*at, place))
            for place, item in enumerate(items)
            if (*at, place) not in misfits
        )
    if isinstance(value, dict):
        return {
            key: _without(inner, misfits, (*at, key))
            for key, inner in _items(cast(object, value)).items()
            if (*at, key) not in misfits
        }
    return value


def _items(value: object) -> dict[str, object]:
    """`value` where it is a mapping, which a `Document` has with text for keys, else nothing."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
