"""The series that the rules make, each named once: figures of an instance, and their limits."""

from collections.abc import Callable
from dataclasses import dataclass

from tenancy.inventory.models import Size
from tenancy.inventory.types import millicores
from tenancy.scaling.usage import OF_SERVERS, SHARES, capacity_of

_INSTANCE = "(namespace, tenant_id, instance_num)"
_TENANT = "(namespace, tenant_id)"
BY_INSTANCE = f"by {_INSTANCE}"
"""What an aggregation keeps: what tells one server from another."""
ON_INSTANCE = f"on {_INSTANCE}"
"""By what two series are of the same server."""
BY_TENANT = f"by {_TENANT}"
ON_TENANT = f"on {_TENANT}"

HEALTHY = "tenant_nats:healthy"
"""1 for a server that answers, else 0."""
INTEGRATIONS_LIMIT = "tenant_nats:integrations:limit"
INTEGRATIONS_SHARE = 0.9
"""Of what an instance holds, above which somebody is told."""


def servers(namespace: str, *matchers: str) -> str:
    """The selector of the servers' own series, of one stack among those that share a Prometheus.

    Args:
        namespace: where the servers live.
        matchers: what else is to fit: `tenant_id="acme-corp"`.
    """
    return selector(OF_SERVERS, f'namespace="{namespace}"', *matchers)


def within(namespace: str, *matchers: str) -> str:
    """The selector of the series of one stack that the rules make, or that tell of its rows."""
    return selector(f'namespace="{namespace}"', *matchers)


def selector(*matchers: str) -> str:
    """The matchers, as they follow the name of a series."""
    return f"{{{', '.join(matchers)}}}"


@dataclass(frozen=True, kw_only=True)
class Limited:
    """A figure that has a limit."""

    figure: str
    """The series that says how much of it there is, averaged over five minutes."""
    limit: str
    """The series that says how much an instance can take."""
    expression: Callable[[str], str]
    """What the figure is made of, given the selector of the servers' series."""
    capacity: Callable[[Size], float]
    share: float
    """Of the limit, above which somebody is told: the templates' figures of a standard server. Of
    connections and memory a tenant grows there too; of messages at the whole limit."""
    alert: str
    words: str
    format: str
    """The function of Prometheus's templates that makes the figure readable."""
    unit: str


def _average(metric: str, servers: str) -> str:
    return f"max {BY_INSTANCE} (avg_over_time({metric}{servers}[5m]))"


LIMITED = (
    Limited(
        figure="tenant_nats:messages:rate5m",
        limit="tenant_nats:messages:limit",
        expression=lambda servers: f"sum {BY_INSTANCE} (rate(gnatsd_varz_in_msgs{servers}[5m]))",
        capacity=lambda size: capacity_of(size).rate,
        share=0.8,
        alert="MessageRate",
        words="messages a second",
        format="humanize",
        unit=" messages a second",
    ),
    Limited(
        figure="tenant_nats:connections:avg5m",
        limit="tenant_nats:connections:limit",
        expression=lambda servers: _average("gnatsd_varz_connections", servers),
        capacity=lambda size: capacity_of(size).connections,
        share=SHARES["connections"],
        alert="Connections",
        words="connections",
        format="humanize",
        unit=" connections",
    ),
    Limited(
        figure="tenant_nats:memory_bytes:avg5m",
        limit="tenant_nats:memory_bytes:limit",
        expression=lambda servers: _average("gnatsd_varz_mem", servers),
        capacity=lambda size: capacity_of(size).memory,
        share=SHARES["memory"],
        alert="Memory",
        words="memory",
        format="humanize1024",
        unit="B of memory",
    ),
    Limited(
        figure="tenant_nats:cpu_cores:avg5m",
        limit="tenant_nats:cpu_cores:limit",
        # The server says percent of one core.
        expression=lambda servers: f"{_average('gnatsd_varz_cpu', servers)} / 100",
        capacity=lambda size: millicores(size.limits.cpu) / 1000,
        share=0.75,
        alert="Cpu",
        words="CPU",
        format="humanize",
        unit=" cores of CPU",
    ),
)
