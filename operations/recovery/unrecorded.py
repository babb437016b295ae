"""Objects of ours in the cluster that no state has: pure, but for the one question to kubectl.

They come about when somebody clears an engine's notes of what it was about to make
(`pulumi refresh --clear-pending-creates`, `pulumi stack import`) without looking whether it was.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from cell.recorded import tenants_in
from cluster import kinds
from cluster.kubectl import Kubectl, LiveObject
from operations.outside.pulumi import Resource, State
from operations.recovery import pending
from tenancy.cells import BASE, Member
from tenancy.names import MEMBER_LABEL, OWNER_LABELS, TENANT_LABEL


def live_objects(namespaces: Iterable[str], kubectl: Kubectl) -> list[LiveObject]:
    """Our objects in these namespaces, and those of the namespaces that are ours.

    Raises:
        ClusterError: kubectl's own words.
    """
    labels = ",".join(f"{key}={value}" for key, value in OWNER_LABELS.items())
    known = kinds.known(kinds.KINDS, kubectl)
    found: list[LiveObject] = []
    for namespace in sorted(namespaces):
        for question in (
            ["namespaces", f"--field-selector=metadata.name={namespace}"],
            [known, f"--namespace={namespace}"],
        ):
            found += kubectl.get(*question, f"--selector={labels}")
    return [each for each in found if not each["metadata"].get("deletionTimestamp")]


def of_member(live: Iterable[LiveObject], member: Member, state: State) -> list[LiveObject]:
    """The objects of one member of a cell; all others of the namespace are in another's state.

    Of a tenant, the state has something before the cluster has. What has no tenant is named after
    its shard, or it is the base's.
    """
    tenants = tenants_in(state["deployment"])

    def is_own(each: LiveObject) -> bool:
        labels = each["metadata"]["labels"]
        if (tenant := labels.get(TENANT_LABEL)) is not None:
            return tenant in tenants
        return labels.get(MEMBER_LABEL, BASE) == member.name

    return [each for each in live if is_own(each)]


def elsewhere(
    creations: Sequence[Resource], live: Iterable[LiveObject], own: Sequence[LiveObject]
) -> dict[str, int]:
    """How many objects each tenant has that the next `up` would make, and that are not `own`.

    Each is in the state of another stack of the cell, or in none, if a state was lost. Only
    somebody who looks at the states of the whole cell can tell.
    """
    wanted = {(each["type"], pending.physical_id(each)) for each in creations}
    known = {(type_of(each), id_of(each)) for each in own}
    keys = {
        (type_of(each), id_of(each)): each["metadata"]["labels"].get(TENANT_LABEL) for each in live
    }
    return dict(Counter(keys[key] for key in keys.keys() & wanted - known if keys[key]))


def namespaces(state: State, creations: Sequence[Resource]) -> set[str]:
    """Where the stack has objects, or is to have some."""
    found: set[str] = set()
    for resource in (*pending.resources(state), *creations):
        id_ = pending.physical_id(resource) or ""
        if resource["type"] == "kubernetes:core/v1:Namespace":
            found.add(id_)
        elif resource["type"].startswith("kubernetes:") and "/" in id_:
            found.add(id_.partition("/")[0])
    return found - {""}


def match(
    state: State, creations: Sequence[Resource], live: Sequence[LiveObject]
) -> tuple[list[Resource], list[LiveObject]]:
    """The unrecorded objects: those that the next `up` would make, as resources, and the orphans.

    Of the first kind only those of which the preview could tell everything: more of them show when
    these are recorded. Until then nothing can be said of the others, so there are none. A namespace
    is no orphan: one that outlives its stack on purpose is ours and unrecorded too.
    """
    recorded = {_key(each) for each in pending.resources(state) if each.get("id")}
    unrecorded = {
        (type_of(each), id_of(each)): each
        for each in live
        if (type_of(each), id_of(each)) not in recorded
    }
    wanted = {
        (each["type"], pending.physical_id(each)): each
        for each in creations
        if each["type"].startswith("kubernetes:")
    }
    adoptable = [
        {**resource, "id": key[1], "provider": provider}
        for key, resource in wanted.items()
        if key in unrecorded
        and pending.is_known(resource)
        and (provider := _provider(state, resource["provider"]))
    ]
    if adoptable or any(id_ is None for _, id_ in wanted):
        return adoptable, []
    return [], [
        each
        for key, each in unrecorded.items()
        if key not in wanted and each["kind"] != "Namespace"
    ]


def beyond_recording(
    state: State, creations: Sequence[Resource], live: Sequence[LiveObject]
) -> list[LiveObject]:
    """What is there and would be made, where the state has no provider that it could belong to.

    That is a state which was lost: only an `up` makes a provider. A namespace may outlive its stack
    on purpose, and says nothing.
    """
    if any(each["type"] == "pulumi:providers:kubernetes" for each in pending.resources(state)):
        return []
    wanted = {(each["type"], pending.physical_id(each)) for each in creations}
    return [
        each
        for each in live
        if each["kind"] != "Namespace" and (type_of(each), id_of(each)) in wanted
    ]


def _key(resource: Resource) -> tuple[str, str]:
    return resource["type"], resource["id"]


def _provider(state: State, reference: str) -> str | None:
    """The state's reference to the provider that a preview refers to."""
    urn = reference.rpartition("::")[0]
    return next(
        (f"{urn}::{each['id']}" for each in pending.resources(state) if each["urn"] == urn), None
    )


def type_of(live: LiveObject) -> str:
    """The object's type token: `kubernetes:apps/v1:Deployment`."""
    group = live["apiVersion"]
    return f"kubernetes:{group if '/' in group else f'core/{group}'}:{live['kind']}"


def id_of(live: LiveObject) -> str:
    """The object's id in a state: `namespace/name`."""
    metadata = live["metadata"]
    return "/".join(metadata[key] for key in ("namespace", "name") if key in metadata)


def deletions(orphans: Iterable[LiveObject], kubectl: Kubectl) -> list[str]:
    """For each namespace the command that deletes its orphans, for a shell.

    A server goes before the policies that close it: kubectl deletes in the order of its arguments.
    """
    order = [*kinds.KINDS]
    found: dict[str, list[str]] = {}
    for each in sorted(orphans, key=lambda each: -order.index(each["kind"])):
        name = f"{kinds.KINDS[each['kind']]}/{each['metadata']['name']}"
        found.setdefault(each["metadata"]["namespace"], []).append(name)
    return [
        shlex.join(kubectl.command("delete", f"--namespace={namespace}", *names))
        for namespace, names in sorted(found.items())
    ]
