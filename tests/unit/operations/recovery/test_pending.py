"""What a state becomes that has an engine's notes of what it was about to make."""

from typing import Any

import pytest

from cluster.kubectl import Kubectl
from operations.outside.pulumi import Resource, State
from operations.recovery import pending, unrecorded
from tenancy.names import OWNER_LABELS
from tenancy.tokens import TENANT_RECORDS

PREFIX = "urn:pulumi:prod::tenant-nats"
STACK: Resource = {"urn": f"{PREFIX}::pulumi:pulumi:Stack::s", "type": "pulumi:pulumi:Stack"}
PROVIDER: Resource = {
    "urn": f"{PREFIX}::pulumi:providers:kubernetes::default_4",
    "type": "pulumi:providers:kubernetes",
    "id": "p-1",
}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def made(name: str, kind: str = "core/v1:ConfigMap", *, id_: str | None = None, **more: Any) -> Any:
    """A resource; in a state it has an id, in a note and in a preview none."""
    metadata = {"name": name, "namespace": "ns", "labels": dict(OWNER_LABELS)}
    resource = {
        "urn": f"{PREFIX}::kubernetes:{kind}::{name}-logical",
        "custom": True,
        "type": f"kubernetes:{kind}",
        "inputs": {"apiVersion": "v1", "metadata": metadata},
        "parent": STACK["urn"],
        "provider": f"{PROVIDER['urn']}::p-1",
        **more,
    }
    return {**resource, "id": id_, "outputs": {"metadata": metadata}} if id_ else resource


