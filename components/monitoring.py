"""What lets the Prometheus operator watch the servers of a stack.

What is not made here: the operator, its Prometheus, and the kinds of objects it brings; Grafana's
dashboard (`deploy/monitoring`), which is the same for all stacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.kubernetes import KubernetesObject
from monitoring.scrape import pod_monitor_spec
from tenancy.names import OWNER_LABELS
from tenancy.tokens import MONITORING

_API_VERSION = "monitoring.coreos.com/v1"


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What a `Monitoring` is made of."""

    namespace: pulumi.Input[str]
    name: str
    """What both objects are called."""
    labels: Mapping[str, str]
    """The labels by which the operator's Prometheus may select both objects: `release: …`."""
    pod_monitor: bool
    """Whether to make a PodMonitor, by which Prometheus finds the servers."""
    rules: Mapping[str, Any] | None
    """The recording rules and alerts, as a rules file has them; None for no PrometheusRule."""


class Monitoring(pulumi.ComponentResource):
    """A PodMonitor and a PrometheusRule, each if it is asked for."""

    pod_monitor: KubernetesObject | None
    prometheus_rule: KubernetesObject | None

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(MONITORING, name, None, opts)
        self.pod_monitor = (
            self._custom(f"{name}-pods", "PodMonitor", pod_monitor_spec(), args)
            if args.pod_monitor
            else None
        )
        self.prometheus_rule = (
            self._custom(f"{name}-rules", "PrometheusRule", args.rules, args)
            if args.rules is not None
            else None
        )
        self.register_outputs(
            {"pod_monitor": self.pod_monitor, "prometheus_rule": self.prometheus_rule}
        )

    def _custom(
        self, name: str, kind: str, spec: Mapping[str, Any], args: MonitoringArgs
    ) -> KubernetesObject:
        return KubernetesObject(
            name,
            {
                "apiVersion": _API_VERSION,
                "kind": kind,
                "metadata": {
                    "name": args.name,
                    "namespace": args.namespace,
                    "labels": {**args.labels, **OWNER_LABELS},
                },
                "spec": spec,
            },
            pulumi.ResourceOptions(parent=self),
        )
