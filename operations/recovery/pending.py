"""From what an engine was about to make to resources of the state: pure, over exported states.

A pending create is an engine's note "I am about to make this", of which nobody knows whether it was
made. It becomes a resource of the state here, with the id that it has if it exists, and a mark that
nobody has looked yet. A refresh of it then lets its provider look: what is there is recorded as it
is, what is not there leaves the state.

Why not the engine's own way, `pulumi refresh --import-pending-creates URN ID`: it turns the note
into one that the refresh drops, so that the object is in no state at all, and exits with 0 (seen
with 3.259; ADR 0017).
"""

import copy
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from operations.outside.pulumi import Resource, State
from tenancy.names import are_ours
from tenancy.tokens import TENANT_RECORDS

_UNCONFIRMED = (
    "recorded by `tenant-nats recover`, which was interrupted before it looked: run it again"
)
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What a preview has in the place of a value that only an `up` can know."""


def name(resource: Resource) -> str:
    """The logical name."""
    return resource["urn"].rpartition("::")[2]


def told(resource: Resource) -> str:
    """What people call the object: `Deployment vrsky-tenants/nats-acme-1`."""
    return f"{resource['type'].rpartition(':')[2]} {resource['id']}"


def physical_id(resource: Resource) -> str | None:
    """The id that the resource has if it exists; None where its inputs do not say.

    Names are never left to the provider here, so the inputs of what a program of ours makes do.
    """
    inputs: Resource = resource.get("inputs", {})
    if resource["type"] == TENANT_RECORDS:
        return inputs.get("tenant_id")
    if not resource["type"].startswith("kubernetes:"):
        return None
    metadata: dict[str, Any] = inputs.get("metadata") or {}
    parts = [metadata[key] for key in ("namespace", "name") if metadata.get(key)]
    return "/".join(parts) if metadata.get("name") and _UNKNOWN not in parts else None


def is_known(resource: Resource) -> bool:
    """Whether a preview could tell every input of the resource."""
    return _UNKNOWN not in json.dumps(resource.get("inputs", {}))


@dataclass(frozen=True)
class Interrupted:
    """What the engine was at when it died."""

    creating: tuple[Resource, ...]
    """What may be made without being recorded, each with its `id`."""
    changing: tuple[Resource, ...]
    """What is recorded and was about to be changed or deleted."""
    unidentified: tuple[Resource, ...]
    """What may be made, under an id that only its provider knows."""

    def __bool__(self) -> bool:
        return bool(self.creating or self.changing or self.unidentified)


def operations(state: State) -> list[dict[str, Any]]:
    """The engine's pending operations, each with a `type` and a `resource`."""
    return state["deployment"].get("pending_operations") or []


def interrupted(state: State) -> Interrupted:
    """The pending operations of a state, and what an interrupted recovery has left in it."""
    recorded = {(each["urn"], each.get("id")) for each in resources(state) if not _is_gone(each)}
    urns = {each["urn"] for each in resources(state)}
    creating = {each["urn"]: each for each in resources(state) if _is_marked(each)}
    changing: dict[str, Resource] = {}
    unidentified: list[Resource] = []
    for operation in operations(state):
        resource: Resource = operation["resource"]
        if operation["type"] != "creating":
            if resource["urn"] in urns:
                changing[resource["urn"]] = resource
        elif resource.get("custom"):
            id_ = physical_id(resource)
            if id_ is None:
                # A provider of the engine has no object anywhere: it is simply made again.
                if not resource["type"].startswith("pulumi:providers:"):
                    unidentified.append(resource)
            elif (resource["urn"], id_) not in recorded:
                creating[resource["urn"]] = {**resource, "id": id_}
    return Interrupted(tuple(creating.values()), tuple(changing.values()), tuple(unidentified))


def resources(state: State) -> list[Resource]:
    """All resources of a state, each after those that it refers to."""
    return state["deployment"].get("resources") or []


