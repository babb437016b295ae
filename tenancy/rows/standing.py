"""Desired and actual state side by side: inventory, cluster and table, instance by instance.

It decides nothing for an `up`; it is for people to look at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tenancy.names import instance_name, instance_of
from tenancy.plan.plan import InstancePlan, Plan
from tenancy.rows.mismatch import mismatches
from tenancy.rows.readdressing import former_domains
from tenancy.rows.snapshot import RecordedInstance, Snapshot

Presence = Literal["ready", "not ready", "there", "missing", "unseen"]
"""`unseen`: it could not be read."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the cluster has in the servers' namespace, by the name of the instance."""

    deployments: Mapping[str, bool]
    """Whether each is ready."""
    services: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """Those that have the form of an instance's name."""
        return frozenset(name for name in {*self.deployments, *self.services} if instance_of(name))

    def server(self, name: str) -> Presence:
        """What is known of the Deployment `name`."""
        if name not in self.deployments:
            return "missing"
        return "ready" if self.deployments[name] else "not ready"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One instance, wanted or not."""

    tenant: str
    number: int
    is_wanted: bool
    """Whether the inventory asks for it."""
    server: Presence
    service: Presence
    row: str
    """The row's status, `missing`, or `unseen`."""
    integrations: int | None
    """How many the table has on it; None without a row, or if the table could not be read."""
    differences: tuple[str, ...]
    """How it differs from the inventory, in words; empty if it does not."""


def standings(
    plan: Plan,
    seen: Seen | None,
    snapshot: Snapshot | None,
    further: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> tuple[Standing, ...]:
    """All instances that the inventory, the cluster or the table knows, differences first.

    Args:
        plan: the desired state.
        seen: the cluster; None if it could not be read.
        snapshot: the table; None if it could not be read. A row counts if its instance is wanted,
            or if it has the address of an instance in the plan's domain, or in the one that all
            addresses had before, and is not `terminated`, a record of the past.
        further: differences that were found elsewhere, in words, by the name of the instance.
    """
    rows = {} if snapshot is None else dict(_rows(plan, snapshot))
    wanted = {(each.tenant, each.number): each for each in plan.instances.values()}
    found = {known: name for name in (seen.names if seen else ()) if (known := instance_of(name))}
    every = {*wanted, *found, *rows}
    made = (
        _standing(
            key,
            wanted.get(key),
            seen,
            snapshot,
            rows.get(key),
            further.get(instance_name(*key), ()),
        )
        for key in every
    )
    return tuple(sorted(made, key=lambda each: (not each.differences, each.tenant, each.number)))


def _rows(plan: Plan, snapshot: Snapshot) -> Iterator[tuple[tuple[str, int], RecordedInstance]]:
    wanted = {(each.tenant, each.number) for each in plan.instances.values()}
    domains = {plan.domain, *former_domains(plan, snapshot)}
    for row in snapshot.instances:
        key = (row.tenant_id, row.instance_number)
        if key in wanted or (row.is_live and row.domain in domains):
            yield key, row


def _standing(
    key: tuple[str, int],
    wanted: InstancePlan | None,
    seen: Seen | None,
    snapshot: Snapshot | None,
    row: RecordedInstance | None,
    further: tuple[str, ...],
) -> Standing:
    tenant, number = key
    name = instance_name(tenant, number)
    server = seen.server(name) if seen else "unseen"
    service: Presence = "unseen" if seen is None else "missing"
    if seen and name in seen.services:
        service = "there"
    status = "unseen" if snapshot is None else row.status if row else "missing"
    differs = (
        (*_unlike_the_plan(server, service, status), *_row_unlike_the_plan(row, wanted))
        if wanted
        else _unwanted(server, service, status)
    )
    return Standing(
        tenant=tenant,
        number=number,
        is_wanted=wanted is not None,
        server=server,
        service=service,
        row=status,
        integrations=row.integrations if row else None,
        differences=(*differs, *further),
    )


def _unlike_the_plan(server: Presence, service: Presence, status: str) -> Iterator[str]:
    if server == "missing":
        yield "no Deployment"
    elif server == "not ready":
        yield "the server is not ready"
    if service == "missing":
        yield "no Service"
    if status == "missing":
        yield "no row"


def _row_unlike_the_plan(row: RecordedInstance | None, wanted: InstancePlan) -> Iterator[str]:
    for fault in mismatches(row, wanted) if row else ():
        match fault.about:
            case "status":
                yield f"the row is {fault.found}"
            case "scheme":
                yield f"the row's URL says {fault.found}"
            case "address":
                yield f"the row says {fault.found}"


def _unwanted(server: Presence, service: Presence, status: str) -> Iterator[str]:
    there = {"Deployment": server, "Service": service, "row": status}
    kinds = [kind for kind, state in there.items() if state not in ("missing", "unseen")]
    yield f"nothing asks for it: {', '.join(kinds)}"
