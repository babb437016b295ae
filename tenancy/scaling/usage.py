"""How busy the servers are: the queries to Prometheus, what the answers mean, and the limits.

Pure: queries are text, answers are numbers, and `operations` sends and receives them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Literal

from tenancy.inventory.models import Size
from tenancy.inventory.types import in_bytes, millicores
from tenancy.names import METRICS_JOB
from tenancy.words import counted

Instance = tuple[str, int]
"""A tenant's id and the number of one of its servers."""
Measure = Literal["rate", "connections", "memory"]
MEASURES: tuple[Measure, ...] = ("rate", "connections", "memory")

FRESH_SECONDS = 180
"""How old the last figures of a server may be. A server that is scraped every minute may miss one
scrape and be a little late."""

YOUNG_SECONDS = 300
"""How long a server has to have run before its figures count: a younger one has held nothing for
five minutes, and an average over the existing figures does not show that."""

_RATE_PER_CORE = 50_000
SHARES: Mapping[Measure, float] = {"rate": 1, "connections": 0.5, "memory": 0.75}
"""The share of a server's capacity above which a tenant grows."""

_BY = "by (tenant_id, instance_num)"
OF_SERVERS = f'job="{METRICS_JOB}"'
"""What selects the servers' own series."""
_SAMPLES_OF_A_DAY = 24 * 60 // 5


def queries(namespace: str) -> Mapping[str, str]:
    """The queries to Prometheus about the servers in `namespace`, by name.

    Each answer has one number for each instance, with its two labels.
    """
    ours = f'{{{OF_SERVERS},namespace="{namespace}"}}'
    rate = f"sum {_BY} (rate(gnatsd_varz_in_msgs{ours}[2m]))"
    healthy = f"min {_BY} (gnatsd_healthz_status_value{ours})"
    return {
        # Only a load held for five minutes counts. So a tenant does not grow for a burst, nor for
        # clients that reconnect all at once and are counted twice for a while.
        "rate": f"min_over_time(({rate})[5m:30s])",
        "connections": f"max {_BY} (avg_over_time(gnatsd_varz_connections{ours}[5m]))",
        "memory": f"max {_BY} (avg_over_time(gnatsd_varz_mem{ours}[5m]))",
        "rate_peak": f"max_over_time((sum {_BY} (rate(gnatsd_varz_in_msgs{ours}[5m])))[1d:5m])",
        "connections_peak": f"max {_BY} (max_over_time(gnatsd_varz_connections{ours}[1d]))",
        "memory_peak": f"max {_BY} (max_over_time(gnatsd_varz_mem{ours}[1d]))",
        # The exporter repeats the last figures of a server that is dead.
        "healthy": healthy,
        "age": f"time() - max {_BY} (timestamp(gnatsd_varz_connections{ours}))",
        # The uptime of the process, not of the pod. The series is in milliseconds since 1970.
        "uptime": f"time() - max {_BY} (gnatsd_varz_start{ours}) / 1000",
        # The share of the last day in which each server was seen alive: also those that are gone.
        "watched": f"count_over_time(({healthy} == 1)[1d:5m]) / {_SAMPLES_OF_A_DAY}",
    }


Answers = Mapping[str, Mapping[Instance, float]]
"""The answer to each query, by its name: a number for each instance."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How busy one server is, or may be."""

    rate: float
    """Messages a second that clients send to it."""
    connections: float
    memory: float
    """Resident, in bytes."""

    def of(self, measure: Measure) -> float:
        """One of the three figures."""
        return getattr(self, measure)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The figures of one server: complete, and fresh."""

    held: Usage
    """What it had throughout, or on average over, the last five minutes."""
    peak: Usage
    """The most that it had in the last day."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What Prometheus says of all servers at one moment."""

    readings: Mapping[Instance, Reading] = field(default_factory=lambda: MappingProxyType({}))
    """Only of servers whose figures can be trusted."""
    watched: Mapping[Instance, float] = field(default_factory=lambda: MappingProxyType({}))
    """The share of the last day in which a server was seen alive; also of those that are gone."""
    doubts: Mapping[Instance, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why a server's figures cannot be trusted, to follow "instance 2"."""
    failure: str | None = None
    """Why there are no figures at all."""


def capacity_of(size: Size) -> Usage:
    """What a server of this size can take.

    Of `standard`: 100,000 messages a second, 1000 connections, 4Gi. The messages of other sizes are
    in proportion to their CPU.
    """
    return Usage(
        rate=_RATE_PER_CORE * millicores(size.limits.cpu) / 1000,
        connections=size.max_connections,
        memory=in_bytes(size.limits.memory),
    )


def limits_of(size: Size) -> Usage:
    """The load above which a server of this size is too busy, and its tenant grows.

    Of `standard`: 100,000 messages a second, 500 connections, 3Gi.
    """
    full = capacity_of(size)
    return Usage(**{measure: share * full.of(measure) for measure, share in SHARES.items()})


def observed(answers: Answers) -> Observation:
    """What the answers to all `queries` of one namespace show together."""
    believed: dict[Instance, Reading] = {}
    doubts: dict[Instance, str] = {}
    for instance in sorted(set(chain.from_iterable(answers.values()))):
        figures = {name: answer[instance] for name, answer in answers.items() if instance in answer}
        doubt = next(_doubts(figures, answers), None)
        if doubt:
            doubts[instance] = doubt
        else:
            believed[instance] = Reading(held=_usage(figures, ""), peak=_usage(figures, "_peak"))
    nothing = (
        None
        if believed or doubts
        else f"Prometheus has no series with {OF_SERVERS}, this namespace and tenant_id"
    )
    return Observation(
        readings=MappingProxyType(believed),
        watched=MappingProxyType(dict(answers["watched"])),
        doubts=MappingProxyType(doubts),
        failure=nothing,
    )


def _doubts(figures: Mapping[str, float], asked: Iterable[str]) -> Iterator[str]:
    if "age" not in figures:
        yield "has no recent data in Prometheus"
    elif figures["age"] > FRESH_SECONDS:
        yield f"was last heard of {figures['age'] / 60:.0f} minutes ago"
    if figures.get("healthy") != 1:
        yield "does not answer its exporter, which repeats the last figures"
    if figures.get("uptime", YOUNG_SECONDS) < YOUNG_SECONDS:
        yield f"started {_minutes(figures['uptime'])} ago"
    if missing := [name for name in asked if name not in figures]:
        yield f"has no figures of {', '.join(missing)}"


def _minutes(seconds: float) -> str:
    whole = int(seconds // 60)
    if whole < 1:
        return "less than a minute"
    return counted(whole, "minute")


def _usage(figures: Mapping[str, float], suffix: str) -> Usage:
    return Usage(**{measure: figures[f"{measure}{suffix}"] for measure in MEASURES})
