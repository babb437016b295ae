"""Which edits are refused, and in which words."""

from dataclasses import replace

import pytest

from tenancy.inventory.models import Inventory
from tenancy.plan.plan import Plan, expand
from tenancy.rows.removal import refusal, refusals, repairs, warnings
from tenancy.rows.snapshot import RecordedInstance, Snapshot

HERE = "vrsky-tenants"


def planned(**tenants: object) -> Plan:
    """The plan of these tenants; a number is the number of instances."""
    entries = {
        tenant_id: {"instances": entry} if isinstance(entry, int) else entry
        for tenant_id, entry in tenants.items()
    }
    return expand(Inventory.model_validate({"tenants": entries}), namespace=HERE)


DECOMMISSIONED = {"state": "decommissioned"}


def recorded(
    tenant_id: str,
    number: int,
    integrations: int = 0,
    *,
    namespace: str = HERE,
    domain: str = "cluster.local",
    status: str = "active",
    foreign: int = 0,
) -> RecordedInstance:
    return RecordedInstance(
        tenant_id=tenant_id,
        instance_number=number,
        dns_name=f"nats-{tenant_id}-{number}.{namespace}.svc.{domain}:4222",
        status=status,
        integrations=integrations,
        foreign_integrations=foreign,
    )


def refused(plan: Plan, *instances: RecordedInstance, **unplaced: int) -> tuple[str, ...]:
    return refusals(plan, Snapshot(instances=instances, unplaced=unplaced))


@pytest.mark.parametrize(
    ("plan", "instances"),
    [
        (planned(acme=1), []),
        (planned(acme=2), [recorded("acme", 1, 50), recorded("acme", 2, 30)]),
        (planned(acme=3, globex=1), [recorded("acme", 1, 50)]),
        (planned(acme=1), [recorded("acme", 1, 50), recorded("acme", 2)]),
        (planned(acme=1), [recorded("acme", 1, 30), recorded("acme", 2, 20)]),
        (planned(acme=DECOMMISSIONED), [recorded("acme", 1), recorded("acme", 2)]),
        (planned(acme=1), [recorded("acme", 1), recorded("globex", 1, status="terminated")]),
        (planned(acme=1), [recorded("acme", 1, status="terminated")]),
        (planned(acme=1), [recorded("acme", 1), recorded("acme", 2, status="terminated")]),
        (planned(acme=1), [recorded("globex", 1, status="provisioning")]),
    ],
    ids=[
        "an empty control plane",
        "nothing changes",
        "growing, and a new tenant",
        "an instance without integrations goes",
        "the integrations of one that goes fit on what stays",
        "a tenant without integrations is decommissioned",
        "the key of a tenant that is decommissioned leaves",
        "a tenant comes back",
        "a tenant comes back smaller",
        "the platform has announced a tenant that the inventory does not have yet",
    ],
)
def test_what_loses_nothing_is_not_refused(plan: Plan, instances: list[RecordedInstance]) -> None:
    assert refused(plan, *instances) == ()


def test_integrations_that_do_not_fit_on_the_instances_that_stay_are_refused_and_counted() -> None:
    assert refused(planned(acme=1), recorded("acme", 1, 50), recorded("acme", 2, 12)) == (
        "acme has 62 integrations, more than `instances: 1` holds (50 each): keep `instances: 2`",
    )


def test_the_key_of_a_live_tenant_is_refused_and_both_edits_are_named() -> None:
    words = (
        "globex is no longer in it and still has 2 instances and 8 integrations: put `globex` "
        "back, or keep it with `state: decommissioned` until that is deployed",
    )
    instances = recorded("globex", 1, 5), recorded("globex", 2)
    assert refused(planned(acme=1), *instances, globex=3) == words


@pytest.mark.parametrize("status", ["active", "draining"])
def test_a_tenant_without_integrations_is_live_as_long_as_its_row_is(status: str) -> None:
    [words] = refused(planned(acme=1), recorded("globex", 1, status=status))
    assert "globex is no longer in it and still has 1 instance and 0 integrations" in words


@pytest.mark.parametrize("namespace", ["other-tenants", "vrsky-tenants-2", "tenants"])
def test_a_tenant_of_another_stack_is_not_ours_to_judge(namespace: str) -> None:
    assert refused(planned(acme=1), recorded("globex", 1, 7, namespace=namespace)) == ()


def test_a_tenant_whose_name_begins_like_a_planned_one_is_another_tenant() -> None:
    [words] = refused(planned(acme=11), recorded("acme-1", 1, 7))
    assert words.startswith("acme-1 is no longer in it")


