"""The inventory that describes the existing servers. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING

from tenancy.inventory.models import (
    BUILT_IN_SIZES,
    SMALLEST_MEMORY_LIMIT,
    STANDARD,
    Resources,
    Size,
    instances_needed,
)
from tenancy.inventory.types import in_bytes, millicores
from tenancy.inventory.yaml_source import is_plain
from tenancy.names import APP
from tenancy.quantities import quantity
from tenancy.takeover.handover import Live

_STANDARD = BUILT_IN_SIZES[STANDARD]


@dataclass(frozen=True, kw_only=True)
class Described:
    """What the inventory is to say about one tenant."""

    id: str
    instances: int
    integrations: int
    size: Size
    client_namespaces: tuple[str, ...]


def size_of(deployments: Sequence[Live], fullest: int) -> tuple[Size, list[str]]:
    """A size that describes the servers, and where it differs from them, each in a clause.

    All servers of a tenant get one size, with the largest of each value that they have. It holds at
    least as many integrations as the `fullest` server has, so that none of them moves.
    """
    told: list[str] = []
    values: dict[tuple[str, str], str] = {}
    for section, key in _VALUES:
        default: str = getattr(getattr(_STANDARD, section), key)
        read, measure = (_cpu, millicores) if key == "cpu" else (_memory, in_bytes)
        found: set[str] = set()
        for deployment in deployments:
            given = _resources(deployment).get(section, {}).get(key)
            value = read(given)
            if value is None:
                name = deployment["metadata"]["name"]
                told.append(
                    f"gives {name} {section}.{key} {default}, where it has {given or 'none'}"
                )
            found.add(value or default)
        values[section, key] = max(found, key=measure, default=default)
        if len(found) > 1:
            have = " and ".join(sorted(found, key=measure))
            largest = values[section, key]
            told.append(f"gives all servers {section}.{key} {largest}; they have {have}")
    for key, measure in (("cpu", millicores), ("memory", in_bytes)):
        if measure(values["requests", key]) > measure(values["limits", key]):
            values["limits", key] = values["requests", key]
            told.append(f"raises limits.{key} to what is requested, {values['requests', key]}")
    if in_bytes(values["limits", "memory"]) < in_bytes(SMALLEST_MEMORY_LIMIT):
        values["limits", "memory"] = SMALLEST_MEMORY_LIMIT
        told.append(f"raises limits.memory to {SMALLEST_MEMORY_LIMIT}, the least a server takes")
    size = Size(
        requests=Resources(cpu=values["requests", "cpu"], memory=values["requests", "memory"]),
        limits=Resources(cpu=values["limits", "cpu"], memory=values["limits", "memory"]),
        capacity=max(_STANDARD.capacity, fullest),
    )
    return size, told


_VALUES = (
    ("requests", "cpu"),
    ("requests", "memory"),
    ("limits", "cpu"),
    ("limits", "memory"),
)


def _resources(deployment: Live) -> Mapping[str, Mapping[str, str]]:
    """The resources of the server's container: the one called nats, or the first."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    named = [each for each in containers if each["name"] == APP]
    return (named or containers)[0].get("resources") or {}


def _cpu(text: str | None) -> str | None:
    """In the inventory's form, rounded up to thousandths of a core; None for no or a bad amount."""
    cores = quantity(text) if text else None
    if not cores or cores <= 0:
        return None
    thousandths = int((cores * 1000).to_integral_value(ROUND_CEILING))
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def _memory(text: str | None) -> str | None:
    """In the inventory's form, rounded up to whole Mi; None for no or a bad amount."""
    amount = quantity(text) if text else None
    if not amount or amount <= 0:
        return None
    mebibytes = int((amount / 2**20).to_integral_value(ROUND_CEILING))
    return f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"


def inventory(tenants: Iterable[Described]) -> str:
    """The text of an inventory that describes `tenants`."""
    entries = ["tenants:"]
    sizes: dict[str, Size] = {}
    for tenant in tenants:
        name = _size_name(tenant.size)
        if name != STANDARD:
            sizes[name] = tenant.size
        entries.append(f"  {_key(tenant.id)}: {_entry(tenant, name)}")
    if sizes:
        entries += ["", "sizes:"]
    for name, size in sorted(sizes.items()):
        entries += [
            f"  {_key(name)}:",
            f"    requests: {{{_pair(size.requests)}}}",
            f"    limits: {{{_pair(size.limits)}}}",
            *([f"    capacity: {size.capacity}"] if size.capacity != _STANDARD.capacity else []),
        ]
    return "\n".join(entries) + "\n"


def _key(text: str) -> str:
    return text if is_plain(text) else f'"{text}"'


def _pair(resources: Resources) -> str:
    return f"cpu: {_key(resources.cpu)}, memory: {resources.memory}"


def _size_name(size: Size) -> str:
    if size == _STANDARD:
        return STANDARD
    parts = [f"cpu{size.limits.cpu}", f"memory{size.limits.memory}"]
    if size.requests != size.limits:
        parts.append(f"of-{size.requests.cpu}-{size.requests.memory}")
    if size.capacity != _STANDARD.capacity:
        parts.append(f"holds-{size.capacity}")
    return "-".join(parts).lower()


def _entry(tenant: Described, size: str) -> str:
    # More than the servers have room for would ask for one more server.
    integrations = min(tenant.integrations, tenant.instances * tenant.size.capacity)
    fields = [
        *([f"integrations: {integrations}"] if integrations else []),
        *(
            [f"instances: {tenant.instances}"]
            if instances_needed(integrations, tenant.size) != tenant.instances
            else []
        ),
        *([f"size: {_key(size)}"] if size != STANDARD else []),
        *(
            [f"clients: {{namespaces: [{', '.join(map(_key, tenant.client_namespaces))}]}}"]
            if tenant.client_namespaces
            else []
        ),
    ]
    return f"{{{', '.join(fields)}}}"
