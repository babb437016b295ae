"""Values of an inventory that are valid alone but contradict each other."""

from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from itertools import count
from typing import TypeVar, cast

from pydantic import ValidationError

from tenancy.inventory.faults import Fault, Location
from tenancy.inventory.memory import max_pending, stalled_clients
from tenancy.inventory.models import (
    BUILT_IN_SIZES,
    LARGEST_PAYLOAD,
    SMALLEST_MEMORY_LIMIT,
    STANDARD,
    Clients,
    Model,
    Size,
    Tenant,
    instances_needed,
    nkeys,
)
from tenancy.inventory.types import MOST_INSTANCES, in_bytes, millicores
from tenancy.inventory.yaml_source import Document

_AnyModel = TypeVar("_AnyModel", bound=Model)
_FaultMaker = Callable[[Location, str, str], Fault]
"""Makes a fault of a location, the problem and an example of what is right."""


def contradictions(document: Document, misfits: Set[Location]) -> Iterator[Fault]:
    """All contradictions in a document.

    Values at `misfits` have been reported already, and count as absent here.
    """

    def fault(location: Location, problem: str, example: str) -> Fault:
        if (*location, "key") in document.lines:
            location = (*location, "key")
        return Fault(
            line=document.line_of(location),
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
    """Whether the mapping around `location` means nothing without a valid value there."""
    match location:
        case ("tenants", _, "clients", "nkeys", _, "key") | ("tenants", _, "tls", "secretName"):
            return True
        case _:
            return False


def _lists(
    at: Location, clients: Clients, misfits: Set[Location]
) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """The lists at `at` in which no item may repeat; `_shared_keys` checks the list of keys."""
    yield (*at, "namespaces"), clients.namespaces
    yield (*at, "serviceAccounts"), clients.service_accounts
    for place, nkey in zip(_places((*at, "nkeys"), misfits), clients.nkeys, strict=False):
        yield (*place, "publish"), nkey.publish
        yield (*place, "subscribe"), nkey.subscribe


def _places(at: Location, misfits: Set[Location]) -> Iterator[Location]:
    """The locations of the items of the list at `at`, without `misfits`."""
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
        yield fault((*at, "maxPayload"), problem, f"maxPayload: {LARGEST_PAYLOAD}")
    if size.max_pending is None:
        return
    example = f"maxPending: {max_pending(size.model_copy(update={'max_pending': None}))}"
    if in_bytes(size.max_pending) <= in_bytes(size.max_payload):
        problem = f"with a maxPayload of {size.max_payload}, one message cuts off its receivers"
        yield fault((*at, "maxPending"), problem, example)
    elif not stalled_clients(size):
        problem = f"one client that stalls would fill the memory of {limits.memory}"
        yield fault((*at, "maxPending"), problem, example)


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
    """The entries below `key` that are valid models once `misfits` are left out."""
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
    """`value` if it is a mapping, else an empty one. In a `Document` all keys are text."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
