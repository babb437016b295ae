"""How Prometheus finds and labels the servers: by `scrape_configs`, or a PodMonitor.

It scrapes pods only: behind a Service any of its pods would answer, under no pod's name.
"""

from collections.abc import Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from tenancy.names import APP, INSTANCE_LABEL, METRICS_JOB, METRICS_PORT_NAME, TENANT_LABEL

TABLE_JOB = "tenant-nats-table"
"""The label `job` of every series of the platform's database."""
INTERVAL = "30s"

_TABLE_TARGET = "sql-exporter.vrsky-monitoring:9399"

_Relabeling = dict[str, Any]


def scrape_configs(namespace: str) -> dict[str, Any]:
    """The part of prometheus.yml for servers in `namespace`, and for the database's exporter."""
    servers = {
        "job_name": METRICS_JOB,
        "scrape_interval": INTERVAL,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [*_kept_by_hand(), *_named()],
        "metric_relabel_configs": _metrics(),
    }
    table = {
        "job_name": TABLE_JOB,
        "scrape_interval": INTERVAL,
        # Its series have their own labels for namespace, tenant and instance.
        "honor_labels": True,
        "static_configs": [{"targets": [_TABLE_TARGET]}],
    }
    return {"scrape_configs": [servers, table]}


def pod_monitor_spec() -> dict[str, Any]:
    """The `spec` of a PodMonitor in the servers' namespace; the operator drops finished pods."""
    endpoint = {
        "port": METRICS_PORT_NAME,
        "interval": INTERVAL,
        "relabelings": _in_camel_case(
            [{"target_label": "job", "replacement": METRICS_JOB}, *_labels()]
        ),
        "metricRelabelings": _in_camel_case(_metrics()),
    }
    ours = [{"key": label, "operator": "Exists"} for label in (TENANT_LABEL, INSTANCE_LABEL)]
    selector = {"matchLabels": {"app": APP}, "matchExpressions": ours}
    return {"selector": selector, "podMetricsEndpoints": [endpoint]}


def _kept_by_hand() -> list[_Relabeling]:
    return [
        # By the port's name, since each port of a pod is a target of its own, whose address has
        # that port already.
        {
            "source_labels": [
                "__meta_kubernetes_pod_label_app",
                _meta(TENANT_LABEL),
                _meta(INSTANCE_LABEL),
                "__meta_kubernetes_pod_container_port_name",
            ],
            "regex": f"{APP};.+;.+;{METRICS_PORT_NAME}",
            "action": "keep",
        },
        {
            "source_labels": ["__meta_kubernetes_pod_phase"],
            "regex": "Failed|Succeeded",
            "action": "drop",
        },
    ]


def _named() -> list[_Relabeling]:
    """The labels that the operator adds by itself, and those that every series should have."""
    meta = {"namespace": "__meta_kubernetes_namespace", "pod": "__meta_kubernetes_pod_name"}
    return [*(_copied(source, target) for target, source in meta.items()), *_labels()]


def _labels() -> list[_Relabeling]:
    labels = {"tenant_id": TENANT_LABEL, "instance_num": INSTANCE_LABEL}
    return [_copied(_meta(label), target) for target, label in labels.items()]


def _meta(label: str) -> str:
    """What Prometheus calls a label of a pod that it has found."""
    return f"__meta_kubernetes_pod_label_{label.replace('-', '_')}"


def _metrics() -> list[_Relabeling]:
    # An exporter's other metrics are about its own process.
    return [{"source_labels": ["__name__"], "regex": "gnatsd_.*", "action": "keep"}]


def _copied(source: str, target: str) -> _Relabeling:
    return {"source_labels": [source], "target_label": target}


def _in_camel_case(relabelings: Sequence[_Relabeling]) -> list[_Relabeling]:
    return [{to_camel(key): value for key, value in each.items()} for each in relabelings]
