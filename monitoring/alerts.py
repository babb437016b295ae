"""The alerts: pure, made of the series in `monitoring.series`.

Each alert names the instance that it is about, and compares a figure of that instance with that
instance's own limit, so a larger size needs no other alert.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from monitoring.scrape import TABLE_JOB
from monitoring.series import (
    BY_INSTANCE,
    BY_TENANT,
    HEALTHY,
    INTEGRATIONS_LIMIT,
    INTEGRATIONS_SHARE,
    LIMITED,
    ON_INSTANCE,
    ON_TENANT,
    Limited,
    selector,
    servers,
    within,
)

RUNBOOK = "docs/runbook.md#alerts"
_HELD = "5m"
"""How long a load must be too high, and then low again, so that an alert does not flap."""
_WHO = "{{ $labels.tenant_id }} instance {{ $labels.instance_num }}"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alerting rule."""

    name: str
    expression: str
    severity: Literal["critical", "warning"]
    """`critical`: clients are without their server now."""
    summary: str
    description: str
    held: str | None = None
    """How long the condition must hold before the alert fires; None for at once."""
    kept: str | None = None
    """How long the alert keeps firing after the condition has ended."""

    def rule(self, namespace: str) -> dict[str, Any]:
        """As a rules file has it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            **({"for": self.held} if self.held else {}),
            **({"keep_firing_for": self.kept} if self.kept else {}),
            "labels": {"severity": self.severity, "namespace": namespace},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook": RUNBOOK,
            },
        }


def alerts(namespace: str) -> tuple[Alert, ...]:
    """All alerts about the servers in `namespace`."""
    here = within(namespace)
    return (
        *_about_servers(namespace, here),
        *(_too_high(measure, here) for measure in LIMITED),
        *_about_the_table(namespace, here),
        _about_certificates(namespace),
    )


def _about_servers(namespace: str, here: str) -> Iterator[Alert]:
    scraped = servers(namespace)
    yield Alert(
        name="TenantNatsServerDown",
        expression=f"{HEALTHY}{here} == 0",
        held="2m",  # a server that restarts is away for seconds
        kept=_HELD,  # one that crashes again and again comes up in between
        severity="critical",
        summary=f"{_WHO} does not answer",
        description=f"The server of {_WHO} has not answered /healthz with ok for 2 minutes. Its "
        "other figures are stale: the exporter repeats the last ones.",
    )
    yield Alert(
        name="TenantNatsServerRestarts",
        # For each pod, so that a rollout does not count.
        expression=f"max {BY_INSTANCE} (changes(gnatsd_varz_start{scraped}[30m])) > 2",
        kept=_HELD,
        severity="critical",
        summary=f"{_WHO} restarts again and again",
        description=f"In half an hour the server of {_WHO} has restarted {{{{ $value }}}} times in "
        "one pod, and lost its clients each time.",
    )
    yield Alert(
        name="TenantNatsExporterBlind",
        expression=f"max {BY_INSTANCE} (up{scraped}) unless {ON_INSTANCE} {HEALTHY}{here}",
        held="5m",
        # An exporter waits for a server that does not start, and has no answer for one that hangs.
        severity="critical",
        summary=f"{_WHO} is not monitored, and may be down",
        description=f"For 5 minutes the exporter of {_WHO} could not be scraped, or has not said "
        "whether the server is healthy: the server does not start or hangs, its node is gone, or "
        "only the exporter fails. No other alert about this server can fire.",
    )
    yield Alert(
        name="TenantNatsServerUnavailable",
        # From kube-state-metrics, if that runs. A pod without an address is no target of
        # Prometheus, so no other alert reports a pod that finds no node.
        # TenantNatsServerDown already reports a server that does not answer.
        expression=f"{_deployments(namespace)} == 0 unless {ON_INSTANCE} {HEALTHY}{here} == 0",
        held="5m",
        severity="critical",
        summary=f"{_WHO} has no pod that is ready",
        description=f"For 5 minutes the Deployment of {_WHO} has had no pod that is ready, so "
        "clients cannot connect.",
    )
    yield Alert(
        name="TenantNatsServersGone",
        expression=f"absent(up{scraped}) and on () {_rows(namespace)}",
        held="5m",
        severity="critical",
        summary=f"No server in {namespace} is found, but rows send workers there",
        description=f"For 5 minutes Prometheus has found no pod to scrape in {namespace}, but the "
        "database has active rows: all servers are gone, or Prometheus cannot see them.",
    )
    yield Alert(
        name="TenantNatsNothingScraped",
        expression=f"absent(up{scraped}) unless on () {_rows(namespace)}",
        held="10m",
        severity="warning",
        summary=f"No server in {namespace} is scraped",
        description=f"For 10 minutes Prometheus has found no pod to scrape in {namespace}: its "
        "configuration, its rights or the PodMonitor is wrong, or there is no server at all.",
    )
    yield Alert(
        name="TenantNatsSlowConsumers",
        expression=f"sum {BY_INSTANCE} (increase(gnatsd_varz_slow_consumers{scraped}[10m])) > 0",
        kept=_HELD,
        severity="warning",
        summary=f"{_WHO} cuts off slow consumers",
        description=f"In 10 minutes {_WHO} has cut off {{{{ printf `%.0f` $value }}}} clients that "
        "did not keep up; the messages that waited for them are lost.",
    )


def _rows(namespace: str) -> str:
    """The rows that send workers to a server."""
    active = within(namespace, 'status="active"')
    return f"tenant_nats_row{active}"


def _deployments(namespace: str) -> str:
    """How many pods of each server are ready, by the labels of its instance."""
    name = "nats-(.+)-([0-9]+)"
    deployments = within(namespace, f'deployment=~"{name}"')
    counted = (
        f"max by (namespace, deployment) (kube_deployment_status_replicas_available{deployments})"
    )
    for label, group in (("tenant_id", 1), ("instance_num", 2)):
        counted = f'label_replace({counted}, "{label}", "${group}", "deployment", "{name}")'
    return f"max {BY_INSTANCE} ({counted})"


def _too_high(measure: Limited, here: str) -> Alert:
    return Alert(
        name=f"TenantNats{measure.alert}High",
        expression=f"{measure.figure}{here} > {measure.share} * {measure.limit}{here}",
        held=_HELD,
        kept=_HELD,
        severity="warning",
        summary=f"{_WHO} is over {measure.share:.0%} of its limit of {measure.words}",
        description=f"For 5 minutes {_WHO} has had {{{{ $value | {measure.format} }}}}"
        f"{measure.unit}, averaged over 5 minutes: over {measure.share:.0%} of its size's limit.",
    )


def _about_the_table(namespace: str, here: str) -> Iterator[Alert]:
    scraped = servers(namespace)
    # Aggregated, since each series has the labels of the exporter that reports it. An alert is not
    # about the exporter: two may run for a moment, and the next one has other labels.
    integrations = f"max {BY_INSTANCE} (tenant_nats_integrations{here})"
    living = within(namespace, 'status=~"active|draining"')
    read = f'up{{job="{TABLE_JOB}"}}'
    yield Alert(
        name="TenantNatsNearlyFull",
        # Only if the tenant's other instances are full too: `pack` fills the first on purpose.
        expression=f"{integrations} > {ON_INSTANCE} "
        f"({INTEGRATIONS_SHARE} * {INTEGRATIONS_LIMIT}{here})\n"
        f"and {ON_TENANT} (sum {BY_TENANT} ({integrations}) > "
        f"{INTEGRATIONS_SHARE} * sum {BY_TENANT} ({INTEGRATIONS_LIMIT}{here}))",
        held="15m",
        severity="warning",
        summary=f"{_WHO} is nearly full",
        description=f"{_WHO} has {{{{ $value }}}} integrations, over {INTEGRATIONS_SHARE:.0%} of "
        "what it holds, and the tenant's instances together are as full.",
    )
    yield Alert(
        name="TenantNatsIntegrationsUnplaced",
        expression=f"max {BY_TENANT} (tenant_nats_integrations_unplaced{here}) > 0",
        held="15m",
        severity="warning",
        summary="{{ $labels.tenant_id }} has integrations without a server",
        description="For 15 minutes {{ $value }} integrations of {{ $labels.tenant_id }} have had "
        "no instance, so their workers have no server to connect to.",
    )
    yield Alert(
        name="TenantNatsRowWithoutPod",
        # If nothing is scraped at all, one alert reports that, and not one for each row.
        expression=f"max {BY_INSTANCE} ({_rows(namespace)}) unless {ON_INSTANCE} up{scraped} "
        f"and on (namespace) up{scraped}",
        held="10m",
        severity="critical",
        summary=f"{_WHO} has a row and no pod",
        description=f"For 10 minutes a row has sent workers to {_WHO}, but Prometheus finds no pod "
        "of it.",
    )
    yield Alert(
        name="TenantNatsPodWithoutRow",
        # Only if the table has some row of this stack: without its rows, unread or in another
        # database, every pod would seem to have none.
        expression=f"max {BY_INSTANCE} (up{scraped}) unless {ON_INSTANCE} "
        f"tenant_nats_row{living} "
        f"and on (namespace) tenant_nats_row{here}",
        held="15m",  # a row comes after its server, and goes before it
        severity="warning",
        summary=f"{_WHO} has a pod and no row",
        description=f"For 15 minutes {_WHO} has run without a row that sends workers to it.",
    )
    yield Alert(
        name="TenantNatsTableNotRead",
        # Its exporter answers even if a query is refused, with the other figures.
        expression=f"{read} == 0 or {read} unless on (job, instance) tenant_nats_table_rows\n"
        # Prometheus no longer finds the exporter.
        f"or group by (job) ({read} offset 1h) unless on (job) {read}",
        held="10m",
        severity="warning",
        summary="The table of instances is not read",
        description="For 10 minutes the exporter of the database could not be scraped or could not "
        "read the tables. No alert about rows or integrations can fire.",
    )


def _about_certificates(namespace: str) -> Alert:
    # cert-manager's own series. Its namespace is `exported_namespace`, unless Prometheus honours
    # the labels of what it scrapes.
    metric = "certmanager_certificate_expiration_timestamp_seconds"
    exported = selector(f'exported_namespace="{namespace}"')
    honoured = within(namespace, 'exported_namespace=""')
    return Alert(
        name="TenantNatsCertificateExpires",
        # 0 is a certificate that was never issued: its server waits for the Secret, which other
        # alerts report.
        expression=f"min by (name) ({metric}{exported} > 0 or {metric}{honoured} > 0) - time() "
        "< 14 * 24 * 3600",
        held="15m",
        severity="warning",
        summary=f"The certificate {{{{ $labels.name }}}} in {namespace} is not renewed",
        description=f"The certificate {{{{ $labels.name }}}} in {namespace} is valid for "
        "{{ $value | humanizeDuration }} more, and cert-manager should have renewed it by now. "
        "Clients refuse a server whose certificate has expired.",
    )
