"""Grafana's dashboard of the servers, by tenant and instance, made with Grafana's own library.

The library is a development dependency, so nothing that is deployed imports this module.
"""

import json
from collections.abc import Iterable

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineStyle,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.scrape import INTERVAL
from monitoring.series import (
    BY_INSTANCE,
    HEALTHY,
    INTEGRATIONS_LIMIT,
    INTEGRATIONS_SHARE,
    LIMITED,
    Limited,
    selector,
)
from tenancy.scaling.usage import OF_SERVERS

TITLE = "NATS servers of tenants"
UID = "tenant-nats"

VARIABLES = {
    "namespace": f"label_values(up{{{OF_SERVERS}}}, namespace)",
    "tenant": f'label_values(up{{{OF_SERVERS}, namespace="$namespace"}}, tenant_id)',
    "instance": f'label_values(up{{{OF_SERVERS}, namespace="$namespace", tenant_id=~"$tenant"}}, '
    "instance_num)",
}
"""What a person filters by, and the query for the values of each filter."""

_SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
_CHOSEN = ('namespace="$namespace"', 'tenant_id=~"$tenant"', 'instance_num=~"$instance"')
_SERIES = selector(*_CHOSEN)
_SCRAPED = selector(OF_SERVERS, *_CHOSEN)
# The table's series have the label `job`, and their limit does not.
_INTEGRATIONS = f"max {BY_INSTANCE} (tenant_nats_integrations{_SERIES})"
_WHO = "{{tenant_id}} {{instance_num}}"
_UNITS = {
    "MessageRate": "mps",  # messages a second
    "Connections": "short",
    "Memory": "bytes",
    "Cpu": "short",
}
_HALF, _WHOLE, _HEIGHT = 12, 24, 8


def dashboard_json() -> str:
    """The dashboard, as Grafana imports it."""
    built = _dashboard().build()
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _dashboard() -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(TITLE)
        .uid(UID)
        .description(
            "Written by `make monitoring`. What its figures mean: docs/monitoring.md; what to do "
            "about an alert: docs/runbook.md, Alerts."
        )
        .tags(["nats", "tenant-nats"])
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("NATS: the server's own monitoring")
            .type(DashboardLinkType.LINK)
            .url("https://docs.nats.io/running-a-nats-service/nats_admin/monitoring")
            .target_blank(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
    )
    for name, query in VARIABLES.items():
        made = made.with_variable(_variable(name, query))
    made = made.with_row(dashboard.Row("At a glance"))
    for panel in _glance():
        made = made.with_panel(panel)
    made = made.with_row(dashboard.Row("Load"))
    for measure in LIMITED:
        for panel in _load(measure):
            made = made.with_panel(panel)
    made = made.with_row(dashboard.Row("Integrations and clients"))
    for panel in (*_integrations(), _slow_consumers(), _pending(), _nearest()):
        made = made.with_panel(panel)
    return made


def _variable(name: str, query: str) -> dashboard.QueryVariable:
    made = (
        dashboard.QueryVariable(name)
        .query(query)
        .datasource(_SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .hide(VariableHide.DONT_HIDE)
    )
    return made if name == "namespace" else made.multi(True).include_all(True).all_value(".+")


def _glance() -> Iterable[stat.Panel]:
    here = 'namespace="$namespace"'
    none = "or vector(0)"
    figures = {
        "Servers": (f"count(group {BY_INSTANCE} (up{_SCRAPED})) {none}", False),
        "Servers that answer": (f"sum({HEALTHY}{_SERIES}) {none}", False),
        "Servers down": (f"count({HEALTHY}{_SERIES} == 0) {none}", True),
        "Not seen": (f"count(up{_SCRAPED} == 0) {none}", True),
        "Integrations": (f"sum(tenant_nats_integrations{_SERIES}) {none}", False),
        "Without a server": (
            f"sum(tenant_nats_integrations_unplaced{selector(*_CHOSEN[:2])}) {none}",
            True,
        ),
        "Alerts": (
            f'count(ALERTS{{alertname=~"TenantNats.+", alertstate="firing", {here}}}) {none}',
            True,
        ),
    }
    for title, (query, is_bad) in figures.items():
        colours = [Threshold(value=None, color="green")]
        if is_bad:
            colours.append(Threshold(value=1, color="red"))
        yield (
            stat.Panel()
            .title(title)
            .datasource(_SOURCE)
            .span(_WHOLE // len(figures))
            .height(4)
            .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours))
            .with_target(prometheus.Dataquery().expr(query).instant().ref_id("A"))
        )


