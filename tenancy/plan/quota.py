"""Whether a namespace's ResourceQuotas hold a plan. Pure.

A quota stops an `up` half-way: objects are refused one by one, in whatever order the engine comes
to them, and a running server that restarts meanwhile may not come back. So a plan that **grows**
beyond a quota is refused as a whole, like one above the stack's own ceiling. A plan that does not
grow is never refused, however full the quota is: it may be the way out. What is over already is
told, since a server that restarts then stays away. A plan grows if what stays and what is new ask
for more than what stays asks for so far; what leaves does not count, since it leaves last.

What counts, for each resource of a quota:

- what others use: all that the quota says is used, less what the pods of the planned servers and of
  those that this project made use. So servers of the old scripts that are in no plan are others;
- what the plan asks for, the exporters too. An update that does not grow needs nothing on top: with
  `Recreate` the old pod goes first;
- what leaves, until the end: the engine deletes last. So a changed configuration needs a second
  ConfigMap for a while, and a server that is removed has no room to give in the same `up`;
- where tenants take turns, what a server asks for before or after, whichever is more: one that
  grows may have its turn before one that shrinks. This is only told: the order may be another.

Not known here: what a webhook or a RuntimeClass adds to a pod.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from tenancy.defaults import EXPORTER_RESOURCES
from tenancy.inventory.models import Resources
from tenancy.plan.plan import Plan
from tenancy.quantities import quantity

Amounts = Mapping[str, Decimal]
"""By the name that a quota has for a resource: `requests.cpu`, `pods`."""
Resourced = Mapping[str, Mapping[str, Any]]
"""The `resources` of a container: `requests` and `limits`, by `cpu` and `memory`."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A ResourceQuota as the API server has it."""

    name: str
    hard: Amounts
    """The most of each resource."""
    used: Amounts
    """What is used of it; a resource is missing until the controller has counted it."""
    scopes: frozenset[str]
    """Which pods it counts, if not all: `NotTerminating`, `PriorityClass`."""
    unread: frozenset[str] = frozenset()
    """The resources whose most is no quantity that we can read."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a plan asks for, or what is there of it."""

    servers: Mapping[str, Amounts]
    """What one pod of each server asks for, by the server's name."""
    objects: Mapping[str, frozenset[str]]
    """The names of all objects by their kind, as a quota calls it: `deployments.apps`."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the quotas mean for a plan, each in one clause."""

    refusals: tuple[str, ...] = ()
    """Where the plan grows beyond a quota."""
    warnings: tuple[str, ...] = ()
    """Where it does not grow, and is beyond a quota, or may be while tenants take turns."""
    unjudged: tuple[str, ...] = ()
    """What may concern the plan and was not judged."""


def asked_by(plan: Plan, objects: Mapping[str, frozenset[str]], *, exporter: bool) -> Asked:
    """What `plan` asks for with these `objects`, and maybe an `exporter` beside each server."""
    beside = [EXPORTER_RESOURCES] if exporter else []
    return Asked(
        servers={
            instance.name: amounts([_resources(instance.requests, instance.limits), *beside])
            for instance in plan.instances.values()
        },
        objects=objects,
    )


def _resources(requests: Resources, limits: Resources) -> Resourced:
    return {"requests": requests.model_dump(), "limits": limits.model_dump()}


def amounts(containers: Iterable[Resourced]) -> Amounts:
    """What one pod uses of a quota, by the `resources` of its containers."""
    total = {**_NOTHING, "pods": Decimal(1)}
    for resources in containers:
        limits = resources.get("limits", {})
        # A container that requests nothing requests its limit.
        requests = {**limits, **resources.get("requests", {})}
        for section, values in (("requests", requests), ("limits", limits)):
            for key in ("cpu", "memory"):
                total[f"{section}.{key}"] += quantity(str(values.get(key, 0))) or 0
    return total


def added(pods: Iterable[Amounts]) -> Amounts:
    """The sum of several pods."""
    total = dict(_NOTHING)
    for pod in pods:
        total = {key: value + pod[key] for key, value in total.items()}
    return total


