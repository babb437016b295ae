"""Objects of Kubernetes, by their manifests.

The classes of pulumi_kubernetes are not imported: `core/v1` alone defines a thousand of them, and
that was a second of each preview and each `up` (`python -m benchmarks.engine`). What the engine is
sent is the same, less the aliases for API versions that no cluster has any more.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pulumi

Manifest = Mapping[str, Any]
"""What `kubectl apply` would take; values may be outputs of other resources."""
Part = dict[str, Any]
"""Of a manifest."""

_PLUGIN = version("pulumi-kubernetes")
"""The version of the SDK is that of the plugin that the engine is to take."""


class KubernetesObject(pulumi.CustomResource):
    """One object; its type is that of its manifest's `apiVersion` and `kind`."""

    metadata: pulumi.Output[Mapping[str, Any]]
    """Of the object as the API server has it."""

    def __init__(
        self, name: str, manifest: Manifest, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        token = f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{kind}"
        plugin = pulumi.ResourceOptions(version=_PLUGIN)
        super().__init__(token, name, manifest, pulumi.ResourceOptions.merge(opts, plugin))