def live(name: str, kind: str = "ConfigMap", version: str = "v1") -> unrecorded.LiveObject:
    metadata = {"name": name, "namespace": "ns", "labels": dict(OWNER_LABELS), "uid": "u"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def state(*resources: Resource, notes: dict[str, list[Resource]] | None = None) -> State:
    pending = [
        {"type": kind, "resource": resource}
        for kind, noted in (notes or {}).items()
        for resource in noted
    ]
    return {
        "version": 3,
        "deployment": {
            "resources": [STACK, PROVIDER, *resources],
            "pending_operations": pending,
        },
    }


def ids(of: State) -> list[tuple[str, bool]]:
    """The ids of a state's objects, and whether each is marked for deletion."""
    return [
        (each["id"], each.get("delete", False))
        for each in of["deployment"]["resources"]
        if each["type"].startswith("kubernetes:")
    ]


def records(tenant: str = "acme") -> Resource:
    return {
        "urn": f"{PREFIX}::{TENANT_RECORDS}::{tenant}-records",
        "custom": True,
        "type": TENANT_RECORDS,
        "inputs": {"tenant_id": tenant, "instances": [], "__provider": "…"},
    }


@pytest.mark.parametrize(
    ("resource", "id_"),
    [
        (made("x"), "ns/x"),
        (records("acme"), "acme"),
        ({"type": "kubernetes:core/v1:Namespace", "inputs": {"metadata": {"name": "ns"}}}, "ns"),
        ({"type": "kubernetes:core/v1:Service", "inputs": {"metadata": {"name": UNKNOWN}}}, None),
        ({"type": "kubernetes:core/v1:Service", "inputs": {}}, None),
        ({"type": "random:index:Id", "inputs": {"metadata": {"name": "x"}}}, None),
    ],
)
def test_the_id_of_what_may_exist_follows_from_its_inputs(
    resource: Resource, id_: str | None
) -> None:
    assert pending.physical_id(resource) == id_


def test_notes_are_told_apart_by_what_has_to_be_done_about_them() -> None:
    there = made("there", id_="ns/there")
    changed = made("changed", id_="ns/changed")
    provider = {**PROVIDER, "custom": True}
    stranger = {"urn": f"{PREFIX}::random:index:Id::r", "custom": True, "type": "random:index:Id"}
    component = {"urn": f"{PREFIX}::tenant-nats:index:Tenant::acme", "type": "t", "custom": False}
    found = pending.interrupted(
        state(
            there,
            changed,
            notes={
                "creating": [made("new"), made("there"), records(), provider, stranger, component],
                "updating": [changed],
                "deleting": [made("gone", id_="ns/gone")],
            },
        )
    )
    assert [pending.told(each) for each in found.creating] == [
        "ConfigMap ns/new",
        "TenantRecords acme",
    ]
    assert found.changing == (changed,)
    assert found.unidentified == (stranger,)


def test_a_healthy_state_has_no_interrupted_operations() -> None:
    assert not pending.interrupted(state(made("x", id_="ns/x")))


def test_what_was_about_to_be_made_comes_last_and_refers_to_what_is_there_only() -> None:
    there = made("there", id_="ns/there")
    new = made(
        "new",
        id_="ns/new",
        dependencies=[there["urn"], "urn:of:nothing"],
        propertyDependencies={"spec": [there["urn"], "urn:of:nothing"], "kind": None},
    )
    adopted = pending.record(state(there, notes={"creating": [new]}), [new])
    assert "pending_operations" not in adopted["deployment"]
    entry = adopted["deployment"]["resources"][-1]
    assert entry["id"] == "ns/new"
    assert entry["dependencies"] == [there["urn"]]
    assert entry["propertyDependencies"] == {"spec": [there["urn"]], "kind": []}


def test_what_nobody_has_looked_at_yet_is_found_by_the_next_recovery() -> None:
    adopted = pending.record(state(), [made("new", id_="ns/new")])
    again = pending.interrupted(adopted)
    assert [each["id"] for each in again.creating] == ["ns/new"]
    assert ids(pending.record(adopted, again.creating)) == [("ns/new", False)]


def test_a_replacement_that_makes_the_new_one_first_marks_the_old_one_for_deletion() -> None:
    old = made("x", id_="ns/x-old")
    dependent = made("y", id_="ns/y", dependencies=[old["urn"]])
    adopted = pending.record(state(old, dependent), [{**made("x"), "id": "ns/x-new"}])
    assert ids(adopted) == [("ns/x-new", False), ("ns/x-old", True), ("ns/y", False)]


def test_a_replacement_whose_old_one_is_deleted_already_takes_its_place() -> None:
    old = made("x", id_="ns/x", pendingReplacement=True)
    noted = state(old, notes={"creating": [made("x")]})
    [new] = pending.interrupted(noted).creating
    adopted = pending.record(noted, [new])
    assert ids(adopted) == [("ns/x", False)]
    assert "pendingReplacement" not in adopted["deployment"]["resources"][-1]


def test_an_object_without_our_labels_is_a_strangers_and_is_forgotten_again() -> None:
    ours, theirs = made("ours", id_="ns/ours"), made("theirs", id_="ns/theirs")
    theirs["outputs"] = {"metadata": {"name": "theirs"}}
    ours["dependencies"] = [theirs["urn"]]
    found = state(theirs, ours)
    strangers = pending.strangers(found, {theirs["urn"], ours["urn"]})
    assert strangers == [theirs]
    left = pending.without(found, strangers)
    assert ids(left) == [("ns/ours", False)]
    assert left["deployment"]["resources"][-1]["dependencies"] == []


def test_live_objects_that_the_next_up_would_make_are_adoptable() -> None:
    known = state(made("x", id_="ns/x"))
    adoptable, orphans = unrecorded.match(known, [made("y"), made("z")], [live("x"), live("y")])
    assert [each["id"] for each in adoptable] == ["ns/y"]
    assert orphans == []


def test_live_objects_that_nothing_asks_for_are_orphans() -> None:
    known = state(made("x", id_="ns/x"))
    assert unrecorded.match(known, [made("z")], [live("x"), live("y")]) == ([], [live("y")])


def test_a_namespace_that_outlives_its_stack_is_no_orphan() -> None:
    retained = live("ns", "Namespace")
    del retained["metadata"]["namespace"]
    assert unrecorded.match(state(), [], [retained]) == ([], [])


def test_nothing_is_an_orphan_while_a_preview_does_not_know_every_name() -> None:
    unnamed = made("z")
    unnamed["inputs"]["metadata"]["namespace"] = UNKNOWN
    assert unrecorded.match(state(), [unnamed], [live("y")]) == ([], [])


def test_an_object_whose_inputs_a_preview_does_not_know_waits_for_the_next_round() -> None:
    vague = made("y")
    vague["inputs"]["spec"] = {"configMap": UNKNOWN}
    assert unrecorded.match(state(), [vague], [live("y")]) == ([], [])


def test_without_a_provider_in_the_state_nothing_can_be_adopted() -> None:
    nothing: State = {"deployment": {}}
    assert unrecorded.match(nothing, [made("y")], [live("y")]) == ([], [])


def test_a_state_without_a_provider_was_lost_where_there_is_what_it_would_make() -> None:
    lost: State = {"deployment": {}}
    retained = live("z", "Namespace")
    objects = [live("x"), live("y"), retained]
    asked = [made("y"), made("z", "core/v1:Namespace")]
    assert unrecorded.beyond_recording(lost, asked, objects) == [live("y")]
    assert unrecorded.beyond_recording(state(), asked, objects) == []


def test_the_command_that_deletes_orphans_deletes_servers_before_their_policies() -> None:
    policy = live("p", "NetworkPolicy", "networking.k8s.io/v1")
    elsewhere = live("s", "Service")
    elsewhere["metadata"]["namespace"] = "other"
    orphans = [policy, live("d", "Deployment", "apps/v1"), elsewhere]
    assert unrecorded.deletions(orphans, Kubectl("prod")) == [
        "kubectl --context=prod delete --namespace=ns deployments.apps/d "
        "networkpolicies.networking.k8s.io/p",
        "kubectl --context=prod delete --namespace=other services/s",
    ]


def test_the_namespaces_to_look_in_are_those_of_the_state_and_of_the_preview() -> None:
    elsewhere = made("y")
    elsewhere["inputs"]["metadata"]["namespace"] = "elsewhere"
    namespace = {"type": "kubernetes:core/v1:Namespace", "inputs": {"metadata": {"name": "new"}}}
    found = unrecorded.namespaces(state(made("x", id_="ns/x")), [elsewhere, namespace])
    assert found == {"ns", "elsewhere", "new"}
