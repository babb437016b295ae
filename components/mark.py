"""What a member of a cell leaves in the cluster, by which `tenant-nats shards due` knows it.

`Mark` comes after all else, so it says from what the member was last deployed as a whole. But
the engine deletes last of all, and who takes an edit back gives a half-deployed member its old
inventory again. So `begin` comes before all else: it makes a new ConfigMap for each edit, and the
engine removes the old one when nothing else is left to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes import KubernetesObject
from tenancy import names
from tenancy.names import COMPONENT_LABEL, MEMBER_LABEL, OWNER_LABELS, mark_name
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
                    "labels": _labels(args.member, names.MARK),
                    "annotations": dict(args.annotations),
                },
            },
            pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({"config_map": self.config_map})


def begin(shard: str, namespace: str, fingerprints: Mapping[str, str]) -> KubernetesObject:
    """A ConfigMap that says from what an `up` of the shard has begun.

    Its name is left to the plugin: one that is made again, after an edit was taken back, has to be
    another object than that which the engine has still to remove.
    """
    return KubernetesObject(
        f"tenant-nats-begun-{shard}",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": namespace, "labels": _labels(shard, names.BEGUN)},
            "data": dict(fingerprints),
            "immutable": True,
        },
    )


def _labels(member: str, component: str) -> dict[str, str]:
    return {COMPONENT_LABEL: component, MEMBER_LABEL: member, **OWNER_LABELS}
