"""A namespace's ResourceQuotas, and what the servers' objects and pods use of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster import kinds
from cluster.kubectl import Kubectl, LiveObject
from tenancy.names import APP, INSTANCE_LABEL, PART_OF, TENANT_LABEL
from tenancy.plan.quota import Amounts, Asked, Quota, added, amounts
from tenancy.quantities import quantity


@dataclass(frozen=True, kw_only=True)
class Rationed:
    """A namespace with quotas."""

    quotas: tuple[Quota, ...]
    there: Asked
    """What the objects that this project has made there ask for."""
    running: Mapping[str, Amounts]
    """What the pods of each server use, by the server's name."""


def rationed(
    namespace: str, kubectl: Kubectl, own: Collection[str] | None = None
) -> Rationed | None:
    """The quotas of a namespace and what is used of them; None if it has none.

    Args:
        namespace: where the servers live.
        kubectl: asked.
        own: the only tenants whose objects are the stack's, in a namespace of several stacks; None
            for all.

    Raises:
        ClusterError: the cluster cannot be read.
    """
    within = f"--namespace={namespace}"
    quotas = tuple(map(_quota, kubectl.get("resourcequotas", within)))
    if not quotas:
        return None
    counted = {kind for kind, word in kinds.KINDS.items() if _is_counted(word, quotas)} | {
        "Deployment"
    }
    of_tenants = "" if own is None else f",{TENANT_LABEL} in ({','.join(sorted(own))})"
    selector = f"--selector={'='.join(PART_OF)}{of_tenants}"
    objects = kubectl.get(kinds.known(counted, kubectl), within, selector)
    # Also the pods of a server that was handed over and has not restarted.
    selector = f"--selector=app={APP},{TENANT_LABEL},{INSTANCE_LABEL}{of_tenants}"
    pods = kubectl.get("pods", within, selector, f"--field-selector={_COUNTED_PODS}")
    return Rationed(
        quotas=quotas,
        there=Asked(servers=dict(_servers(objects)), objects=_names(objects)),
        running=_running(pods),
    )


_COUNTED_PODS = "status.phase!=Succeeded,status.phase!=Failed"


def _quota(live: LiveObject) -> Quota:
    spec: Mapping[str, Any] = live.get("spec", {})
    status: Mapping[str, Any] = live.get("status", {})
    hard: Mapping[str, Any] = status.get("hard") or spec.get("hard", {})
    read = _quantities(hard)
    selected = spec.get("scopeSelector", {}).get("matchExpressions", [])
    return Quota(
        name=live["metadata"]["name"],
        hard=read,
        used=_quantities(status.get("used", {})),
        unread=frozenset(hard) - frozenset(read),
        scopes=frozenset([*spec.get("scopes", []), *(each["scopeName"] for each in selected)]),
    )


def _quantities(values: Mapping[str, Any]) -> Amounts:
    read = {key: quantity(str(value)) for key, value in values.items()}
    return {key: value for key, value in read.items() if value is not None}


def _is_counted(word: str, quotas: Iterable[Quota]) -> bool:
    return any({word, f"count/{word}"} & quota.hard.keys() for quota in quotas)


def _servers(objects: Collection[LiveObject]) -> Iterator[tuple[str, Amounts]]:
    for each in objects:
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], _amounts(each["spec"]["template"]["spec"])


def _running(pods: Iterable[LiveObject]) -> Mapping[str, Amounts]:
    servers: defaultdict[str, list[Amounts]] = defaultdict(list)
    for pod in pods:
        labels = pod["metadata"]["labels"]
        # The form of an instance_name; the number may be any text, since others set labels too.
        name = f"{APP}-{labels[TENANT_LABEL]}-{labels[INSTANCE_LABEL]}"
        servers[name].append(_amounts(pod["spec"]))
    return {name: added(each) for name, each in servers.items()}


def _names(objects: Collection[LiveObject]) -> Mapping[str, frozenset[str]]:
    names: defaultdict[str, set[str]] = defaultdict(set)
    for each in objects:
        names[kinds.KINDS[each["kind"]]].add(each["metadata"]["name"])
    return {word: frozenset(called) for word, called in names.items()}


def _amounts(pod: Mapping[str, Any]) -> Amounts:
    # As Kubernetes counts sidecars; those that end before the server starts use no more than it.
    beside = [each for each in pod.get("initContainers", []) if each.get("restartPolicy")]
    return amounts(each.get("resources", {}) for each in [*pod["containers"], *beside])
