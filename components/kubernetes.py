"""Kubernetes objects, by their manifests.

The classes of pulumi_kubernetes are not imported: `core/v1` alone defines a thousand of them, and
that took a second of each preview and each `up` (`python -m benchmarks.engine_parts`). The engine
gets the same, without the aliases for API versions that no cluster has any more.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pulumi

from tenancy.names import FIELD_MANAGER

Manifest = Mapping[str, Any]
"""What `kubectl apply` would take; values may be outputs of other resources."""
Part = dict[str, Any]
"""A part of a manifest."""

_PLUGIN = version("pulumi-kubernetes")
"""The version of the plugin for the engine to use: that of the SDK."""


_APPLY = {
    # Else the plugin invents a manager for each object and keeps its name only in the state: if the
    # state, or an entry of it, is lost, an `up` conflicts with the fields that it has set itself.
    "pulumi.com/patchFieldManager": FIELD_MANAGER,
    # A preview shows what kubectl has changed, and an `up` reverts it; without this, both fail with
    # a conflict. `cluster.strangers` makes sure beforehand that no object is somebody else's.
    "pulumi.com/patchForce": "true",
}
"""How the plugin applies each object. Every version since 4.0 reads it from annotations."""


class KubernetesObject(pulumi.CustomResource):
    """One object; its type follows from its manifest's `apiVersion` and `kind`."""

    metadata: pulumi.Output[Mapping[str, Any]]
    """The object's metadata as the API server has it."""
    done: pulumi.Output[None]
    """Known once an `up` has made the object as it should be; not if it failed or was skipped."""

    def __init__(
        self, name: str, manifest: Manifest, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        metadata = manifest["metadata"]
        annotations = {**metadata.get("annotations", {}), **_APPLY}
        manifest = {**manifest, "metadata": {**metadata, "annotations": annotations}}
        token = f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{kind}"
        plugin = pulumi.ResourceOptions(version=_PLUGIN)
        # The engine is sent nothing of it, and answers nothing.
        props = {**manifest, "done": None}
        super().__init__(token, name, props, pulumi.ResourceOptions.merge(opts, plugin))
