"""Keeps the base of a cell while the namespace has servers.

`pulumi destroy` runs no program, so only a provider can refuse. The engine stores this one by the
path of its class: it can never be renamed or moved.
"""

import os
import sys
from typing import Any

import pulumi
from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, Resource, ResourceProvider

from cluster.kinds import KINDS
from cluster.kubectl import ClusterError, as_the_plugin
from tenancy.names import APP, OWNER_LABELS, TENANT_LABEL
from tenancy.words import counted, listed

_PLUGIN = ("kubeconfig", "context", "cluster")


class StillUsedError(Exception):
    """The namespace still has servers, or nobody could look."""


class KeeperProvider(ResourceProvider):
    """Does nothing but refuse to be deleted. Its id is the namespace."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once in the provider's own process; what it sets is never pickled."""
        self._plugin = {key: req.config.get(f"kubernetes:{key}") for key in _PLUGIN}

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another namespace is another keeper."""
        replaces = ["namespace"] if _olds.get("namespace") != _news["namespace"] else []
        return DiffResult(changes=bool(replaces), replaces=replaces, stables=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record the namespace."""
        return CreateResult(props["namespace"], props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Refuse while the namespace has servers of this project.

        Raises:
            StillUsedError: it has, or the cluster cannot be looked at.
        """
        # Else the engine prints the traceback of this expected error.
        sys.tracebacklimit = 0
        labels = ",".join(f"{key}={value}" for key, value in ({"app": APP} | OWNER_LABELS).items())
        question = (KINDS["Deployment"], f"--namespace={_id}", f"--selector={labels}")
        try:
            with as_the_plugin(self._plugin, os.environ) as kubectl:
                found = kubectl.get(*question)
        except ClusterError as error:
            raise StillUsedError(
                f"whether the namespace {_id} still has servers could not be seen: {error}"
            ) from None
        if not found:
            return
        tenants = sorted({each["metadata"]["labels"].get(TENANT_LABEL, "?") for each in found})
        raise StillUsedError(
            f"the namespace {_id} still has {counted(len(found), 'server')} of "
            f"{counted(len(tenants), 'tenant')} ({listed(tenants, most=3)}), which this stack's "
            "closing policy protects: destroy the shards of the cell first"
        )


class Keeper(Resource, module="tenant-nats", name="Keeper"):
    """Goes before all else of the base, and so keeps it: let it depend on all of that."""

    def __init__(
        self, name: str, *, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(KeeperProvider(), name, {"namespace": namespace}, opts)