def test_decommissioning_is_refused_while_there_are_integrations_placed_or_not() -> None:
    assert refused(planned(acme=DECOMMISSIONED), recorded("acme", 1, 4), acme=3) == (
        "acme is to be decommissioned and still has 7 integrations: delete them on the platform "
        "first, or take `state: decommissioned` back",
    )


def test_integrations_on_an_address_that_is_not_ours_are_not_moved() -> None:
    gone = recorded("acme", 2, 3, namespace="other-tenants")
    assert refused(planned(acme=1), recorded("acme", 1), gone) == (
        f"acme instance 2 is at {gone.dns_name}, no address of this stack, and has 3 integrations: "
        "correct the row first",
    )


def test_an_instance_that_another_tenants_integrations_are_on_does_not_go() -> None:
    assert refused(planned(acme=1), recorded("acme", 2, foreign=1)) == (
        "acme instance 2 would go, and 1 integration of another tenant would lose it: correct "
        "that first",
    )


def test_all_reasons_come_in_one_line() -> None:
    reasons = refused(planned(acme=1), recorded("acme", 2, 60), recorded("globex", 1))
    assert len(reasons) == 2
    line = refusal(reasons, "tenants.yaml")
    assert line == (
        f"tenants.yaml cannot be carried out, so nothing was changed: {'; '.join(reasons)}."
    )
    assert len(line.splitlines()) == 1


def test_integrations_without_room_are_reported_with_the_edit_that_makes_room() -> None:
    snapshot = Snapshot(instances=(recorded("acme", 1, 48),), unplaced={"acme": 9, "globex": 2})
    assert warnings(planned(acme=1, globex=1), snapshot) == (
        "acme: 7 integrations have no instance, since there is no room (1 x 50); "
        "`integrations: 57` makes room, with `instances` left out or at least 2.",
    )


def test_what_an_instance_has_beyond_its_capacity_is_told() -> None:
    snapshot = Snapshot(instances=(recorded("acme", 1, 80),))
    assert warnings(planned(acme=1), snapshot) == (
        "acme: 30 integrations beyond an instance's capacity, since there is no room (1 x 50); "
        "`integrations: 80` makes room, with `instances` left out or at least 2.",
    )


def test_an_integration_of_a_tenant_that_has_left_is_told_and_stops_nobody() -> None:
    snapshot = Snapshot(instances=(recorded("acme", 1, status="terminated"),), unplaced={"acme": 1})
    plan = planned(acme=DECOMMISSIONED)
    assert refusals(plan, snapshot) == ()
    assert warnings(plan, snapshot) == (
        "acme: 1 integration of a tenant that is decommissioned; no server will have them.",
    )


def test_another_tenants_integration_on_an_instance_of_the_past_stops_nobody() -> None:
    gone = recorded("acme", 2, status="terminated", foreign=1)
    assert refused(planned(acme=1), recorded("acme", 1), gone) == ()


@pytest.mark.parametrize(
    ("plan", "rows", "words"),
    [
        (planned(acme=2), [recorded("acme", 1), recorded("acme", 2)], ""),
        (planned(acme=2), [recorded("acme", 1)], ""),
        (planned(acme=1), [recorded("acme", 1), recorded("acme", 2)], "instance 2 to retire"),
        (
            planned(acme=2),
            [recorded("acme", 1, status="draining"), recorded("acme", 2)],
            "instance 1 is draining",
        ),
        (
            planned(acme=DECOMMISSIONED),
            [recorded("acme", 1), recorded("acme", 2, status="provisioning")],
            "instance 1 to retire",
        ),
        (planned(acme=1), [recorded("acme", 2, status="terminated")], ""),
        (planned(acme=1), [recorded("acme", 2, status="provisioning")], ""),
        (planned(acme=1), [recorded("acme", 2, 3, status="provisioning")], ""),
        (planned(acme=1), [recorded("acme", 2, namespace="other-tenants")], ""),
        (
            planned(acme=1),
            [replace(recorded("acme", 1), tls=True)],
            "the URL of instance 1 says tls",
        ),
        (
            planned(acme={"tls": {"secretName": "acme-tls"}}),
            [recorded("acme", 1)],
            "the URL of instance 1 says nats",
        ),
    ],
    ids=[
        "all is right",
        "a new instance has no row yet",
        "an edit that was taken back after its row was written",
        "an edit that was taken back while workers left",
        "a tenant leaves",
        "a record of the past",
        "the platform's word about the future",
        "the platform's word, and it has put integrations there already",
        "an address of another stack",
        "a certificate that was taken back after its row was written",
        "a certificate that no worker knows of yet",
    ],
)
def test_rows_that_the_engine_may_not_know_of_are_due(
    plan: Plan, rows: list[RecordedInstance], words: str
) -> None:
    assert repairs(plan.tenants[0], plan, Snapshot(instances=tuple(rows))) == words
