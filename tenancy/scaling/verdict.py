"""Whether one tenant should have more servers or fewer, and why. Pure.

A tenant grows when its integrations fill its servers, or when one of them is too busy. It shrinks
by one server when the others would have held a whole day's peaks with room to spare. Between the
two lies a wide band in which nothing happens: docs/autoscaling.md says why it is so wide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from tenancy.inventory.models import Size, Tenant, instances_needed
from tenancy.inventory.types import MOST_INSTANCES
from tenancy.rows.snapshot import RecordedInstance
from tenancy.scaling.usage import MEASURES, Measure, Reading, Usage, limits_of
from tenancy.words import counted

ROOM = 0.1
"""How many integrations to make room for beyond the existing ones, as a share of these."""
FILL = 0.6
"""The share of their limits that a tenant's servers should reach once it has grown by load."""
LARGEST_GROWTH = 2
"""How many times as many servers a tenant may have after one decision by load. So a burst of
minutes does not add many servers, each of which takes a day to remove; the next run sees a load
that lasts. Growth by integrations has no such limit: they do not pass like a burst."""
FEW = 0.5
"""The last server may be removed if it has fewer integrations than this share of its capacity…"""
SPARE_CAPACITY = 0.75
"""… if the servers that stay are then no fuller than this…"""
SPARE_LOAD = 0.5
"""… and if, at the day's peak, they have at most this share of the load at which a tenant grows."""
WATCHED = 0.95
"""The share of the last day in which each server must have been seen before one is removed. One
that was added in that day was seen for less, and one that was removed in it is still among those
seen: so nothing shrinks for a day after either."""

Action = Literal["grow", "shrink"]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """One tenant's change: what to write, and why."""

    tenant: str
    before: int
    after: int
    """How many servers it is to have."""
    changes: Mapping[str, object]
    """Fields of its entry; None removes one."""
    reason: str
    """One sentence."""
    urgency: float = 0
    """How much of its limit a growing tenant uses: 1.2 is 20% too much."""

    @property
    def action(self) -> Action:
        """Whether servers come or go."""
        return "grow" if self.after > self.before else "shrink"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One tenant: its entry, its rows and its load."""

    id: str
    tenant: Tenant
    size: Size
    rows: tuple[RecordedInstance, ...] = ()
    unplaced: int = 0
    """How many of its integrations have no server."""
    readings: Mapping[int, Reading] = field(default_factory=dict[int, Reading])
    """Of its servers, by number."""
    watched: Mapping[int, float] = field(default_factory=dict[int, float])
    doubts: Mapping[int, str] = field(default_factory=dict[int, str])

    @property
    def instances(self) -> int:
        """How many servers the inventory asks for."""
        return self.tenant.instances or instances_needed(self.tenant.integrations, self.size)

    @property
    def integrations(self) -> int:
        """How many there are, on a server or on none."""
        return sum(row.integrations for row in self.rows) + self.unplaced

    @property
    def limits(self) -> Usage:
        """The load above which one of its servers is too busy."""
        return limits_of(self.size)

    def doubt(self) -> str | None:
        """Why the load cannot be judged; None if exactly the wanted servers run and are known."""
        numbers = set(range(1, self.instances + 1))
        live = [row for row in self.rows if row.is_live and not row.is_announced]
        active = {row.instance_number for row in live if row.status == "active"}
        if active != numbers or len(active) < len(live):
            return "a change of its instances is not carried out yet"
        for number in sorted(numbers - self.readings.keys()):
            return (
                f"instance {number} {self.doubts.get(number, 'has no recent data in Prometheus')}"
            )
        return None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do about one tenant."""

    recommendation: Recommendation | None = None
    blind: str | None = None
    """Why its load cannot be judged."""
    beyond: str | None = None
    """Why it is too busy although another server would not help."""


@dataclass(frozen=True, kw_only=True)
class _Need:
    """Why a tenant should grow, and to how many servers."""

    instances: int
    reason: str
    urgency: float


def judge(facts: Facts) -> Verdict:
    """What to do about one tenant, whatever happens to the others."""
    blind, full = facts.doubt(), _by_integrations(facts)
    busy = None if blind else _by_load(facts)
    beyond = busy if isinstance(busy, str) else None
    busy = busy if isinstance(busy, _Need) else None
    if full or busy:
        return Verdict(recommendation=_grown(facts, full, busy), blind=blind, beyond=beyond)
    if facts.integrations >= MOST_INSTANCES * facts.size.capacity:
        beyond = (
            f"{counted(facts.integrations, 'integration')} fill "
            f"{_servers(MOST_INSTANCES)}, the most allowed"
        )
    if blind or beyond or not (reason := _spare(facts)):
        return Verdict(blind=blind, beyond=beyond)
    return Verdict(recommendation=_shrunk(facts, reason))


def _by_integrations(facts: Facts) -> _Need | None:
    """How many servers it needs if none has room for one more integration."""
    now, capacity = facts.instances, facts.size.capacity
    if facts.integrations < now * capacity or now == MOST_INSTANCES:
        return None
    return _Need(
        instances=instances_needed(_with_room(facts), facts.size),
        reason=f"{counted(facts.integrations, 'integration')} fill {_servers(now)} of {capacity}",
        urgency=facts.integrations / (now * capacity),
    )


