"""Which rows get another address, what is said of it, and what it hides from nobody."""

import pytest

from tenancy.inventory.models import Inventory
from tenancy.plan.plan import Plan, expand
from tenancy.rows.readdressing import former_domains, told
from tenancy.rows.removal import refusals, repairs
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tests.unit.rows.test_removal import HERE, recorded

NEW = "corp.example"
FORMER = f"{HERE}.svc.cluster.local:4222"


def planned(**tenants: object) -> Plan:
    """The plan of these tenants in the new domain; a number is the number of instances."""
    entries = {
        tenant_id: {"instances": entry} if isinstance(entry, int) else entry
        for tenant_id, entry in tenants.items()
    }
    inventory = Inventory.model_validate({"tenants": entries})
    return expand(inventory, namespace=HERE, cluster_domain=NEW)


def test_one_line_tells_how_many_addresses_change_and_what_stays() -> None:
    snapshot = Snapshot(
        instances=(recorded("acme", 1, 3), recorded("acme", 2), recorded("globex", 1))
    )
    assert told(planned(acme=2, globex=1), snapshot) == (
        f"Addresses change: 3 rows of 2 tenants end in {FORMER} and are rewritten to end in "
        f"{HERE}.svc.{NEW}:4222. Servers keep running, and integrations stay where they are. "
        "Clients that hold an old address have to look it up again.",
    )


def test_tenants_whose_certificates_need_the_new_names_are_named() -> None:
    plan = planned(acme=1, globex={"tls": {"secretName": "globex-tls"}})
    snapshot = Snapshot(instances=(recorded("acme", 1), recorded("globex", 1)))
    [line] = told(plan, snapshot)
    assert line.endswith(" Before that, the certificates of globex need the new names.")


@pytest.mark.parametrize(
    "row",
    [
        recorded("acme", 1, domain=NEW),
        recorded("acme", 1, namespace="elsewhere"),
        recorded("acme", 1, status="terminated"),
        recorded("acme", 1, status="provisioning"),
    ],
    ids=["ours", "another namespace", "terminated", "announced"],
)
def test_nothing_changes_for_rows_that_nobody_uses_or_that_are_somebody_elses(
    row: RecordedInstance,
) -> None:
    snapshot = Snapshot(instances=(row,))
    assert told(planned(acme=1), snapshot) == ()
    assert former_domains(planned(acme=1), snapshot) == frozenset()


@pytest.mark.parametrize("row", [recorded("acme", 2), recorded("hooli", 1)])
def test_unwanted_rows_keep_their_addresses_and_tell_of_a_former_domain(
    row: RecordedInstance,
) -> None:
    snapshot = Snapshot(instances=(row,))
    assert told(planned(acme=1), snapshot) == ()
    assert former_domains(planned(acme=1), snapshot) == {FORMER}


@pytest.mark.parametrize(
    "others",
    [
        [recorded("acme", 1), recorded("hooli", 1)],
        [recorded("acme", 1, 3, domain=NEW), recorded("hooli", 1)],
        [recorded("acme", 1), recorded("hooli", 1, namespace="elsewhere")],
        [recorded("acme", 1, domain=NEW), recorded("hooli", 1, domain="a.third")],
        [],
    ],
    ids=[
        "no address has changed yet",
        "the change was interrupted",
        "somebody has put a row elsewhere",
        "a row in a third domain",
        "no planned tenant has a row, as after a rename",
    ],
)
def test_a_tenant_that_disappears_with_the_change_is_refused_as_always(
    others: list[RecordedInstance],
) -> None:
    globex = recorded("globex", 1, 5)
    assert refusals(planned(acme=1, hooli=1), Snapshot(instances=(*others, globex))) == (
        "globex is no longer in it and still has 1 instance and 5 integrations: put `globex` back, "
        f"or keep it with `state: decommissioned` until that is deployed (it is at "
        f"nats-globex-1.{FORMER}; if that is another cluster's, its stack and this one need "
        "namespaces of different names)",
    )


def test_tenants_of_a_cluster_with_another_domain_are_not_ours_once_our_rows_are_settled() -> None:
    """The namespaces have one name, which is advised against."""
    ours, theirs = recorded("acme", 1, 3, domain=NEW), recorded("globex", 1, 5)
    assert refusals(planned(acme=1), Snapshot(instances=(ours, theirs))) == ()
    assert refusals(planned(acme=1, hooli=1), Snapshot(instances=(ours, theirs))) == ()


def test_a_tenant_may_shrink_while_its_addresses_change() -> None:
    plan = planned(acme=1)
    snapshot = Snapshot(instances=(recorded("acme", 1, 3), recorded("acme", 2, 4)))
    assert refusals(plan, snapshot) == ()
    assert repairs(plan.tenants[0], plan, snapshot) == (
        f"instance 1 is at nats-acme-1.{FORMER}, instance 2 to retire"
    )


def test_integrations_at_an_address_that_was_never_ours_are_refused_during_the_change() -> None:
    gone = recorded("acme", 2, 4, namespace="elsewhere")
    [words] = refusals(planned(acme=1), Snapshot(instances=(recorded("acme", 1), gone)))
    assert words.startswith(f"acme instance 2 is at {gone.dns_name}, no address of this stack")
