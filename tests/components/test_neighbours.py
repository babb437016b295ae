"""Invariant 1: changing one tenant changes no other tenant's resources."""

import pytest

from rendering.recorder import Graph, Registered
from tests.components.stack import graph_of

Tenants = dict[str, dict[str, object]]

TENANTS: Tenants = {
    "acme-corp": {"integrations": 80},
    "globex": {},
    "initech": {"egress": "open"},
}


@pytest.mark.parametrize(
    ("edited", "touched"),
    [
        pytest.param({"aaa": {}, **TENANTS}, {"aaa"}, id="one more before all others"),
        pytest.param({**TENANTS, "zzz": {}}, {"zzz"}, id="one more after all others"),
        pytest.param(
            {"acme-corp": {"integrations": 80}, "initech": {"egress": "open"}},
            {"globex"},
            id="one less",
        ),
        pytest.param(
            {**TENANTS, "acme-corp": {"integrations": 500}}, {"acme-corp"}, id="more servers"
        ),
        pytest.param({**TENANTS, "globex": {"size": "large"}}, {"globex"}, id="larger servers"),
        pytest.param(
            {**TENANTS, "globex": {"clients": {"namespaces": ("workers",)}}},
            {"globex"},
            id="more clients",
        ),
        pytest.param({**TENANTS, "initech": {}}, {"initech"}, id="less egress"),
        pytest.param(dict(reversed(TENANTS.items())), set[str](), id="another order"),
    ],
)
def test_an_edit_touches_the_edited_tenant_only(edited: Tenants, touched: set[str]) -> None:
    before, after = _by_owner(graph_of(TENANTS)), _by_owner(graph_of(edited))
    owners = before.keys() | after.keys()
    assert touched == {owner for owner in owners if before.get(owner) != after.get(owner)}


def test_a_tenant_that_grows_keeps_its_servers_as_they_are() -> None:
    before = _servers(graph_of({"acme-corp": {"instances": 2}}))
    after = _servers(graph_of({"acme-corp": {"instances": 12}}))
    assert before == {urn: after[urn] for urn in before}


def test_no_two_objects_of_a_kind_have_the_same_name() -> None:
    # Names that look like each other's: nats-a-1 is an instance, and a-1 may be a tenant.
    tenants = {name: {"instances": 11} for name in ("a", "a-1", "a-1-1", "1", "nats", "nats-a")}
    graph = graph_of(tenants)
    names = [
        (each.type, each.inputs["metadata"]["name"])
        for each in graph.of_type("")
        if each.type.startswith("kubernetes:")
    ]
    assert sorted(set(names)) == sorted(names)


def _by_owner(graph: Graph) -> dict[str, list[Registered]]:
    """All resources, by the logical name of the component at the top: a tenant's id."""
    owned: dict[str, list[Registered]] = {}
    for resource in graph.resources:
        owner = resource
        while parent := graph.parent(owner):
            owner = parent
        owned.setdefault(owner.name, []).append(resource)
    return owned


def _servers(graph: Graph) -> dict[str, Registered]:
    """All that belongs to instances, and the policies, by URN."""
    kinds = ("ConfigMap", ":Deployment", ":Service", "NatsInstance", "NetworkPolicy")
    return {each.urn: each for kind in kinds for each in graph.of_type(kind)}
