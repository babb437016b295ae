"""What lets the Prometheus operator watch the servers of a stack.

What is not made here: the operator, its Prometheus, and the kinds of objects it brings; Grafana's
dashboard (`deploy/monitoring`), which is the same for all stacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from monitoring.scrape import pod_monitor_spec
from tenancy.names import MONITORING_NAME, OWNER_LABELS
from tenancy.tokens import MONITORING

_API_VERSION = "monitoring.coreos.com/v1"


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What a `Monitoring` is made of."""

    namespace: pulumi.Input[str]
    labels: Mapping[str, str]
    """By which the operator's Prometheus may select it: `release: …`."""


class Monitoring(pulumi.ComponentResource):
    """A PodMonitor, by which the operator tells Prometheus where the servers are."""

    pod_monitor: CustomResource

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(MONITORING, name, None, opts)
        self.pod_monitor = CustomResource(
            f"{name}-pods",
            api_version=_API_VERSION,
            kind="PodMonitor",
            metadata=ObjectMetaArgs(
                name=MONITORING_NAME,
                namespace=args.namespace,
                labels={**args.labels, **OWNER_LABELS},
            ),
            spec=pod_monitor_spec(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"pod_monitor": self.pod_monitor})
