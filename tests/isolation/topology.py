"""The objects that the analyser reads: what the API server holds, and what is made up around it."""

from collections.abc import Iterable, Mapping
from typing import Any

from tenancy.plan.plan import Plan
from tests.isolation.truth import ELSEWHERE, MONITORING, Place, sources, strays, targets

Object = Mapping[str, Any]

_FREE_LABELS = {
    MONITORING: {"purpose": "monitoring"},
    ELSEWHERE: {"purpose": "monitoring", "name": "kube-system"},
}
"""What the owners of namespaces write on them, some of them to be taken for another."""


def surroundings(plan: Plan, held: Iterable[str]) -> list[Object]:
    """Pods and namespaces around the servers; the namespaces that are `held` are there already."""
    places = {
        place.endpoint: place
        for place in (*sources(plan), *targets(), *strays(plan))
        if place.namespace
    }
    names = {place.namespace for place in places.values()} - set(held)
    return [
        *(namespace(name, _FREE_LABELS.get(name, {})) for name in sorted(names)),
        *(pod(endpoint, dict(place.labels)) for endpoint, place in sorted(places.items())),
    ]


def servers(pods: Iterable[Object]) -> list[Place]:
    """The NATS pods among `pods`, each by its instance's name."""
    return [
        Place(
            name="nats-{tenant-id}-{instance-num}".format_map(labels),
            endpoint=f"{metadata['namespace']}/{metadata['name']}",
            namespace=metadata["namespace"],
            tenant=labels["tenant-id"],
            is_server=True,
        )
        for metadata in (each["metadata"] for each in pods)
        if (labels := metadata.get("labels", {})).get("app") == "nats"
    ]


def namespace(name: str, labels: Mapping[str, str]) -> Object:
    """A namespace as the API server has it, with the label that Kubernetes itself writes."""
    labels = {**labels, "kubernetes.io/metadata.name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod(endpoint: str, labels: Mapping[str, str]) -> Object:
    """A pod, by its `namespace/name`, as far as the analyser looks at it."""
    space, name = endpoint.split("/")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": space, "name": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "example"}]},
    }
