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
RuleFile = dict[str, list[dict[str, Any]]]


def rules(inventory: Inventory, namespace: str) -> RuleFile:
    """The content of a rules file, and the `spec` of a PrometheusRule."""
    return _file(namespace, _limits(_all_by_size(inventory), namespace))


def rules_of_base(namespace: str) -> RuleFile:
    """The same for the base of a cell: without the limits, which its shards state."""
    return _file(namespace, ())


def rules_of_shard(inventory: Inventory, namespace: str, shard: str) -> RuleFile:
    """The limits of a shard's own tenants, each by its name.

    So no edit of one shard changes the rules of another, and no rule names ten thousand tenants.
    """
    limits = list(_limits(_own_by_size(inventory), namespace))
    return {"groups": [{"name": f"tenant-nats-{namespace}-limits-{shard}", "rules": limits}]}


def _file(namespace: str, limits: Iterable[Rule]) -> RuleFile:
    recorded = [*limits, *_figures(namespace), *_names_of_the_templates(namespace)]
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


def _all_by_size(inventory: Inventory) -> _BySize:
    """All tenants of the namespace; whoever has no other size is a standard one."""
    tenants = _tenants_by_size(inventory)
    tenants.pop(STANDARD, None)
    others = [f'tenant_id!~"{"|".join(tenants.values())}"'] if tenants else []
    return [
        (BUILT_IN_SIZES[STANDARD], others),
        *((inventory.sizes[name], [_any_of(found)]) for name, found in tenants.items()),
    ]


def _own_by_size(inventory: Inventory) -> _BySize:
    """Those of one shard among the tenants of the namespace."""
    sizes = {**inventory.sizes, **BUILT_IN_SIZES}
    return [(sizes[name], [_any_of(found)]) for name, found in _tenants_by_size(inventory).items()]


def _tenants_by_size(inventory: Inventory) -> dict[str, str]:
    """Size → its tenants: `acme|globex`."""
    tenants: dict[str, list[str]] = {}
    for tenant_id, tenant in sorted(inventory.tenants.items()):
        tenants.setdefault(tenant.size, []).append(tenant_id)
    return {name: "|".join(found) for name, found in sorted(tenants.items())}


def _any_of(tenants: str) -> str:
    return f'tenant_id=~"{tenants}"'


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
