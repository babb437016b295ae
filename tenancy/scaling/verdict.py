"""Whether one tenant should have more servers or fewer, and why: pure, whatever the others do.

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
"""How many integrations to make room for beyond those that are there, as a share of them."""
FILL = 0.6
"""How much of its limits a tenant's servers are to have once it has grown by load."""
LARGEST_GROWTH = 2
"""How many times as many servers a tenant may have after one decision by load. So a burst of
minutes buys no more, where each server takes a day to go; what lasts is seen again by the next run.
Growth by integrations has no such limit: they are there, and do not pass."""
FEW = 0.5
"""A last server may go when it has fewer integrations than this share of its capacity."""
SPARE_CAPACITY = 0.75
"""How full the servers that stay may be then…"""
SPARE_LOAD = 0.5
"""… and how close they may come, at the day's peak, to the load at which the tenant grows."""
WATCHED = 0.95
"""For how much of the last day each server must have been seen before one goes. One that was added
in that day was seen for less, and one that was removed in it is still among those seen: so nothing
shrinks for a day after either."""

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
    """How much of its limit a tenant that grows has: 1.2 is 20% too much."""

    @property
    def action(self) -> Action:
        """Whether servers come or go."""
        return "grow" if self.after > self.before else "shrink"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One tenant: what its entry says, and what is known of it."""

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
        """Above which load one of its servers is too busy."""
        return limits_of(self.size)

    def doubt(self) -> str | None:
        """Why the load cannot be judged; None when every server is known, and no other."""
        numbers = set(range(1, self.instances + 1))
        live = [row for row in self.rows if row.is_live and not row.is_announced]
        active = {row.instance_number for row in live if row.status == "active"}
        if active != numbers or len(active) < len(live):
            return "a change of its instances is not carried out yet"
        for number in sorted(numbers - self.readings.keys()):
            return f"instance {number} {self.doubts.get(number, 'is not heard of')}"
        return None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to become of one tenant."""

    recommendation: Recommendation | None = None
    blind: str | None = None
    """Why its load cannot be judged."""
    beyond: str | None = None
    """Why it is too busy and one more server would not help."""


@dataclass(frozen=True, kw_only=True)
class _Need:
    """Why a tenant should grow, and to how many servers."""

    instances: int
    reason: str
    urgency: float


def judge(facts: Facts) -> Verdict:
    """What is to become of one tenant, whatever becomes of the others."""
    blind, full = facts.doubt(), _by_integrations(facts)
    busy = None if blind else _by_load(facts)
    beyond = busy if isinstance(busy, str) else None
    busy = busy if isinstance(busy, _Need) else None
    if full or busy:
        return Verdict(recommendation=_grown(facts, full, busy), blind=blind, beyond=beyond)
    if facts.integrations >= MOST_INSTANCES * facts.size.capacity:
        beyond = (
            f"{counted(facts.integrations, 'integration')} fill "
            f"{_servers(MOST_INSTANCES)}, the most there are"
        )
    if blind or beyond or not (reason := _spare(facts)):
        return Verdict(blind=blind, beyond=beyond)
    return Verdict(recommendation=_shrunk(facts, reason))


def _by_integrations(facts: Facts) -> _Need | None:
    """What it takes when no server has room for one more integration."""
    there, capacity = facts.instances, facts.size.capacity
    if facts.integrations < there * capacity or there == MOST_INSTANCES:
        return None
    return _Need(
        instances=instances_needed(_with_room(facts), facts.size),
        reason=f"{counted(facts.integrations, 'integration')} fill {_servers(there)} of {capacity}",
        urgency=facts.integrations / (there * capacity),
    )


def _with_room(facts: Facts) -> int:
    """The integrations that are there and a tenth more, as far as there can be servers for them."""
    wanted = facts.integrations + max(1, ceil(ROOM * facts.integrations))
    return min(wanted, MOST_INSTANCES * facts.size.capacity)


def _by_load(facts: Facts) -> _Need | str | None:
    """How many servers relieve one that is too busy, or why no number of them does."""
    limits, there = facts.limits, facts.instances
    urgency, number, measure = 0.0, 0, MEASURES[0]
    for candidate in range(1, there + 1):
        for one in MEASURES:
            share = facts.readings[candidate].held.of(one) / limits.of(one)
            if share > urgency:
                urgency, number, measure = share, candidate, one
    if urgency <= 1:
        return None
    reason = f"instance {number} {_too_much(measure, facts.readings[number].held, limits)}"
    together = max(_total(facts, one) / limits.of(one) for one in MEASURES)
    if facts.tenant.placement == "spread" and together <= SPARE_LOAD * there:
        return f"{reason}, while all {there} together have room: one integration is too much for it"
    wanted = min(max(ceil(together / FILL), there + 1), LARGEST_GROWTH * there)
    target = min(wanted, facts.integrations, MOST_INSTANCES)
    if target <= there:
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
    # An empty server relieves nobody: what is on the others has to come to it.
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
    """How close to its limit the busiest of the others would have come with the last one's load."""
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
    """The fields to write: `instances` only where there are to be more than integrations need."""
    changes: dict[str, object] = {}
    if integrations != facts.tenant.integrations:
        changes["integrations"] = integrations
    wanted = None if instances == instances_needed(integrations, facts.size) else instances
    if wanted != facts.tenant.instances:
        changes["instances"] = wanted
    return changes


def _servers(count: int) -> str:
    return counted(count, "instance")
