"""Created: policies, servers, rows. Deleted: in reverse, which the engine derives."""

import pytest

from rendering.recorder import Graph, deploy
from settings.stack import Settings
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import expand
from tenant_nats.construction import build
from tenant_nats.decision import Decision
from tests.components.stack import graph_of


def test_a_server_waits_for_the_policy_that_closes_the_namespace() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    for name in ("nats-acme-corp-1-deployment", "nats-acme-corp-2-deployment"):
        assert "vrsky-tenants-closed" in _needed_at_once(graph, ":Deployment", name), (
            "a pod that no policy selects is open: invariant 3"
        )


def test_a_server_waits_for_the_policy_of_its_tenant() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}, "globex": {}})
    for name in ("nats-acme-corp-1-deployment", "nats-acme-corp-2-deployment"):
        assert "acme-corp-policy" in _needed_at_once(graph, ":Deployment", name), (
            "a policy that goes before its pod leaves workers without their server: invariant 3"
        )


def test_a_server_waits_for_its_configuration() -> None:
    needed = _needed_at_once(graph_of({"acme-corp": {}}), ":Deployment")
    assert "nats-acme-corp-1-config" in needed


def test_a_configuration_is_skipped_with_its_server() -> None:
    graph = graph_of({"acme-corp": {}})
    assert {"vrsky-tenants-closed", "acme-corp-policy"} <= _needed_at_once(graph, ":ConfigMap"), (
        "the engine would replace what a server that it skips still needs: invariant 9"
    )


def test_a_server_never_waits_for_a_service() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    for deployment in graph.of_type(":Deployment"):
        assert not [each.name for each in graph.needed(deployment) if each.type.endswith("Service")]


def test_rows_wait_for_the_policy_and_every_server_and_service_of_their_tenant() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}, "globex": {}})
    assert {
        "acme-corp-policy",
        "nats-acme-corp-1-deployment",
        "nats-acme-corp-1-service",
        "nats-acme-corp-2-deployment",
        "nats-acme-corp-2-service",
    } == _needed_at_once(graph, "TenantRecords", "acme-corp-records"), (
        "a row is active only while its server and its Service are there: invariant 4"
    )


def test_a_tenant_waits_for_no_other_tenant() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}, "globex": {}})
    records = graph.one("TenantRecords", "globex-records")
    assert {
        "vrsky-tenants-namespace",
        "vrsky-tenants-closed",
        "globex-policy",
        "nats-globex-1-config",
        "nats-globex-1-deployment",
        "nats-globex-1-service",
    } == {each.name for each in graph.needed(records)}


def test_tenants_that_restart_in_turn_depend_on_none_of_each_other() -> None:
    inventory = Inventory.model_validate({"tenants": {"acme": {"instances": 2}, "globex": {}}})
    plan = expand(inventory, namespace="vrsky-tenants")
    settings = Settings()

    def registered(*in_turn: str) -> Graph:
        return deploy(lambda: build(settings, Decision(plan=plan, in_turn=frozenset(in_turn))))

    assert registered("acme", "globex") == registered(), (
        "an edge of the state would change one tenant's resource with another's: invariant 1"
    )


@pytest.mark.parametrize("kind", ["NetworkPolicy", "ConfigMap", "Deployment", ":Service"])
def test_whatever_lives_in_a_managed_namespace_waits_for_it(kind: str) -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    for resource in graph.of_type(kind):
        assert "vrsky-tenants-namespace" in _needed_at_once(graph, kind, resource.name)


def _needed_at_once(graph: Graph, kind: str, name: str | None = None) -> set[str]:
    """The logical names of the dependencies that a resource itself has."""
    urns = graph.one(kind, name).dependencies
    return {each.name for each in graph.resources if each.urn in urns}