def _is_marked(resource: Resource) -> bool:
    return _UNCONFIRMED in resource.get("initErrors", ())


def _is_gone(resource: Resource) -> bool:
    """Whether the object is deleted, and the entry only says that another one is to follow."""
    return bool(resource.get("pendingReplacement"))


def record(state: State, found: Iterable[Resource]) -> State:
    """`state` with `found` among its resources, each marked as not looked at yet.

    Args:
        state: an exported state.
        found: resources with an `id`, in an order in which they could have been made.
    """
    adopted = copy.deepcopy(state)
    adopted["deployment"].pop("pending_operations", None)
    entries = resources(adopted)
    for resource in found:
        index = next((i for i, old in enumerate(entries) if _is_replaced(old, resource)), None)
        known = {old["urn"] for old in entries[:index]}
        if index is None:
            entries.append(_marked(resource, known))
        elif _is_gone(entries[index]) or _is_marked(entries[index]):
            entries[index] = _marked(resource, known)
        else:
            # A replacement that makes the new one first: the engine's next step was to mark the
            # old one for deletion, at the end of the `up`.
            entries[index]["delete"] = True
            entries.insert(index, _marked(resource, known))
    adopted["deployment"]["resources"] = entries
    return adopted


def _is_replaced(old: Resource, new: Resource) -> bool:
    return old["urn"] == new["urn"] and not old.get("delete")


def _marked(resource: Resource, known: Collection[str]) -> Resource:
    """The resource as an entry of a state in which there are `known`: it may refer to no others."""
    inputs = resource["inputs"]
    entry: Resource = {
        **resource,
        "outputs": {**inputs, **_checkpoint(resource)},
        "initErrors": [_UNCONFIRMED],
        **_references(resource, known),
    }
    if resource.get("parent") not in known:
        entry.pop("parent", None)
    return entry


def _references(resource: Resource, known: Collection[str]) -> Resource:
    """The references of a resource to others, as far as those are `known`."""
    dependencies: list[str] = resource.get("dependencies") or []
    by_property: dict[str, list[str] | None] = resource.get("propertyDependencies") or {}
    return {
        "dependencies": [urn for urn in dependencies if urn in known],
        "propertyDependencies": {
            key: [urn for urn in urns or [] if urn in known] for key, urns in by_property.items()
        },
    }


def _checkpoint(resource: Resource) -> Resource:
    """What the Kubernetes plugin keeps beside an object, to know what it asked for."""
    inputs = resource["inputs"]
    if not resource["type"].startswith("kubernetes:"):
        return {}
    return {"__inputs": inputs, "__initialApiVersion": inputs["apiVersion"]}


def strangers(state: State, urns: Collection[str]) -> list[Resource]:
    """Those of the Kubernetes objects that do not carry the labels of everything made here."""
    return [
        resource
        for resource in resources(state)
        if resource["urn"] in urns
        and resource["type"].startswith("kubernetes:")
        and not resource.get("delete")
        and not are_ours(_labels(resource.get("outputs", {})))
    ]


def _labels(thing: Resource) -> dict[str, str]:
    metadata: dict[str, Any] = thing.get("metadata") or {}
    return metadata.get("labels") or {}


def without(state: State, unwanted: Sequence[Resource]) -> State:
    """`state` without these resources, and without references to them."""
    gone = {resource["urn"] for resource in unwanted}
    left = copy.deepcopy(state)
    entries = [each for each in resources(left) if each["urn"] not in gone or each.get("delete")]
    known = {each["urn"] for each in entries}
    left["deployment"]["resources"] = [{**each, **_references(each, known)} for each in entries]
    return left


def has(state: State, resource: Resource) -> bool:
    """Whether `resource` is recorded in `state`, under the same id."""
    return any(
        (each["urn"], each.get("id")) == (resource["urn"], resource["id"])
        for each in resources(state)
    )
