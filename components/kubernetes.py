"""Objects of Kubernetes, by their manifests.

The classes of pulumi_kubernetes are not imported: `core/v1` alone defines a thousand of them, and
that took a second of each preview and each `up` (`python -m benchmarks.engine_parts`). The engine
is sent the same, less the aliases for API versions that no cluster has any more.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pulumi

from tenancy.names import FIELD_MANAGER

Manifest = Mapping[str, Any]
"""What `kubectl apply` would take; values may be outputs of other resources."""
Part = dict[str, Any]
"""Of a manifest."""

_PLUGIN = version("pulumi-kubernetes")
"""The version of the SDK is that of the plugin that the engine is to take."""


_APPLY = {
    # Else the plugin invents a manager for each object and keeps its name in the state alone: who
    # loses the state, or an entry of it, would conflict with what he has set himself.
    "pulumi.com/patchFieldManager": FIELD_MANAGER,
    # What kubectl has changed is put right by an `up` and seen by a preview; else it is a conflict,
    # in both. That nobody else's object is taken is seen to before (`cluster.strangers`).
    "pulumi.com/patchForce": "true",
}
"""How the plugin is to apply each object. Every version since 4.0 reads it there."""


class KubernetesObject(pulumi.CustomResource):
    """One object; its type is that of its manifest's `apiVersion` and `kind`."""

    metadata: pulumi.Output[Mapping[str, Any]]
    """Of the object as the API server has it."""

    def __init__(
        self, name: str, manifest: Manifest, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        metadata = manifest["metadata"]
        annotations = {**metadata.get("annotations", {}), **_APPLY}
        manifest = {**manifest, "metadata": {**metadata, "annotations": annotations}}
        token = f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{kind}"
        plugin = pulumi.ResourceOptions(version=_PLUGIN)
        super().__init__(token, name, manifest, pulumi.ResourceOptions.merge(opts, plugin))
