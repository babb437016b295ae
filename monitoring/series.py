"""The series that the rules record, each named once: figures of an instance, and their limits."""

from collections.abc import Callable
from dataclasses import dataclass

from tenancy.inventory.models import Size
from tenancy.inventory.types import millicores
from tenancy.scaling.usage import OF_SERVERS, SHARES, capacity_of

_INSTANCE = "(namespace, tenant_id, instance_num)"
_TENANT = "(namespace, tenant_id)"
BY_INSTANCE = f"by {_INSTANCE}"
"""The labels that an aggregation keeps: they identify a server."""
ON_INSTANCE = f"on {_INSTANCE}"
"""The labels in which two series of the same server agree."""
BY_TENANT = f"by {_TENANT}"
ON_TENANT = f"on {_TENANT}"

HEALTHY = "tenant_nats:healthy"
"""1 for a server that answers, else 0."""
INTEGRATIONS_LIMIT = "tenant_nats:integrations:limit"
INTEGRATIONS_SHARE = 0.9
"""The share of what an instance holds, above which an alert fires."""


def servers(namespace: str, *matchers: str) -> str:
    """The selector of the servers' own series, of one stack among those that share a Prometheus.

    Args:
        namespace: where the servers live.
        matchers: further ones: `tenant_id="acme-corp"`.
    """
    return selector(OF_SERVERS, f'namespace="{namespace}"', *matchers)


def within(namespace: str, *matchers: str) -> str:
    """The selector of one stack's series that the rules record, or that are about its rows."""
    return selector(f'namespace="{namespace}"', *matchers)


def selector(*matchers: str) -> str:
    """The matchers, as they follow the name of a series."""
    return f"{{{', '.join(matchers)}}}"


@dataclass(frozen=True, kw_only=True)
class Limited:
    """A figure that has a limit."""

    figure: str
    """The series of the figure, averaged over five minutes."""
    limit: str
    """The series of how much an instance can take."""
    expression: Callable[[str], str]
    """The query for the figure, given the selector of the servers' series."""
    capacity: Callable[[Size], float]
    share: float
    """The share of the limit above which an alert fires, from the templates' figures for a standard
    server. For connections and memory, a tenant also grows there; for messages, at the limit."""
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
        # The server reports percent of one core.
        expression=lambda servers: f"{_average('gnatsd_varz_cpu', servers)} / 100",
        capacity=lambda size: millicores(size.limits.cpu) / 1000,
        share=0.75,
        alert="Cpu",
        words="CPU",
        format="humanize",
        unit=" cores of CPU",
    ),
)
