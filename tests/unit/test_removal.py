"""Which removals are refused, and in which words."""

import pytest

from tenancy.inventory import Inventory
from tenancy.plan import Plan, expand
from tenancy.removal import RecordedInstance, Snapshot, refusal, stranding

HERE = "vrsky-tenants"


def planned(**instances: int) -> Plan:
    """The plan of so many instances of each tenant."""
    tenants = {tenant_id: {"instances": number} for tenant_id, number in instances.items()}
    return expand(Inventory.model_validate({"tenants": tenants}), namespace=HERE)


def recorded(
    tenant_id: str, number: int, integrations: int, *, namespace: str = HERE
) -> RecordedInstance:
    return RecordedInstance(
        tenant_id=tenant_id,
        instance_number=number,
        dns_name=f"nats-{tenant_id}-{number}.{namespace}.svc.cluster.local:4222",
        integrations=integrations,
    )


def stranded(plan: Plan, *instances: RecordedInstance) -> list[RecordedInstance]:
    return list(stranding(plan, Snapshot(instances=instances)))


def test_an_empty_control_plane_strands_nothing() -> None:
    assert stranded(planned(acme=1)) == []


def test_instances_that_stay_strand_nothing() -> None:
    assert stranded(planned(acme=2), recorded("acme", 1, 50), recorded("acme", 2, 30)) == []


def test_growing_strands_nothing() -> None:
    assert stranded(planned(acme=3, globex=1), recorded("acme", 1, 50)) == []


def test_an_instance_beyond_the_plan_with_an_integration_is_stranded() -> None:
    gone = recorded("acme", 2, 1)
    assert stranded(planned(acme=1), recorded("acme", 1, 50), gone) == [gone]


def test_an_instance_beyond_the_plan_without_integrations_may_go() -> None:
    assert stranded(planned(acme=1), recorded("acme", 1, 50), recorded("acme", 2, 0)) == []


def test_an_instance_beyond_the_plan_counts_wherever_its_row_says_it_lives() -> None:
    gone = recorded("acme", 2, 3, namespace="other-tenants")
    assert stranded(planned(acme=1), gone) == [gone]


def test_a_removed_tenant_whose_instance_lives_in_this_namespace_is_stranded() -> None:
    gone = recorded("globex", 1, 7)
    assert stranded(planned(acme=1), gone) == [gone]


def test_a_removed_tenant_without_integrations_may_go() -> None:
    assert stranded(planned(acme=1), recorded("globex", 1, 0)) == []


@pytest.mark.parametrize(
    "namespace", ["other-tenants", "vrsky-tenants-2", "vrsky-tenants.svc", "tenants"]
)
def test_a_tenant_of_another_stack_is_not_ours_to_judge(namespace: str) -> None:
    assert stranded(planned(acme=1), recorded("globex", 1, 7, namespace=namespace)) == []


def test_a_tenant_whose_name_begins_like_a_planned_one_is_another_tenant() -> None:
    gone = recorded("acme-1", 1, 7)
    assert stranded(planned(acme=11), gone) == [gone]


def test_all_that_is_stranded_comes_in_the_order_of_the_snapshot() -> None:
    gone = [recorded("acme", 2, 3), recorded("acme", 3, 1), recorded("globex", 1, 7)]
    assert stranded(planned(acme=1), recorded("acme", 1, 50), *gone) == gone


def test_the_refusal_names_tenant_instance_count_and_a_possible_edit() -> None:
    assert refusal((recorded("acme", 3, 12),), "tenants.yaml") == (
        "tenants.yaml would remove servers that integrations point to, so nothing was changed: "
        "acme instance 3 still has 12 integrations. "
        "Keep them (for example `acme: {instances: 3}`), or move their integrations away first."
    )


def test_the_refusal_of_several_is_one_line_that_names_each() -> None:
    text = refusal((recorded("acme", 2, 3), recorded("globex", 1, 7)), "tenants.yaml")
    assert text == (
        "tenants.yaml would remove servers that integrations point to, so nothing was changed: "
        "acme instance 2 still has 3 integrations; globex instance 1 still has 7 integrations. "
        "Keep them (for example `acme: {instances: 2}`), or move their integrations away first."
    )
    assert len(text.splitlines()) == 1
