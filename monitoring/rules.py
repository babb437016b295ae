"""The rules of Prometheus for the servers of one stack: recording rules, then alerts.

A limit is a series too, made from the inventory, since no exporter knows what a server may use. It
is said for each size and not for each instance: whoever has a size of another name than `standard`
is named, and everybody else is standard. So tenants of that size come and go without a change of
the rules.
"""

from collections.abc import Iterator
from typing import Any

from monitoring.alerts import alerts
from monitoring.series import BY_INSTANCE, LIMITED, selector, servers
from tenancy.inventory import BUILT_IN_SIZES, STANDARD, Inventory, Size

Rule = dict[str, Any]

INTEGRATIONS_LIMIT = "tenant_nats:integrations:limit"


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
        parts = (
            f"{measure.capacity(size):.10g} * group {BY_INSTANCE} (up{servers(namespace, *which)})"
            for size, which in sizes
        )
        yield _recorded(measure.limit, "\nor\n".join(parts))
    here = f'namespace="{namespace}"'
    parts = (
        f"{size.capacity} * group {BY_INSTANCE} (tenant_nats_integrations{selector(here, *which)})"
        for size, which in sizes
    )
    yield _recorded(INTEGRATIONS_LIMIT, "\nor\n".join(parts))


def _figures(namespace: str) -> Iterator[Rule]:
    here = f'{{namespace="{namespace}"}}'
    health = f"min {BY_INSTANCE} (gnatsd_healthz_status_value{servers(namespace)})"
    yield _recorded("tenant_nats:healthy", health)
    for measure in LIMITED:
        # The exporter repeats the last figures of a server that is dead.
        alive = f"and on (namespace, tenant_id, instance_num) tenant_nats:healthy{here} == 1"
        yield _recorded(measure.figure, f"{measure.expression(servers(namespace))}\n{alive}")


def _names_of_the_templates(namespace: str) -> Iterator[Rule]:
    """What the hand-run templates called their figures, so that queries of those days work."""
    scraped = servers(namespace)
    yield _recorded("nats_server_in_msgs", f"gnatsd_varz_in_msgs{scraped}")
    yield _recorded("nats_server_connections", f"gnatsd_varz_connections{scraped}")
    yield _recorded("msg_rate", f'tenant_nats:messages:rate5m{{namespace="{namespace}"}}')
    yield _recorded("connection_count", f"max {BY_INSTANCE} (gnatsd_varz_connections{scraped})")
    yield _recorded("memory_usage", f"max {BY_INSTANCE} (gnatsd_varz_mem{scraped}) / 2 ^ 20")
    yield _recorded("cpu_usage", f"max {BY_INSTANCE} (gnatsd_varz_cpu{scraped})")


def _recorded(name: str, expression: str) -> Rule:
    return {"record": name, "expr": expression}
