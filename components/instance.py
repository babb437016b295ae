"""One NATS server: its configuration, its Deployment, its Service.

What is not made here: a PodDisruptionBudget (with a single replica it would only block a drain), a
headless Service, JetStream, storage.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.kubernetes import KubernetesObject
from components.pod import CONFIG_FILE, ServerOptions, template
from components.turns import in_turn
from tenancy.names import CLIENT_PORT, MONITORING_PORT, instance_labels, instance_selector
from tenancy.plan.plan import InstancePlan
from tenancy.tokens import NATS_INSTANCE


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """What all Services of a stack have in common, beside their ports."""

    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    ip_family_policy: str | None = None
    """`SingleStack`, `PreferDualStack`, `RequireDualStack`; None for the cluster's default."""


@dataclass(frozen=True, kw_only=True)
class NatsInstanceArgs:
    """What a `NatsInstance` is made of."""

    namespace: pulumi.Input[str]
    plan: InstancePlan
    options: ServerOptions
    service: ServiceOptions
    policies: tuple[pulumi.Resource, ...]
    """The NetworkPolicies that must exist before the pod does, and until it is gone."""
    after: Sequence[pulumi.Resource] = ()
    """Resources that the engine finishes before the Deployment, whether they succeed or fail."""


class NatsInstance(pulumi.ComponentResource):
    """A ConfigMap, a Deployment with one replica, and a ClusterIP Service."""

    config_map: KubernetesObject
    deployment: KubernetesObject
    service: KubernetesObject

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

    def _config_map(self, name: str, args: NatsInstanceArgs) -> KubernetesObject:
        # The name has a hash of the text: a change makes a new ConfigMap and a new pod, and then
        # the old ConfigMap is removed. The logical name stays, so the engine sees one resource.
        return KubernetesObject(
            f"{name}-config",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": _metadata(args, args.plan.config_map_name),
                "data": {CONFIG_FILE: args.plan.config},
                "immutable": True,
            },
            # The engine would replace it, and remove the old one, while a policy that fails lets
            # it skip the Deployment, whose pod then could not start again.
            pulumi.ResourceOptions(parent=self, depends_on=args.policies),
        )

    def _deployment(self, name: str, args: NatsInstanceArgs) -> KubernetesObject:
        pods = template(args.plan, args.options, self.config_map.metadata["name"])
        return KubernetesObject(
            f"{name}-deployment",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": _metadata(args, args.plan.name) | {"annotations": _READY},
                "spec": {
                    "replicas": 1,
                    # A rolling update would run two servers that do not know each other behind one
                    # Service: subscribers of one would miss what is published to the other.
                    "strategy": {"type": "Recreate"},
                    "revisionHistoryLimit": 1,
                    "selector": {
                        "matchLabels": instance_selector(args.plan.tenant, args.plan.number)
                    },
                    "template": pods,
                },
            },
            pulumi.ResourceOptions(
                parent=self,
                depends_on=in_turn(args.policies, args.after),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=args.options.ready_timeout, update=args.options.ready_timeout
                ),
            ),
        )

    def _service(self, name: str, args: NatsInstanceArgs) -> KubernetesObject:
        # Otherwise the plugin waits ten seconds for every Service, eight at a time. The records
        # wait for the Deployment, which proves more than a Service's endpoint does.
        unawaited = {"pulumi.com/skipAwait": "true"}
        metadata = _metadata(args, args.plan.name)
        metadata["labels"] = {**args.service.labels, **metadata["labels"]}
        metadata["annotations"] = {**args.service.annotations, **unawaited}
        policy = args.service.ip_family_policy
        # A mesh that is not told waits for the client's first bytes, and in NATS the server speaks
        # first. With TLS too: the server's greeting is plain, so it is never `tls`.
        ports = (("client", CLIENT_PORT, "tcp"), ("monitoring", MONITORING_PORT, "http"))
        return KubernetesObject(
            f"{name}-service",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {
                    "type": "ClusterIP",
                    # Never the families themselves: a Service keeps its first one for life.
                    **({"ipFamilyPolicy": policy} if policy else {}),
                    "selector": instance_selector(args.plan.tenant, args.plan.number),
                    # By number: the pod of a server that is taken over has no ports of these names.
                    "ports": [
                        {
                            "name": port,
                            "port": number,
                            "targetPort": number,
                            "appProtocol": protocol,
                        }
                        for port, number, protocol in ports
                    ],
                },
            },
            pulumi.ResourceOptions(parent=self),
        )


_READY = {
    # By the plugin's own rule an update is done as soon as the controller has seen it: with
    # `Recreate`, before the new pod exists. By this rule, the only pod has to be of the new
    # template and available.
    "pulumi.com/waitFor": json.dumps(
        [
            f"jsonpath={{.status.{count}}}=1"
            for count in ("updatedReplicas", "replicas", "availableReplicas")
        ]
    )
}


def _metadata(args: NatsInstanceArgs, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": args.namespace,
        "labels": instance_labels(args.plan.tenant, args.plan.number),
    }
