"""Which tenants change now: judges all of them, and limits how many change at once. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from tenancy.edit.approval import FEWEST_INSTANCES, LARGEST_SHARE
from tenancy.inventory.models import Inventory
from tenancy.rows.snapshot import Snapshot
from tenancy.scaling.usage import Instance, Observation
from tenancy.scaling.verdict import Facts, Recommendation, Verdict, judge

MOST_TENANTS = 20
"""How many tenants change at once, unless the caller says otherwise."""
MOST_SERVERS = 50
"""How many servers are added at once, unless the caller says otherwise. One of the standard size
requests a CPU and 2Gi, so this is what one run may ask of a cluster."""

_Figure = TypeVar("_Figure")


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What to do now, and what else people should know."""

    recommendations: tuple[Recommendation, ...] = ()
    held_back: tuple[Recommendation, ...] = ()
    """What is left for later, since it is too much at once."""
    notes: tuple[str, ...] = ()
    """The tenants whose load cannot be judged, with the reason, and those that another server does
    not help."""


def recommend(
    inventory: Inventory,
    snapshot: Snapshot,
    observation: Observation,
    *,
    most: int = MOST_TENANTS,
    most_servers: int = MOST_SERVERS,
    excepted: Collection[str] = (),
) -> Proposal:
    """What to change in `inventory`, given what the control plane and Prometheus say.

    Args:
        inventory: as it is.
        snapshot: how many integrations each tenant has, and where.
        observation: how busy the servers are. A tenant with a server that is not in it is judged by
            integrations only, and does not shrink.
        most: how many tenants may change at once: those that need it most first, and those that
            grow before those that shrink.
        most_servers: how many servers may be added at once, all tenants together. A tenant that
            needs more than are left is held back; a less urgent one that fits may go before it.
        excepted: tenants to leave alone.
    """
    everyone = _facts(inventory, snapshot, observation)
    verdicts = {facts.id: judge(facts) for facts in everyone if facts.id not in excepted}
    recommendations = sorted(
        (verdict.recommendation for verdict in verdicts.values() if verdict.recommendation),
        key=lambda recommendation: (
            recommendation.action,
            -recommendation.urgency,
            recommendation.tenant,
        ),
    )
    taken = _within(recommendations, most, most_servers, sum(one.instances for one in everyone))
    return Proposal(
        recommendations=tuple(
            recommendation for recommendation in recommendations if recommendation.tenant in taken
        ),
        held_back=tuple(
            recommendation
            for recommendation in recommendations
            if recommendation.tenant not in taken
        ),
        notes=tuple(_notes(verdicts, observation.failure)),
    )


def applied(inventory: Inventory, recommendations: Iterable[Recommendation]) -> Inventory:
    """`inventory` with the changes of `recommendations` in it."""
    tenants = dict(inventory.tenants)
    for recommendation in recommendations:
        tenant = tenants[recommendation.tenant]
        tenants[recommendation.tenant] = tenant.model_copy(update=dict(recommendation.changes))
    return inventory.model_copy(update={"tenants": MappingProxyType(tenants)})


def _facts(inventory: Inventory, snapshot: Snapshot, observation: Observation) -> list[Facts]:
    """The facts of all tenants that have servers, in the order of their ids."""
    readings, watched = _by_tenant(observation.readings), _by_tenant(observation.watched)
    doubts = _by_tenant(observation.doubts)
    return [
        Facts(
            id=tenant_id,
            tenant=tenant,
            size=inventory.size_of(tenant),
            rows=snapshot.of(tenant_id),
            unplaced=snapshot.unplaced.get(tenant_id, 0),
            readings=readings.get(tenant_id, {}),
            watched=watched.get(tenant_id, {}),
            doubts=doubts.get(tenant_id, {}),
        )
        for tenant_id, tenant in sorted(inventory.tenants.items())
        if tenant.state == "active"
    ]


def _by_tenant(figures: Mapping[Instance, _Figure]) -> dict[str, dict[int, _Figure]]:
    split: dict[str, dict[int, _Figure]] = {}
    for (tenant_id, number), figure in figures.items():
        split.setdefault(tenant_id, {})[number] = figure
    return split


def _within(
    recommendations: Iterable[Recommendation], most: int, most_servers: int, instances: int
) -> set[str]:
    """The tenants that may change at once: at most `most`, with at most `most_servers` more.

    So few servers are removed at once that the guard never requires an approval for it.
    """
    going = most if instances < FEWEST_INSTANCES else instances * LARGEST_SHARE // 100
    coming = most_servers
    taken: set[str] = set()
    for recommendation in recommendations:
        more = recommendation.after - recommendation.before
        if len(taken) < most and (0 < more <= coming or 0 < -more <= going):
            taken.add(recommendation.tenant)
            coming -= max(more, 0)
            going -= max(-more, 0)
    return taken


def _notes(verdicts: Mapping[str, Verdict], failure: str | None) -> Iterator[str]:
    if failure:
        yield f"Judged by integrations only, and nothing shrinks: {failure}."
    for tenant_id, verdict in verdicts.items():
        if verdict.blind and not failure:
            yield f"{tenant_id}: judged by integrations only, and does not shrink: {verdict.blind}."
        if verdict.beyond:
            yield f"{tenant_id}: {verdict.beyond}. A larger size helps."
