"""Whether a policy selected every NATS pod at every moment, by what the API server told of it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Object = Mapping[str, Any]

_DIRECTIONS = ("Ingress", "Egress")


class Event(NamedTuple):
    """One change of a pod or a policy of one namespace."""

    version: int
    """The object's resourceVersion. One etcd holds both kinds, so one counter orders them all."""
    type: str
    """ADDED, MODIFIED or DELETED, as watches have it."""
    object: Object


def unselected(events: Iterable[Event]) -> list[str]:
    """The NATS pods that existed at some moment without a policy for each direction.

    A pod counts until it is deleted, since one that is terminating still answers. The events are
    in any order.
    """
    found = {
        f"{pod['metadata']['name']} has no policy for its {direction} at {version}"
        for version, pods, policies in _moments(events)
        for pod in pods
        for direction in _DIRECTIONS
        if not any(_selects(policy, pod, direction) for policy in policies)
    }
    return sorted(found)


def _moments(events: Iterable[Event]) -> Iterator[tuple[int, list[Object], list[Object]]]:
    """After each event: its version, the NATS pods and the policies that there are."""
    living: dict[str, dict[str, Object]] = {"Pod": {}, "NetworkPolicy": {}}
    for event in sorted(events, key=lambda event: event.version):
        objects = living[event.object["kind"]]
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            del objects[name]
        else:
            objects[name] = event.object
        pods = [pod for pod in living["Pod"].values() if _labels(pod).get("app") == "nats"]
        yield event.version, pods, list(living["NetworkPolicy"].values())


def _selects(policy: Object, pod: Object, direction: str) -> bool:
    spec = policy["spec"]
    return direction in spec["policyTypes"] and _matches(spec["podSelector"], _labels(pod))


def _matches(selector: Object, labels: Mapping[str, str]) -> bool:
    # Our policies select pods by these only; what else there may be must not be taken for a match.
    assert set(selector) <= {"matchLabels"}, f"a selector that is not understood: {selector}"
    return selector.get("matchLabels", {}).items() <= labels.items()


def _labels(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("labels", {})
