"""The servers' namespace, the policy that closes every NATS pod in it, and limits for other pods.

What is not made here: quotas (a preview reports what exceeds the ceiling of a stack's settings,
while a quota stops an `up` half-way), and anything for the workers that may share the namespace.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi

from components.kubernetes import KubernetesObject
from tenancy.names import (
    APP,
    CLOSING_POLICY_NAME,
    OWNER_LABELS,
    STACK_ANNOTATION,
    STRAYS_NAME,
)
from tenancy.tokens import NAMESPACE


def closing_policy_in(namespace: str, after: pulumi.Resource) -> KubernetesObject:
    """The closing policy that another stack has made, as it is: reading it fails if it is gone.

    It is read after `after`, and so what depends on it is made after that, and deleted before.
    """
    return KubernetesObject(
        f"{namespace}-closed",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": CLOSING_POLICY_NAME, "namespace": namespace},
        },
        pulumi.ResourceOptions(id=f"{namespace}/{CLOSING_POLICY_NAME}", depends_on=[after]),
    )


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """What a `Namespace` is made of."""

    name: str
    mode: Literal["managed", "existing"]
    """Whether the namespace is made here, or exists already and stays untouched."""
    retain: bool
    """Whether a managed namespace outlives the stack: workers live in it too."""
    pod_security: Literal["restricted", "baseline"]
    """The Pod Security Standard that the API server enforces in a managed namespace."""
    stack: str | None
    """The stack that owns the namespace, as `project/stack`; None if no stack does."""


class Namespace(pulumi.ComponentResource):
    """A namespace whose NATS pods are closed in both directions until another policy opens them."""

    namespace_name: pulumi.Output[str]
    """Known only once the namespace exists, so what uses it waits for the namespace."""
    closing_policy: KubernetesObject
    """Every NATS pod has to depend on it, so that a policy selects it at every moment."""

    def __init__(
        self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(NAMESPACE, name, None, opts)
        self.namespace_name = self._named(name, args)
        self.closing_policy = KubernetesObject(
            f"{name}-closed",
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {
                    "name": CLOSING_POLICY_NAME,
                    "namespace": self.namespace_name,
                    "labels": OWNER_LABELS,
                    "annotations": {STACK_ANNOTATION: args.stack} if args.stack else {},
                },
                "spec": {
                    "podSelector": {"matchLabels": {"app": APP}},
                    "policyTypes": ["Ingress", "Egress"],
                },
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {"namespace_name": self.namespace_name, "closing_policy": self.closing_policy}
        )

    def _named(self, name: str, args: NamespaceArgs) -> pulumi.Output[str]:
        if args.mode == "existing":
            return pulumi.Output.from_input(args.name)
        labels = {**OWNER_LABELS, "pod-security.kubernetes.io/enforce": args.pod_security}
        namespace = KubernetesObject(
            f"{name}-namespace",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": args.name, "labels": labels},
            },
            pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
        )
        namespace_name = namespace.metadata.apply(lambda metadata: str(metadata["name"]))
        self._keep_strays_small(name, namespace_name)
        return namespace_name

    def _keep_strays_small(self, name: str, namespace: pulumi.Output[str]) -> None:
        # Defaults for containers that set nothing themselves; the servers set everything. There is
        # no maximum, which would refuse a size or a worker, and no CPU limit, which would slow a
        # worker down on an idle node. The memory limit refuses a container that requests more and
        # sets no limit, so it is far above what a worker of this platform takes.
        limits = {
            "type": "Container",
            "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
            "default": {"memory": "1Gi"},
        }
        KubernetesObject(
            f"{name}-strays",
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": STRAYS_NAME, "namespace": namespace, "labels": OWNER_LABELS},
                "spec": {"limits": [limits]},
            },
            pulumi.ResourceOptions(parent=self),
        )
