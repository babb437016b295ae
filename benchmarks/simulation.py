"""A week of many tenants under the real decision function: `benchmarks.autoscaling` prints it.

The world is made up and seeded. The autoscaler (`tenancy.scaling.proposal.recommend`), the
placement (`tenancy.rows.placement.place`) and the limits are the real ones. One step is five
minutes, the window over which Prometheus is asked. The autoscaler runs every third step; what it
recommends is merged and deployed one or two steps later.

What is made up:
- A tenant has a rate, connections and memory for each of its integrations. They follow the hour and
  the weekday, wander, and burst: up to 1.6 times as much, for up to an hour, every other day.
- One tenant in seven is busy enough to need more servers than its integrations do.
- Integrations come and go one by one. The platform puts a new one on a server that has room; where
  there is none, it waits for the autoscaler.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp, pi, sin
from random import Random

from tenancy.defaults import NAMESPACE
from tenancy.inventory.models import BUILT_IN_SIZES, STANDARD, Inventory, Tenant, instances_needed
from tenancy.inventory.terms import PlacementPolicy
from tenancy.names import dns_name
from tenancy.rows.placement import place
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.scaling.proposal import applied, recommend
from tenancy.scaling.usage import Instance, Observation, Reading, Usage, limits_of

STEP = 5
"""Minutes."""
INTERVAL = 15
"""Minutes between two runs of the autoscaler."""
LONGEST_ROLLOUT = 10
"""Minutes from a recommendation to servers that are ready."""
DAY = 24 * 60

_DAY_STEPS = DAY // STEP
_GIB = 2**30
_SIZE = BUILT_IN_SIZES[STANDARD]
_LIMITS = limits_of(_SIZE)


@dataclass(frozen=True, kw_only=True)
class World:
    """What is simulated."""

    tenants: int = 200
    days: int = 7
    seed: int = 6
    highest_burst: float = 1.6
    """How many times its usual load a tenant has at most while it bursts."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One recommendation that was carried out."""

    minute: int
    tenant: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What happened."""

    changes: tuple[Change, ...]
    overloads: tuple[int, ...]
    """For how many minutes a tenant had a server above a limit, each time."""
    waits: tuple[float, ...]
    """For how many minutes each new integration had no server."""
    history: dict[str, list[tuple[int, float, int]]]
    """By tenant: the minute, how close its busiest server is to a limit, and its servers."""

    def turns(self) -> dict[str, int]:
        """For each tenant, how often within any 24 hours it grew after shrinking or the reverse."""
        found: dict[str, list[int]] = {}
        last: dict[str, bool] = {}
        for change in self.changes:
            grew = change.after > change.before
            if last.get(change.tenant, grew) != grew:
                found.setdefault(change.tenant, []).append(change.minute)
            last[change.tenant] = grew
        return {
            tenant: max(sum(0 <= late - first < DAY for late in minutes) for first in minutes)
            for tenant, minutes in found.items()
        }

    def placed_in_time(self) -> float:
        """The share of new integrations that had a server within one interval."""
        return sum(wait <= INTERVAL for wait in self.waits) / len(self.waits)


class _Peaks:
    """The largest figures of the last day, by the hour, and those of the present hour."""

    def __init__(self) -> None:
        self._hours: deque[list[float]] = deque(maxlen=25)

    def add(self, step: int, usage: Usage) -> None:
        if not self._hours or step * STEP % 60 == 0:
            self._hours.append([0.0, 0.0, 0.0])
        hour = self._hours[-1]
        hour[0] = max(hour[0], usage.rate)
        hour[1] = max(hour[1], usage.connections)
        hour[2] = max(hour[2], usage.memory)

    def most(self) -> Usage:
        rate, connections, memory = (max(figures) for figures in zip(*self._hours, strict=True))
        return Usage(rate=rate, connections=connections, memory=memory)


@dataclass
class _Server:
    since: int
    bias: float
    """How much busier it is than others with as many integrations."""
    integrations: int = 0
    until: int | None = None
    held: Usage | None = None
    peaks: _Peaks = field(default_factory=_Peaks)


@dataclass
class _Customer:
    """One tenant of the world: what it does, and the servers that it has."""

    id: str
    random: Random
    rate: float
    """Messages a second of one integration in the busiest hour."""
    connections: float
    """Of one integration in the busiest hour."""
    memory: float
    """Bytes for 100,000 messages a second."""
    busiest_hour: float
    arrivals: float
    """How many integrations are added in a day."""
    departures: float
    """How many of 100 integrations are deleted in a day."""
    highest_burst: float
    servers: dict[int, _Server] = field(default_factory=dict[int, _Server])
    gone: list[tuple[int, _Server]] = field(default_factory=list[tuple[int, _Server]])
    waiting: list[float] = field(default_factory=list[float])
    """The minutes at which the integrations without a server were added."""
    wander: float = 0
    burst_until: int = 0
    burst: float = 1

    def live_through(self, step: int) -> None:
        """Let five minutes pass on the servers."""
        random = self.random
        self.wander = 0.9 * self.wander + random.gauss(0, 0.04)
        if random.random() < 0.5 / _DAY_STEPS:
            self.burst_until = step + random.randint(1, 12)
            self.burst = random.uniform(1.2, self.highest_burst)
        rhythm = self.rhythm(step) * exp(self.wander)
        busy = rhythm * (self.burst if step < self.burst_until else 1)
        for server in self.servers.values():
            rate = self.rate * busy * server.integrations * server.bias
            server.held = Usage(
                rate=rate,
                connections=self.connections * (0.6 + 0.4 * busy) * server.integrations,
                memory=0.05 * _GIB + self.memory * rate / 100_000,
            )
            server.peaks.add(step, server.held)

    def rhythm(self, step: int) -> float:
        """From 0.3 at night to 1 in the busiest hour; half of it at weekends."""
        hour = step * STEP / 60
        wave = max(0.0, sin(2 * pi * (hour - self.busiest_hour + 6) / 24))
        weekend = 0.5 if int(hour // 24) % 7 >= 5 else 1
        return (0.3 + 0.7 * wave) * weekend

    def come_and_go(self, step: int, capacity: int, waits: list[float]) -> None:
        """Add and delete the integrations of five minutes."""
        random = self.random
        # People add integrations when the tenant is busy.
        if random.random() < self.arrivals / _DAY_STEPS * 1.5 * self.rhythm(step):
            minute = step * STEP + random.uniform(0, STEP)
            room = [n for n, server in self.servers.items() if server.integrations < capacity]
            if room:
                self.servers[min(room)].integrations += 1
                waits.append(0)
            else:
                self.waiting.append(minute)
        there = sum(server.integrations for server in self.servers.values())
        if there and random.random() < self.departures / 100 * there / _DAY_STEPS:
            counts = [server.integrations for server in self.servers.values()]
            (number,) = random.choices(list(self.servers), counts)
            self.servers[number].integrations -= 1

    def deploy(
        self, step: int, policy: PlacementPolicy, count: int, capacity: int, waits: list[float]
    ) -> None:
        """What an `up` does: new servers, then the integrations move, then old servers go."""
        for number in range(1, count + 1):
            if number not in self.servers:
                self.servers[number] = _Server(since=step, bias=self.random.uniform(0.92, 1.08))
        placement = place(
            instances=range(1, count + 1),
            capacity=capacity,
            policy=policy,
            placed={number: server.integrations for number, server in self.servers.items()},
            unplaced=len(self.waiting),
        )
        for move in placement.moves:
            self.servers[move.target].integrations += move.integrations
            if move.source is not None:
                self.servers[move.source].integrations -= move.integrations
                continue
            waits += [step * STEP - minute for minute in self.waiting[: move.integrations]]
            del self.waiting[: move.integrations]
        for number in [number for number in self.servers if number > count]:
            server = self.servers.pop(number)
            server.until = step
            self.gone.append((number, server))

    def rows(self) -> Iterator[RecordedInstance]:
        """What the control plane has."""
        for number, server in sorted(self.servers.items()):
            yield RecordedInstance(
                tenant_id=self.id,
                instance_number=number,
                dns_name=dns_name(self.id, number, NAMESPACE),
                status="active",
                integrations=server.integrations,
            )

    def readings(self) -> Iterator[tuple[Instance, Reading]]:
        """What Prometheus has of the servers that have been there for five minutes."""
        for number, server in self.servers.items():
            if server.held:
                yield (self.id, number), Reading(held=server.held, peak=server.peaks.most())

    def watched(self, step: int) -> Iterator[tuple[Instance, float]]:
        """For how much of the last day each server was there."""
        start = step - _DAY_STEPS
        self.gone = [
            (number, server) for number, server in self.gone if (server.until or 0) > start
        ]
        for number, server in (*self.gone, *self.servers.items()):
            seen = (server.until or step) - max(server.since, start)
            yield (self.id, number), seen / _DAY_STEPS

    def busiest(self, limits: Usage) -> float:
        """How close the busiest server is to one of its limits: 1 is at it."""
        most = 0.0
        for server in self.servers.values():
            if usage := server.held:
                most = max(
                    most,
                    usage.rate / limits.rate,
                    usage.connections / limits.connections,
                    usage.memory / limits.memory,
                )
        return most


def _customers(world: World) -> Iterator[_Customer]:
    for number in range(world.tenants):
        random = Random(f"{world.seed} {number}")  # noqa: S311
        busy = number % 7 == 0
        yield _Customer(
            id=f"tenant-{number:03}",
            random=random,
            rate=random.uniform(1_500, 5_000) if busy else random.lognormvariate(5, 0.8),
            connections=random.uniform(4, 14) if busy else random.uniform(1, 5),
            memory=random.uniform(0.2, 1.5) * _GIB,
            busiest_hour=random.uniform(9, 17),
            arrivals=random.uniform(0, 6),
            departures=random.uniform(0, 4),
            highest_burst=world.highest_burst,
            waiting=[0.0] * random.randint(3, 120),
        )


def simulate(world: World) -> Outcome:
    """Let the days pass, and return what happened."""
    run = _Run(list(_customers(world)), Random(world.seed))  # noqa: S311
    for step in range(world.days * _DAY_STEPS):
        run.deploy_what_is_due(step)
        if step and step * STEP % INTERVAL == 0:
            run.autoscale(step)
        run.live_through(step)
    return run.outcome()


class _Run:
    """One simulation in progress."""

    def __init__(self, customers: list[_Customer], random: Random) -> None:
        self._customers = customers
        self._random = random
        self._inventory = Inventory(
            tenants={one.id: Tenant(integrations=len(one.waiting)) for one in customers}
        )
        self._due: dict[int, list[str]] = {}
        self._changes: list[Change] = []
        self._overloads: list[int] = []
        self._over: dict[str, int] = {}
        self._waits: list[float] = []
        self._history: dict[str, list[tuple[int, float, int]]] = {one.id: [] for one in customers}
        for customer in customers:
            self._deploy(customer, 0, [])

    def deploy_what_is_due(self, step: int) -> None:
        due = self._due.pop(step, ())
        for customer in self._customers:
            if customer.id in due:
                self._deploy(customer, step, self._waits)

    def _deploy(self, customer: _Customer, step: int, waits: list[float]) -> None:
        tenant = self._inventory.tenants[customer.id]
        count = tenant.instances or instances_needed(tenant.integrations, _SIZE)
        customer.deploy(step, tenant.placement, count, _SIZE.capacity, waits)

    def autoscale(self, step: int) -> None:
        customers = self._customers
        snapshot = Snapshot(
            instances=tuple(row for customer in customers for row in customer.rows()),
            unplaced={one.id: len(one.waiting) for one in customers if one.waiting},
        )
        observation = Observation(
            readings=dict(pair for customer in customers for pair in customer.readings()),
            watched=dict(pair for customer in customers for pair in customer.watched(step)),
        )
        recommendations = recommend(self._inventory, snapshot, observation).recommendations
        self._inventory = (
            applied(self._inventory, recommendations) if recommendations else self._inventory
        )
        for recommendation in recommendations:
            rollout = self._random.randint(1, LONGEST_ROLLOUT // STEP)
            self._due.setdefault(step + rollout, []).append(recommendation.tenant)
            change = Change(
                minute=step * STEP,
                tenant=recommendation.tenant,
                before=recommendation.before,
                after=recommendation.after,
            )
            self._changes.append(change)

    def live_through(self, step: int) -> None:
        for customer in self._customers:
            customer.come_and_go(step, _SIZE.capacity, self._waits)
            customer.live_through(step)
            busiest = customer.busiest(_LIMITS)
            self._history[customer.id].append((step * STEP, busiest, len(customer.servers)))
            if busiest > 1:
                self._over[customer.id] = self._over.get(customer.id, 0) + STEP
            elif customer.id in self._over:
                self._overloads.append(self._over.pop(customer.id))

    def outcome(self) -> Outcome:
        return Outcome(
            changes=tuple(self._changes),
            overloads=(*self._overloads, *self._over.values()),
            waits=tuple(self._waits),
            history=self._history,
        )
