"""Desired and actual state side by side, from literals."""

from dataclasses import replace

import pytest

from tenancy.inventory.models import Inventory
from tenancy.plan.plan import Plan, expand
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.rows.standing import Seen, Standing, standings


def plan(**tenants: int) -> Plan:
    inventory = {"tenants": {name: {"instances": count} for name, count in tenants.items()}}
    return expand(Inventory.model_validate(inventory), namespace="here")


def row(tenant: str, number: int, status: str = "active", *, at: str = "here") -> RecordedInstance:
    return RecordedInstance(
        tenant_id=tenant,
        instance_number=number,
        dns_name=f"nats-{tenant}-{number}.{at}.svc.cluster.local:4222",
        status=status,
        integrations=7,
    )


def seen(
    *ready: str, not_ready: tuple[str, ...] = (), services: tuple[str, ...] | None = None
) -> Seen:
    return Seen(
        deployments={**dict.fromkeys(ready, True), **dict.fromkeys(not_ready, False)},
        services=frozenset((*ready, *not_ready) if services is None else services),
    )


def told(found: tuple[Standing, ...]) -> dict[str, tuple[str, ...]]:
    return {f"{each.tenant}-{each.number}": each.differences for each in found}


def test_an_instance_that_is_everywhere_differs_in_nothing() -> None:
    [found] = standings(plan(acme=1), seen("nats-acme-1"), Snapshot(instances=(row("acme", 1),)))
    assert found == Standing(
        tenant="acme",
        number=1,
        is_wanted=True,
        server="ready",
        service="there",
        row="active",
        integrations=7,
        differences=(),
    )


def test_what_is_missing_is_named_one_by_one() -> None:
    [found] = standings(plan(acme=1), seen(), Snapshot())
    assert found.differences == ("no Deployment", "no Service", "no row")


def test_a_server_that_is_not_ready_and_a_row_that_is_not_active_are_told() -> None:
    cluster = seen(not_ready=("nats-acme-1",))
    table = Snapshot(instances=(row("acme", 1, "draining"),))
    assert told(standings(plan(acme=1), cluster, table)) == {
        "acme-1": ("the server is not ready", "the row is draining")
    }


def test_a_row_with_another_address_is_told_with_it() -> None:
    table = Snapshot(instances=(row("acme", 1, at="elsewhere"),))
    assert told(standings(plan(acme=1), seen("nats-acme-1"), table)) == {
        "acme-1": ("the row says nats-acme-1.elsewhere.svc.cluster.local:4222",)
    }


@pytest.mark.parametrize(
    ("tenant", "says_tls", "difference"),
    [
        ({"tls": {"secretName": "acme-tls"}}, False, ("the row's URL says nats",)),
        ({}, True, ("the row's URL says tls",)),
        ({"tls": {"secretName": "acme-tls"}}, True, ()),
    ],
    ids=["TLS that no worker knows of", "TLS that no server speaks", "TLS on both sides"],
)
def test_a_row_that_gives_workers_the_wrong_scheme_is_told(
    tenant: dict[str, object], says_tls: bool, difference: tuple[str, ...]
) -> None:
    wanted = expand(Inventory.model_validate({"tenants": {"acme": tenant}}), namespace="here")
    table = Snapshot(instances=(replace(row("acme", 1), tls=says_tls),))
    assert told(standings(wanted, seen("nats-acme-1"), table)) == {"acme-1": difference}


def test_orphans_are_told_whichever_of_the_three_they_are() -> None:
    cluster = seen("nats-acme-1", "nats-old-1", services=("nats-acme-1", "nats-older-2"))
    table = Snapshot(instances=(row("acme", 1), row("oldest", 3)))
    assert told(standings(plan(acme=1), cluster, table)) == {
        "acme-1": (),
        "old-1": ("nothing asks for it: Deployment",),
        "older-2": ("nothing asks for it: Service",),
        "oldest-3": ("nothing asks for it: row",),
    }


def test_what_is_terminated_or_in_another_namespace_is_no_orphan() -> None:
    table = Snapshot(
        instances=(row("acme", 1), row("gone", 1, "terminated"), row("other", 1, at="there"))
    )
    assert told(standings(plan(acme=1), seen("nats-acme-1"), table)) == {"acme-1": ()}


def test_while_all_addresses_change_an_orphan_is_found_at_the_former_ones_too() -> None:
    inventory = Inventory.model_validate({"tenants": {"acme": {}}})
    moving = expand(inventory, namespace="here", cluster_domain="corp.example")
    table = Snapshot(instances=(row("acme", 1), row("oldest", 3)))
    assert told(standings(moving, seen("nats-acme-1"), table)) == {
        "acme-1": ("the row says nats-acme-1.here.svc.cluster.local:4222",),
        "oldest-3": ("nothing asks for it: row",),
    }


def test_objects_that_are_not_called_like_an_instance_are_not_ours() -> None:
    cluster = seen("nats-acme-1", "worker", "nats-acme", services=("nats-acme-1", "kubernetes"))
    table = Snapshot(instances=(row("acme", 1),))
    assert told(standings(plan(acme=1), cluster, table)) == {"acme-1": ()}


def test_differences_come_first() -> None:
    cluster = seen("nats-acme-1", "nats-initech-1", services=("nats-acme-1",))
    table = Snapshot(instances=(row("acme", 1), row("initech", 1)))
    found = standings(plan(acme=1, initech=1), cluster, table)
    assert [each.tenant for each in found] == ["initech", "acme"]


def test_what_could_not_be_read_is_no_difference() -> None:
    [found] = standings(plan(acme=1), None, None)
    assert (found.server, found.service, found.row) == ("unseen", "unseen", "unseen")
    assert found.differences == ()
