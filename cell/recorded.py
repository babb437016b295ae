"""Which tenants a state has, so that a shard can tell its own from its neighbours'.

The rows of all shards are in one table, and no row says whose it is. What is in the state of a
stack is the stack's, whatever its inventory says at the moment.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tenancy.tokens import KEEPER, TENANT


def tenants_in(deployment: Mapping[str, Any]) -> frozenset[str]:
    """The tenants of which a state has anything that a provider makes, or was about to make.

    A component alone does not count: an `up` that failed for a tenant of another shard leaves one.

    Args:
        deployment: that of an exported state.
    """
    pending = [each["resource"] for each in deployment.get("pending_operations") or ()]
    return _holding([*(deployment.get("resources") or ()), *pending])


def kept_namespace(deployment: Mapping[str, Any]) -> str | None:
    """The namespace that the state of a base keeps; None for a state that keeps none."""
    found = (each for each in deployment.get("resources") or () if each["type"] == KEEPER)
    return next((each.get("id") for each in found), None)


def _holding(resources: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    by_urn = {each["urn"]: each for each in resources}
    found: set[str] = set()
    for each in by_urn.values():
        above: Mapping[str, Any] | None = each if each.get("custom") else None
        while above and above["type"] != TENANT:
            above = by_urn.get(above.get("parent", ""))
        if above:
            found.add(above["urn"].rpartition("::")[2])
    return frozenset(found)