_OF_PODS: Sequence[str] = ("pods", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_NOTHING: Amounts = dict.fromkeys(_OF_PODS, Decimal(0))
_OTHER_NAMES = {"cpu": "requests.cpu", "memory": "requests.memory"}
_LED_TO = ("replicasets.apps", "endpointslices.discovery.k8s.io")
"""What controllers make for our objects, and how many at a time is their matter."""
_COUNTING_ALL_OURS = {"NotBestEffort", "NotTerminating"}
_COUNTING_NONE_OF_OURS = {"BestEffort", "Terminating"}


@dataclass(frozen=True, kw_only=True)
class _Need:
    """What servers and objects need of one resource."""

    at_most: Decimal
    """While the `up` runs."""
    at_worst: Decimal
    """While it runs, if servers that grow have their turn before those that shrink."""
    at_last: Decimal
    """When it is done."""
    growth: Decimal
    """How much more the plan asks for than what is there and stays."""
    used: Decimal
    """Their part of what the quota says is used."""


def judge(
    quotas: Iterable[Quota],
    *,
    planned: Asked,
    there: Asked,
    running: Mapping[str, Amounts],
    takes_turns: bool = False,
) -> Verdict:
    """Whether `quotas` hold what is `planned`.

    Args:
        quotas: of the namespace.
        planned: what the plan asks for.
        there: what the objects that exist ask for, whether their pods run or not.
        running: what the pods of each server use, by its name, whoever made it.
        takes_turns: whether tenants restart one after the other.
    """
    refusals: list[str] = []
    warnings: list[str] = []
    unjudged: list[str] = []
    servers = there.servers.keys() | planned.servers.keys()
    ours = added(running[name] for name in running.keys() & servers)
    for quota in quotas:
        if quota.scopes & _COUNTING_NONE_OF_OURS:
            continue
        if unknown := quota.scopes - _COUNTING_ALL_OURS:
            unjudged.append(f"{quota.name} (scope {', '.join(sorted(unknown))})")
            continue
        unjudged += (f"{quota.name} ({resource})" for resource in sorted(quota.unread))
        for resource, most in sorted(quota.hard.items()):
            kind = resource.removeprefix("count/")
            need = _need(_OTHER_NAMES.get(kind, kind), planned, there, ours)
            if need and not takes_turns:
                need = replace(need, at_worst=need.at_most)
            if kind in _LED_TO or (need and resource not in quota.used):
                unjudged.append(f"{quota.name} ({resource})")
            elif need:
                others = max(quota.used[resource] - need.used, Decimal(0))
                told = f"ResourceQuota {quota.name} allows {_written(kind, most)} {resource}"
                told = f"{told}; {', '.join(_asked(kind, need, others, most))}"
                if need.growth > 0 and others + need.at_most > most:
                    refusals.append(told)
                elif others + need.at_worst > most and kind not in planned.objects:
                    warnings.append(told)  # only pods are made again
    return Verdict(refusals=tuple(refusals), warnings=tuple(warnings), unjudged=tuple(unjudged))


def _need(resource: str, planned: Asked, there: Asked, ours: Amounts) -> _Need | None:
    """None for a resource of which a plan needs nothing; `ours` is what our pods use."""
    if resource in _OF_PODS:
        last = added(planned.servers.values())[resource]
        stays = added(there.servers[name] for name in there.servers.keys() & planned.servers.keys())
        leaves = added(
            there.servers[name] for name in there.servers.keys() - planned.servers.keys()
        )
        larger = (
            max(pod[resource], there.servers.get(name, _NOTHING)[resource])
            for name, pod in planned.servers.items()
        )
        return _Need(
            at_most=last + leaves[resource],
            at_worst=sum(larger, leaves[resource]),
            at_last=last,
            growth=last - stays[resource],
            used=ours[resource],
        )
    if resource in planned.objects:
        wanted, found = planned.objects[resource], there.objects.get(resource, frozenset())
        return _Need(
            at_most=Decimal(len(wanted | found)),
            at_worst=Decimal(len(wanted | found)),
            at_last=Decimal(len(wanted)),
            growth=Decimal(len(wanted - found)),
            used=Decimal(len(found)),
        )
    return None


def _asked(kind: str, need: _Need, others: Decimal, most: Decimal) -> Iterator[str]:
    yield f"this plan needs {_written(kind, need.at_most)}"
    if others:
        yield f"others use {_written(kind, others)}"
    if need.at_last < need.at_most:
        leaving = _written(kind, need.at_most - need.at_last)
        room = "" if others + need.at_last > most else ", after which there is room"
        yield f"{leaving} of it until this `up` has removed what leaves{room}"
    if need.at_most < need.at_worst:
        yield f"{_written(kind, need.at_worst)} if tenants that grow have their turn first"


def _written(kind: str, amount: Decimal) -> str:
    """An amount as a quota has it, rounded up: `12`, `12500m`, `24Gi`, `24640Mi`."""
    if kind.endswith("memory"):
        mebibytes = int((amount / 2**20).to_integral_value(ROUND_CEILING))
        return f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"
    thousandths = int((amount * 1000).to_integral_value(ROUND_CEILING))
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)
