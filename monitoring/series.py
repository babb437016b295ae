"""The series that the rules make, each named once: figures of an instance, and their limits."""

from collections.abc import Callable
from dataclasses import dataclass

from monitoring.scrape import JOB
from tenancy.inventory import Size
from tenancy.load import SHARES, capacity_of
from tenancy.types import millicores

BY_INSTANCE = "by (namespace, tenant_id, instance_num)"
"""What an aggregation keeps: what tells one server from another."""


def servers(namespace: str, *matchers: str) -> str:
    """The selector of the servers' own series, of one stack among those that share a Prometheus.

    Args:
        namespace: where the servers live.
        matchers: what else is to fit: `tenant_id="acme-corp"`.
    """
    return selector(f'job="{JOB}"', f'namespace="{namespace}"', *matchers)


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
        expression=lambda servers: (
            f"max {BY_INSTANCE} (avg_over_time(gnatsd_varz_connections{servers}[5m]))"
        ),
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
        expression=lambda servers: (
            f"max {BY_INSTANCE} (avg_over_time(gnatsd_varz_mem{servers}[5m]))"
        ),
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
        expression=lambda servers: (
            f"max {BY_INSTANCE} (avg_over_time(gnatsd_varz_cpu{servers}[5m])) / 100"
        ),
        capacity=lambda size: millicores(size.limits.cpu) / 1000,
        share=0.75,
        alert="Cpu",
        words="CPU",
        format="humanize",
        unit=" cores of CPU",
    ),
)
