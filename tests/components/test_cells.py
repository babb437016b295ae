"""What the members of a cell register: the base has the namespace, the shards have the tenants."""

from rendering.recorder import Graph, Registered
from settings.stack import Settings
from tenancy.cells import Member
from tenancy.inventory.models import Inventory
from tenant_nats.decision import rules_of
from tests.components.stack import graph_of_member

BASE = Member(cell="eu", shard=None)
SHARD = Member(cell="eu", shard="017")


def named(graph: Graph) -> set[str]:
    """`Kind name` of what a provider makes."""
    return {f"{kind(each)} {each.name}" for each in graph.resources if each.custom}


def kind(resource: Registered) -> str:
    return resource.type.rpartition(":")[2]


def test_the_base_has_what_is_the_namespaces_and_no_tenant() -> None:
    assert named(graph_of_member(BASE)) == {
        "Namespace vrsky-tenants-namespace",
        "NetworkPolicy vrsky-tenants-closed",
        "LimitRange vrsky-tenants-strays",
        "ConfigMap base-mark",
        "Keeper keeper",
    }


def test_a_shard_has_its_tenants_and_reads_the_closing_policy() -> None:
    found = graph_of_member(SHARD, "acme", metrics={"prometheusRule": True, "podMonitor": True})
    assert {each for each in named(found) if "acme" not in each} == {
        "ConfigMap 017-mark",
        "ConfigMap tenant-nats-begun-017",
        "PrometheusRule monitoring-rules",
    }
    assert not [each for each in found.resources if each.name == "vrsky-tenants-closed"], (
        "it is read, and never registered"
    )


def test_each_server_of_a_shard_depends_on_the_closing_policy_that_is_read() -> None:
    deployment = graph_of_member(SHARD, "acme").one("Deployment")
    assert any(urn.endswith("::vrsky-tenants-closed") for urn in deployment.dependencies)


def test_all_else_of_a_shard_follows_what_says_that_it_has_begun() -> None:
    """Also what is deleted: the engine removes the former one when nothing else is left to do."""
    found = graph_of_member(SHARD, "acme", metrics={"prometheusRule": True})
    begun = found.one("ConfigMap", "tenant-nats-begun-017")
    closed = ("vrsky-tenants-closed",)  # is read, and depends on it as well
    for each in found.resources:
        if each.custom and each is not begun:
            needed = [each, *found.needed(each)]
            urns = {urn for one in needed for urn in one.dependencies}
            assert begun.urn in urns or any(urn.endswith(closed) for urn in urns), each.urn


def test_the_mark_comes_after_all_else_and_the_keeper_after_the_mark() -> None:
    shard = graph_of_member(SHARD, "acme", "globex", metrics={"prometheusRule": True})
    mark = shard.one("ConfigMap", "017-mark")
    for each in shard.resources:
        if each.custom and each is not mark:
            assert each.urn in mark.dependencies, each.urn
    base = graph_of_member(BASE)
    keeper = base.one("Keeper")
    for each in base.resources:
        if each.custom and each is not keeper:
            assert each.urn in keeper.dependencies, each.urn


def test_nothing_that_a_tenant_has_is_named_after_its_shard() -> None:
    other = Member(cell="eu", shard="002")
    assert {
        each.name: each.inputs
        for each in graph_of_member(SHARD, "acme").resources
        if "acme" in each.name
    } == {
        each.name: each.inputs
        for each in graph_of_member(other, "acme").resources
        if "acme" in each.name
    }


def test_the_rules_of_a_shard_name_its_own_tenants_and_those_of_the_base_name_none() -> None:
    settings = Settings.model_validate({"cell": "eu", "metrics": {"prometheusRule": True}})
    inventory = Inventory.model_validate({"tenants": {"acme": {}, "globex": {}}})
    rules = rules_of(settings, inventory, SHARD)
    assert rules
    [group] = rules["groups"]
    assert group["name"] == "tenant-nats-vrsky-tenants-limits-017"
    assert all('tenant_id=~"acme|globex"' in each["expr"] for each in group["rules"])
    assert all(each["record"].endswith(":limit") for each in group["rules"])
