"""What `plan` counts is what the components make."""

from collections import Counter

from tenancy.edit.effects import OF_A_TENANT, OF_AN_INSTANCE
from tests.components.stack import graph_of


def test_the_objects_of_a_tenant_and_of_an_instance_are_those_that_the_components_make() -> None:
    assert made({"acme": {"instances": 2}}) - made({"acme": {"instances": 1}}) == Counter(
        OF_AN_INSTANCE
    )
    assert made({"acme": {}}) == Counter([*OF_A_TENANT, *OF_AN_INSTANCE])


def made(tenants: dict[str, object]) -> Counter[str]:
    """How many objects of each kind, and rows, there are, without those of the namespace."""
    resources = [
        each
        for each in graph_of(tenants).resources
        if each.custom and "tenant-nats:index:Namespace$" not in each.urn
    ]
    kinds = [each.type.rpartition(":")[2] for each in resources]
    rows = sum(len(each.inputs.get("instances", ())) for each in resources)
    return Counter([*(kind for kind in kinds if kind != "TenantRecords"), *["row"] * rows])
