"""Each alert, with series that must make it fire and series that must not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitoring.alerts import alerts
from tests.monitoring.promtool import (
    NAMESPACE,
    NEVER,
    STEPS,
    Series,
    promtool_says,
    rising,
    server,
    steady,
    table,
)

GIB = 2**30


@dataclass(frozen=True)
class Case:
    """Series, and the alerts that fire at one minute; no other fires then."""

    situation: str
    series: Series
    fires: tuple[str, ...]
    minute: float = 30
    about: str = ""
    """The alert that this case is about, also if it is silent."""

    def __str__(self) -> str:
        return self.situation


def fires(alert: str, situation: str, series: Series, minute: float = 30) -> Case:
    return Case(situation, series, (alert,), minute, alert)


def silent(alert: str, situation: str, series: Series, minute: float = 30) -> Case:
    return Case(situation, series, (), minute, alert)


def since(minute: int, before: float, after: float) -> str:
    """A gauge that changes at a minute and stays so."""
    steps = minute * 2
    return f"{before}x{steps - 1} {after}x{STEPS - steps}"


def cases() -> Iterator[Case]:
    acme = server() | table()

    down = "TenantNatsServerDown"
    dead = since(10, 1, 0)
    yield fires(
        down, "dead for three minutes", server(gnatsd_healthz_status_value=dead) | table(), 13
    )
    yield silent(
        down, "dead for one minute", server(gnatsd_healthz_status_value=dead) | table(), 11
    )
    rollout = f"1x19 0x2 1x{STEPS - 22}"
    for minute in (10, 11, 12, 13):
        restarted = server(gnatsd_healthz_status_value=rollout) | table()
        yield silent(down, f"away for a minute, seen at {minute}", restarted, minute)
    # Up for a minute of every four and a half, as one is that crashes once it has started.
    looping = " ".join(["1x1 0x6"] * 8)
    for minute in (20, 25, 30, 35):
        crashing = server(gnatsd_healthz_status_value=looping) | table()
        yield fires(down, f"it crashes again and again, seen at {minute}", crashing, minute)
    repeated = server(
        gnatsd_healthz_status_value=steady(0),
        gnatsd_varz_connections=steady(900),
        gnatsd_varz_mem=steady(3.9 * GIB),
        gnatsd_varz_cpu=steady(199),
    )
    yield fires(down, "dead, and its last figures were high", repeated | table())

    again = "TenantNatsServerRestarts"
    for times, told in ((3, fires), (2, silent)):
        starts = " ".join(f"{1764e9 + 1e5 * number}x9" for number in range(times))
        often = server(gnatsd_varz_start=f"{starts} {1764e9 + 1e5 * times}x40") | table()
        yield told(again, f"started anew {times} times in half an hour", often, 20)
    new = {
        series.replace("acme-1-x", f"acme-1-{pod}"): f"_x{9 * pod - 1} {1764e9 + pod}x9 _x40"
        for series in server()
        for pod in range(1, 6)
        if series.startswith("gnatsd_varz_start")
    }
    yield silent(again, "five rollouts, each with another pod", acme | new)

    blind = "TenantNatsExporterBlind"
    for why, unseen in {
        "a pod that cannot be scraped": {"up": steady(0), "gnatsd_healthz_status_value": NEVER},
        "an exporter that says nothing of health": {"gnatsd_healthz_status_value": NEVER},
    }.items():
        yield fires(blind, why, server(**unseen) | table(), 6)
        yield silent(blind, f"{why}, for four minutes", server(**unseen) | table(), 4)

    unavailable = "TenantNatsServerUnavailable"
    for name, count, told in (
        ("nats-acme-2", 0, fires),
        ("nats-acme-2", 1, silent),
        ("worker-of-acme", 0, silent),
    ):
        labels = f'namespace="{NAMESPACE}", deployment="{name}"'
        known = {f"kube_deployment_status_replicas_available{{{labels}}}": steady(count)}
        yield told(unavailable, f"{name} has {count} pods that are ready", acme | known)

    nothing = "TenantNatsNothingScraped"
    unscraped = {
        series: values for series, values in acme.items() if 'job="tenant-nats"' not in series
    }
    rowless = {series: unscraped[series] for series in unscraped if "tenant_nats_row" not in series}
    yield fires(nothing, "no pod at all, and no row", rowless, 20)
    yield silent(nothing, "no pod at all, and no row, for nine minutes", rowless, 9)
    elsewhere = server(namespace="eu-tenants") | rowless
    yield fires(nothing, "pods and rows of another stack only", elsewhere, 20)

    gone = "TenantNatsServersGone"
    yield fires(gone, "rows, and no pod at all", unscraped, 20)
    yield silent(gone, "rows, and no pod at all for four minutes", unscraped, 4)

    slow = "TenantNatsSlowConsumers"
    cut_off = server(gnatsd_varz_slow_consumers=since(10, 3, 4)) | table()
    yield fires(slow, "a client has been cut off", cut_off, 11)
    yield silent(slow, "a client was cut off half an hour ago", cut_off, 39)
    yield silent(slow, "the count of long ago stays", acme)
    anew = server(gnatsd_varz_slow_consumers=since(10, 3, 0)) | table()
    yield silent(slow, "a server that restarted counts anew", anew, 11)

    yield from loads()
    yield from of_the_table(acme)
    yield from of_certificates(acme)

    yield Case("a quiet server", acme, ())
    loud = server(
        namespace="eu-tenants",
        gnatsd_varz_connections=steady(999),
        gnatsd_healthz_status_value=steady(0),
    )
    yield Case("trouble in another stack of the same Prometheus", acme | loud, ())


def loads() -> Iterator[Case]:
    metrics = {
        "TenantNatsMessageRateHigh": ("gnatsd_varz_in_msgs", rising, (81_000, 79_000), 2),
        "TenantNatsConnectionsHigh": ("gnatsd_varz_connections", steady, (501, 500), 2),
        "TenantNatsMemoryHigh": ("gnatsd_varz_mem", steady, (3.01 * GIB, 2.99 * GIB), 2),
        "TenantNatsCpuHigh": ("gnatsd_varz_cpu", steady, (151, 149), 2),
    }
    for alert, (metric, values, (high, low), times) in metrics.items():
        for tenant, factor in (("acme", 1), ("globex", times)):
            size = "standard" if factor == 1 else "large"
            much = server(tenant, **{metric: values(high * factor)}) | table()
            little = server(tenant, **{metric: values(low * factor)}) | table()
            yield fires(alert, f"{metric} of {high * factor:g} on a {size} server", much)
            yield silent(alert, f"{metric} of {low * factor:g} on a {size} server", little)
        both = server(**{metric: values(low)}) | server("hooli", "2", **{metric: values(high)})
        yield silent(alert, f"{metric} of {high:g} beside it on a large one", both | table())

    rate, connections = "TenantNatsMessageRateHigh", "TenantNatsConnectionsHigh"
    step = 30 * 150_000
    burst = f"0+300x19 {6000 + step}+{step}x3 {6000 + 4 * step}+300x{STEPS - 24}"
    for minute in (12, 14, 16, 18):
        bursting = server(gnatsd_varz_in_msgs=burst) | table()
        yield silent(rate, f"150,000 a second for two minutes, seen at {minute}", bursting, minute)
    clients = server(gnatsd_varz_connections=f"10x19 900x19 10x{STEPS - 40}") | table()
    yield silent(connections, "900 clients for three minutes so far", clients, 13)
    yield fires(connections, "900 clients for ten minutes", clients, 20)
    yield fires(connections, "they have just left, and may come back", clients, 25)
    yield silent(connections, "they have left for good", clients, 33)
    wavering = server(gnatsd_varz_connections=" ".join(["900x3 50x3"] * 10)) | table()
    yield silent(connections, "half of the time 900 and half 50, which is 475", wavering)


def of_the_table(acme: Series) -> Iterator[Case]:
    full = "TenantNatsNearlyFull"
    for tenant, most in (("acme", 45), ("globex", 90)):
        over = server(tenant, tenant_nats_integrations=steady(most + 1)) | table()
        under = server(tenant, tenant_nats_integrations=steady(most)) | table()
        yield fires(full, f"{tenant} has {most + 1} integrations", over)
        yield silent(full, f"{tenant} has {most} integrations", under)

    first, second = (
        server(number=number, tenant_nats_integrations=steady(count))
        for number, count in (("1", 50), ("2", 30))
    )
    yield silent(
        full, "the first of two is full, and the second has room", first | second | table()
    )
    last = server(number="2", tenant_nats_integrations=steady(41))
    yield fires(full, "the first of two is full, and the second nearly", first | last | table())
    # A new exporter of the database, while the old one is still there.
    both = {
        series.replace("sql-exporter-x", "sql-exporter-y"): values
        for series, values in server(tenant_nats_integrations=steady(46)).items()
        if series.startswith("tenant_nats_")
    }
    nearly = server(tenant_nats_integrations=steady(46)) | table()
    yield fires(full, "46 integrations, as two exporters say", nearly | both)

    unplaced = "TenantNatsIntegrationsUnplaced"
    homeless = server() | table(unplaced=since(10, 0, 3))
    yield fires(unplaced, "three without a server for twenty minutes", homeless)
    yield silent(unplaced, "three without a server for ten minutes", homeless, 20)

    lost = "TenantNatsRowWithoutPod"
    gone = {
        series: values
        for series, values in server(number="2").items()
        if series.startswith("tenant_nats_")
    }
    yield fires(lost, "an active row of a server that no pod has", acme | gone)
    yield silent(lost, "the same, for nine minutes", acme | gone, 9)
    handed_over = {
        series.replace("sql-exporter-x", pod): values
        for series in gone
        for pod, values in (("sql-exporter-x", "1x29 stale"), ("new", f"_x29 1x{STEPS}"))
    }
    yield fires(lost, "the same, as a new exporter of the database says", acme | handed_over, 20)
    for status in ("draining", "terminated", "provisioning"):
        ended = {series.replace('"active"', f'"{status}"'): gone[series] for series in gone}
        yield silent(lost, f"a row that is {status} without a pod", acme | ended)

    stray = "TenantNatsPodWithoutRow"
    rowless = server(number="2", tenant_nats_row=NEVER, tenant_nats_integrations=NEVER)
    yield fires(stray, "a pod that no row knows", acme | rowless)
    yield silent(stray, "the same, for fourteen minutes", acme | rowless, 14)
    yield fires(stray, "a pod whose row has ended", acme | server(number="2", status="terminated"))
    draining = server(number="2", status="draining")
    yield silent(stray, "a pod whose row is draining", acme | draining)
    unread = {"tenant_nats_row": NEVER, "tenant_nats_integrations": NEVER}
    for why, up in {
        "a database that is away": steady(0),
        "queries that are refused, by an exporter that answers": steady(1),
    }.items():
        blind = server(**unread) | table(up=up, unplaced=NEVER, rows=NEVER)
        yield fires("TenantNatsTableNotRead", f"{why}, when no pod seems to have a row", blind)
        yield silent("TenantNatsTableNotRead", f"{why} for nine minutes", blind, 9)
    found_until = f"1x59 _x{2 * STEPS}"
    vanished = {
        series: values.replace(f"x{STEPS}", f"x{2 * STEPS}")
        for series, values in (server() | table(up=found_until, rows=found_until)).items()
    }
    yield fires("TenantNatsTableNotRead", "its exporter is found no more", vanished, 75)
    without = {series: values for series, values in acme.items() if "table" not in series}
    yield silent("TenantNatsTableNotRead", "nobody has set the table's exporter up", without)
    elsewhere = server("hooli", namespace="eu-tenants") | table()
    theirs = {series: values for series, values in elsewhere.items() if "table" in series}
    yield silent(stray, "a table without any row of this stack", without | theirs)


def of_certificates(acme: Series) -> Iterator[Case]:
    expires, day = "TenantNatsCertificateExpires", 24 * 3600
    exported = f'namespace="cert-manager", exported_namespace="{NAMESPACE}", name="acme-tls"'
    honoured = f'namespace="{NAMESPACE}", name="acme-tls"'
    elsewhere = 'namespace="cert-manager", exported_namespace="eu-tenants", name="acme-tls"'

    def until(labels: str, days: float) -> Series:
        metric = f"certmanager_certificate_expiration_timestamp_seconds{{{labels}}}"
        return acme | {metric: steady(30 * 60 + days * day)}

    for labels, how in ((exported, "exported"), (honoured, "honoured")):
        yield fires(expires, f"13 days are left, its namespace {how}", until(labels, 13))
        yield silent(expires, f"15 days are left, its namespace {how}", until(labels, 15))
    yield fires(expires, "it has expired", until(exported, -10 / (24 * 60)))
    yield silent(expires, "13 days are left, for ten minutes", until(exported, 13), 10)
    yield silent(expires, "another stack's, 13 days are left", until(elsewhere, 13))
    never = {series: steady(0) for series in until(exported, 0) if "certmanager" in series}
    yield silent(expires, "it was never issued", acme | never)
    # cert-manager gives a renewed one another end, under the same name.
    metric = f"certmanager_certificate_expiration_timestamp_seconds{{{exported}}}"
    renewed = acme | {metric: since(20, 13 * day, 90 * day)}
    yield fires(expires, "not yet renewed", renewed, 19)
    yield silent(expires, "just renewed", renewed, 21)


CASES = tuple(cases())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_alert_fires_or_stays_silent(case: Case, tmp_path: Path) -> None:
    expectation = {
        "eval_time": f"{int(case.minute * 60)}s",
        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
        "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in case.fires],
    }
    assert promtool_says(tmp_path, case.series, promql_expr_test=[expectation]) == ""


def test_each_alert_is_seen_to_fire_and_to_be_silent() -> None:
    names = {alert.name for alert in alerts(NAMESPACE)}
    assert {alert for case in CASES for alert in case.fires} == names
    assert {case.about for case in CASES if not case.fires} - {""} == names


def test_an_alert_says_who_it_is_about_how_much_it_is_and_where_to_look(tmp_path: Path) -> None:
    busy = server("globex", "2", gnatsd_varz_mem=steady(7 * GIB)) | table()
    expectation = {
        "eval_time": "30m",
        "alertname": "TenantNatsMemoryHigh",
        "exp_alerts": [
            {
                "exp_labels": {
                    "severity": "warning",
                    "namespace": NAMESPACE,
                    "tenant_id": "globex",
                    "instance_num": "2",
                },
                "exp_annotations": {
                    "summary": "globex instance 2 is over 75% of its limit of memory",
                    "description": "For 5 minutes globex instance 2 has had 7GiB of memory, "
                    "averaged over 5 minutes: over 75% of its size's limit.",
                    "runbook": "docs/runbook.md#alerts",
                },
            }
        ],
    }
    assert promtool_says(tmp_path, busy, alert_rule_test=[expectation]) == ""


def test_promtool_reports_an_expectation_that_does_not_hold(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"eval_time": "30m", "expr": "cpu_usage", "exp_samples": []}
    assert "cpu_usage" in promtool_says(tmp_path, server(), promql_expr_test=[wrong])
