"""One NATS server: its configuration, its Deployment, its Service.

What is not made here: a PodDisruptionBudget (with a single replica it would only block a drain), a
headless Service, JetStream, storage.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components.pod import CONFIG_FILE, pod
from tenancy.names import CLIENT_PORT, MONITORING_PORT, instance_labels, instance_selector
from tenancy.plan import InstancePlan
from tenancy.tokens import NATS_INSTANCE


@dataclass(frozen=True, kw_only=True)
class NatsInstanceArgs:
    """What a `NatsInstance` is made of."""

    namespace: pulumi.Input[str]
    plan: InstancePlan
    image: str
    exporter_image: str | None
    """None for a server without an exporter beside it."""
    ready_timeout: str
    """How long a Deployment may take to become ready: "3m"."""
    policies: tuple[pulumi.Resource, ...]
    """The NetworkPolicies that have to be there before the pod, and until after it."""


class NatsInstance(pulumi.ComponentResource):
    """A ConfigMap, a Deployment with one replica, and a ClusterIP Service."""

    config_map: core.ConfigMap
    deployment: apps.Deployment
    service: core.Service

    def __init__(
        self, name: str, args: NatsInstanceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(NATS_INSTANCE, name, None, opts)
        self.config_map = self._config_map(name, args)
        self.deployment = self._deployment(name, args)
        self.service = self._service(name, args)
        self.register_outputs(
            {
                "config_map": self.config_map,
                "deployment": self.deployment,
                "service": self.service,
            }
        )

    def _config_map(self, name: str, args: NatsInstanceArgs) -> core.ConfigMap:
        # The name carries a hash of the text: a change makes a new one, the pod rolls, the old one
        # goes. The logical name stays, or the engine would see a stranger.
        return core.ConfigMap(
            f"{name}-config",
            metadata=_metadata(args, name=args.plan.config_map_name),
            data={CONFIG_FILE: args.plan.config},
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _deployment(self, name: str, args: NatsInstanceArgs) -> apps.Deployment:
        return apps.Deployment(
            f"{name}-deployment",
            metadata=_metadata(args, name=args.plan.name),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                # A rolling update would run two servers that do not know each other behind one
                # Service: a message published to one is lost on the other's subscribers.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                revision_history_limit=1,
                selector=LabelSelectorArgs(
                    match_labels=instance_selector(args.plan.tenant, args.plan.number)
                ),
                template=core.PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=instance_labels(args.plan.tenant, args.plan.number)
                    ),
                    spec=pod(
                        args.plan,
                        image=args.image,
                        exporter_image=args.exporter_image,
                        config_map=self.config_map.metadata.name,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.policies),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=args.ready_timeout, update=args.ready_timeout
                ),
            ),
        )

    def _service(self, name: str, args: NatsInstanceArgs) -> core.Service:
        return core.Service(
            f"{name}-service",
            metadata=_metadata(
                args,
                name=args.plan.name,
                # The plugin waits ten seconds for every Service, eight at a time. The records wait
                # for the Deployment, which says more than that a Service has an endpoint.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.ServiceSpecArgs(
                type="ClusterIP",
                selector=instance_selector(args.plan.tenant, args.plan.number),
                ports=[
                    core.ServicePortArgs(name="client", port=CLIENT_PORT, target_port="client"),
                    core.ServicePortArgs(
                        name="monitoring", port=MONITORING_PORT, target_port="monitoring"
                    ),
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _metadata(
    args: NatsInstanceArgs, *, name: str, annotations: dict[str, str] | None = None
) -> ObjectMetaArgs:
    return ObjectMetaArgs(
        name=name,
        namespace=args.namespace,
        labels=instance_labels(args.plan.tenant, args.plan.number),
        annotations=annotations,
    )
