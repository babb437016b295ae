"""What a shard leaves in the cluster when all of it is deployed: from what, and for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes import KubernetesObject
from tenancy.names import MARK_LABELS, mark_name
from tenancy.tokens import MARK


@dataclass(frozen=True, kw_only=True)
class MarkArgs:
    """What a `Mark` is made of."""

    namespace: pulumi.Input[str]
    member: str
    """A shard, or `base`."""
    annotations: Mapping[str, str]
    """From what the stack was deployed, and which tenants it has."""
    after: Sequence[pulumi.Resource]
    """All else of the stack: while any of it fails, the mark stays as it was."""


class Mark(pulumi.ComponentResource):
    """An empty ConfigMap. What it says is in its annotations, which change in place."""

    config_map: KubernetesObject

    def __init__(
        self, name: str, args: MarkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(MARK, name, None, opts)
        self.config_map = KubernetesObject(
            f"{name}-mark",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": mark_name(args.member),
                    "namespace": args.namespace,
                    "labels": MARK_LABELS,
                    "annotations": dict(args.annotations),
                },
            },
            pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({"config_map": self.config_map})
