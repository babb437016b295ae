"""The rules of Prometheus for the servers of one stack: recording rules, then alerts.

A limit is a series too, made from the inventory, since no exporter knows what a server may use. The
rules state it for each size and not for each instance: they name the tenants of other sizes than
`standard`, and all others count as standard. So standard tenants come and go without a change of
the rules.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from monitoring.alerts import alerts
from monitoring.series import (
    BY_INSTANCE,
    HEALTHY,
    INTEGRATIONS_LIMIT,
    LIMITED,
    ON_INSTANCE,
    servers,
    within,
)
from tenancy.inventory.models import BUILT_IN_SIZES, STANDARD, Inventory, Size

Rule = dict[str, Any]


def rules(inventory: Inventory, namespace: str) -> dict[str, list[dict[str, Any]]]:
    """The content of a rules file, and the `spec` of a PrometheusRule."""
    sizes = _tenants_by_size(inventory)
    recorded = [
        *_limits(sizes, namespace),
        *_figures(namespace),
        *_names_of_the_templates(namespace),
    ]
    return {
        "groups": [
            {"name": f"tenant-nats-{namespace}-series", "rules": recorded},
            {
                "name": f"tenant-nats-{namespace}-alerts",
                "rules": [alert.rule(namespace) for alert in alerts(namespace)],
            },
        ]
    }


_BySize = list[tuple[Size, list[str]]]
"""Each size, and the matchers of the tenants that have it."""


def _tenants_by_size(inventory: Inventory) -> _BySize:
    tenants: dict[str, list[str]] = {}
    for tenant_id, tenant in sorted(inventory.tenants.items()):
        tenants.setdefault(tenant.size, []).append(tenant_id)
    tenants.pop(STANDARD, None)
    named = {name: "|".join(found) for name, found in sorted(tenants.items())}
    others = [f'tenant_id!~"{"|".join(named.values())}"'] if named else []
    return [
        (BUILT_IN_SIZES[STANDARD], others),
        *((inventory.sizes[name], [f'tenant_id=~"{found}"']) for name, found in named.items()),
    ]


def _limits(sizes: _BySize, namespace: str) -> Iterator[Rule]:
    for measure in LIMITED:
        # A server that is scraped has limits, whatever else is known of it.
        each = ((measure.capacity(size), f"up{servers(namespace, *who)}") for size, who in sizes)
        yield _limit(measure.limit, each)
    table = "tenant_nats_integrations"
    each = ((size.capacity, f"{table}{within(namespace, *who)}") for size, who in sizes)
    yield _limit(INTEGRATIONS_LIMIT, each)


def _limit(name: str, values: Iterable[tuple[float, str]]) -> Rule:
    """The rule that records a limit for instances: pairs of the limit and a series of theirs."""
    parts = (f"{value:.10g} * group {BY_INSTANCE} ({series})" for value, series in values)
    return _recorded(name, "\nor\n".join(parts))


def _figures(namespace: str) -> Iterator[Rule]:
    scraped = servers(namespace)
    yield _recorded(HEALTHY, f"min {BY_INSTANCE} (gnatsd_healthz_status_value{scraped})")
    # The exporter repeats the last figures of a server that is dead.
    alive = f"and {ON_INSTANCE} {HEALTHY}{within(namespace)} == 1"
    for measure in LIMITED:
        yield _recorded(measure.figure, f"{measure.expression(scraped)}\n{alive}")


def _names_of_the_templates(namespace: str) -> Iterator[Rule]:
    """The figures under the names of the hand-run templates, so that older queries work."""
    scraped = servers(namespace)
    yield _recorded("nats_server_in_msgs", f"gnatsd_varz_in_msgs{scraped}")
    yield _recorded("nats_server_connections", f"gnatsd_varz_connections{scraped}")
    yield _recorded("msg_rate", f"tenant_nats:messages:rate5m{within(namespace)}")
    yield _recorded("connection_count", f"max {BY_INSTANCE} (gnatsd_varz_connections{scraped})")
    yield _recorded("memory_usage", f"max {BY_INSTANCE} (gnatsd_varz_mem{scraped}) / 2 ^ 20")
    yield _recorded("cpu_usage", f"max {BY_INSTANCE} (gnatsd_varz_cpu{scraped})")


def _recorded(name: str, expression: str) -> Rule:
    return {"record": name, "expr": expression}