def _with_room(facts: Facts) -> int:
    """The existing integrations and a tenth more, but no more than the most servers hold."""
    wanted = facts.integrations + max(1, ceil(ROOM * facts.integrations))
    return min(wanted, MOST_INSTANCES * facts.size.capacity)


def _by_load(facts: Facts) -> _Need | str | None:
    """How many servers relieve one that is too busy, or why no number of them does."""
    limits, now = facts.limits, facts.instances
    urgency, number, measure = 0.0, 0, MEASURES[0]
    for candidate in range(1, now + 1):
        for one in MEASURES:
            share = facts.readings[candidate].held.of(one) / limits.of(one)
            if share > urgency:
                urgency, number, measure = share, candidate, one
    if urgency <= 1:
        return None
    reason = f"instance {number} {_too_much(measure, facts.readings[number].held, limits)}"
    together = max(_total(facts, one) / limits.of(one) for one in MEASURES)
    if facts.tenant.placement == "spread" and together <= SPARE_LOAD * now:
        return f"{reason}, while all {now} together have room: one integration is too much for it"
    wanted = min(max(ceil(together / FILL), now + 1), LARGEST_GROWTH * now)
    target = min(wanted, facts.integrations, MOST_INSTANCES)
    if target <= now:
        return (
            f"{reason}, and {counted(facts.integrations, 'integration')} cannot be spread over more"
        )
    return _Need(instances=target, reason=reason, urgency=urgency)


def _total(facts: Facts, measure: Measure) -> float:
    return sum(facts.readings[n].held.of(measure) for n in range(1, facts.instances + 1))


def _too_much(measure: Measure, usage: Usage, limits: Usage) -> str:
    most = limits.of(measure)
    match measure:
        case "rate":
            return f"has had {usage.rate:,.0f} messages a second for 5 minutes, over {most:,.0f}"
        case "connections":
            return f"has {usage.connections:,.0f} connections, over half of those it admits"
        case "memory":
            return f"uses {usage.memory / 2**30:.2f}Gi of memory, over three quarters of its limit"


def _grown(facts: Facts, full: _Need | None, busy: _Need | None) -> Recommendation:
    """More room for integrations, more servers for the load, or both."""
    needs = [need for need in (full, busy) if need]
    target = max(need.instances for need in needs)
    integrations = _with_room(facts) if full else facts.tenant.integrations
    reason = "; ".join(need.reason for need in needs)
    # An empty server relieves nobody: integrations have to move to it.
    spread = busy and facts.tenant.placement != "spread"
    return Recommendation(
        tenant=facts.id,
        before=facts.instances,
        after=target,
        changes=_changes(facts, integrations, target) | ({"placement": "spread"} if spread else {}),
        reason=f"{reason[0].upper()}{reason[1:]}.",
        urgency=max(need.urgency for need in needs),
    )


def _spare(facts: Facts) -> str | None:
    """Why the last server is not needed; None when it is, or may be."""
    last, capacity = facts.instances, facts.size.capacity
    placed = {row.instance_number: row for row in facts.rows}
    if last == 1 or placed[last].integrations >= FEW * capacity:
        return None
    if facts.integrations > SPARE_CAPACITY * (last - 1) * capacity:
        return None
    if placed[last].foreign_integrations:
        return None
    numbers = set(range(1, last + 1))
    if set(facts.watched) != numbers or min(facts.watched.values()) < WATCHED:
        return None
    peak = max(_peak_without(facts, last, measure) for measure in MEASURES)
    if peak > SPARE_LOAD:
        return None
    few = counted(placed[last].integrations, "integration")
    return (
        f"Instance {last} has {few}, and for a day {_servers(last - 1)} would have held all "
        f"{facts.integrations}, at no more than {peak:.0%} of the load at which a tenant grows."
    )


def _peak_without(facts: Facts, last: int, measure: Measure) -> float:
    """How close to its limit the busiest other server would have come with the last one's load."""
    others = [facts.readings[number].peak.of(measure) for number in range(1, last)]
    # `pack` may put all that the last one has on the busiest of the others.
    heirs = len(others) if facts.tenant.placement == "spread" else 1
    more = facts.readings[last].peak.of(measure) / heirs
    return (max(others) + more) / facts.limits.of(measure)


def _shrunk(facts: Facts, reason: str) -> Recommendation:
    target = facts.instances - 1
    integrations = min(facts.tenant.integrations, target * facts.size.capacity)
    return Recommendation(
        tenant=facts.id,
        before=facts.instances,
        after=target,
        changes=_changes(facts, integrations, target),
        reason=reason,
    )


def _changes(facts: Facts, integrations: int, instances: int) -> dict[str, object]:
    """The fields to write: `instances` only if it is to be more than integrations need."""
    changes: dict[str, object] = {}
    if integrations != facts.tenant.integrations:
        changes["integrations"] = integrations
    wanted = None if instances == instances_needed(integrations, facts.size) else instances
    if wanted != facts.tenant.instances:
        changes["instances"] = wanted
    return changes


def _servers(count: int) -> str:
    return counted(count, "instance")