def _load(measure: Limited) -> Iterable[timeseries.Panel]:
    figure, limit = f"{measure.figure}{_SERIES}", f"{measure.limit}{_SERIES}"
    title = measure.words.capitalize() if measure.words != "CPU" else "CPU (cores)"
    yield _panel(title, _UNITS[measure.alert], (figure, _WHO), (f"max({limit})", "largest limit"))
    yield _share(f"{title}: share of the limit", f"{figure} / {limit}", measure.share)


def _integrations() -> Iterable[timeseries.Panel]:
    limit = f"{INTEGRATIONS_LIMIT}{_SERIES}"
    yield _panel("Integrations", "short", (_INTEGRATIONS, _WHO), (f"max({limit})", "largest limit"))
    yield _share(
        "Integrations: share of the capacity", f"{_INTEGRATIONS} / {limit}", INTEGRATIONS_SHARE
    )


def _slow_consumers() -> timeseries.Panel:
    query = f"sum {BY_INSTANCE} (increase(gnatsd_varz_slow_consumers{_SCRAPED}[$__rate_interval]))"
    return _panel("Slow consumers that were cut off", "short", (query, _WHO))


def _pending() -> timeseries.Panel:
    query = f"sum {BY_INSTANCE} (gnatsd_connz_pending_bytes{_SCRAPED})"
    return _panel("Waiting for clients (of the first 1,024)", "bytes", (query, _WHO))


def _nearest() -> table.Panel:
    pairs = {each.words: (f"{each.figure}{_SERIES}", each.limit) for each in LIMITED}
    pairs["integrations"] = (_INTEGRATIONS, INTEGRATIONS_LIMIT)
    shares = " or ".join(
        f'label_replace({figure} / {limit}{_SERIES}, "of", "{words}", "", "")'
        for words, (figure, limit) in pairs.items()
    )
    hidden = {"Time": True, "namespace": True}
    return (
        table.Panel()
        .title("Nearest to a limit")
        .datasource(_SOURCE)
        .span(_WHOLE)
        .height(_HEIGHT)
        .unit("percentunit")
        .with_target(
            prometheus.Dataquery()
            .expr(f"sort_desc(topk(10, {shares}))")
            .instant()
            .format(PromQueryFormat.TABLE)
            .ref_id("A")
        )
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": hidden, "renameByName": {"Value": "share"}},
            )
        )
    )


def _share(title: str, query: str, told_above: float) -> timeseries.Panel:
    steps = [Threshold(value=None, color="transparent"), Threshold(value=told_above, color="red")]
    style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)
    return (
        _panel(title, "percentunit", (query, _WHO))
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .thresholds_style(style)
    )


def _panel(title: str, unit: str, *targets: tuple[str, str]) -> timeseries.Panel:
    """Lines over time: a query and a legend for each target, the second one dashed."""
    made = (
        timeseries.Panel()
        .title(title)
        .datasource(_SOURCE)
        .span(_HALF)
        .height(_HEIGHT)
        .unit(unit)
        .interval(INTERVAL)  # or a rate would be taken over fewer than two scrapes
        .min(0)
        .fill_opacity(5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        )
    )
    for ref, (query, legend) in zip("AB", targets, strict=False):
        made = made.with_target(
            prometheus.Dataquery().expr(query).legend_format(legend).ref_id(ref)
        )
    dashed = LineStyle(fill="dash", dash=[10, 10])
    style = DynamicConfigValue(id_val="custom.lineStyle", value=dashed)
    return made.override_by_query("B", [style]) if len(targets) > 1 else made
