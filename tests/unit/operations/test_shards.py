"""What a cell would lose, which shards go first, and how many go at once."""

from collections.abc import Collection, Mapping

import pytest

from operations.shards.gate import Losses, losses
from operations.shards.marks import Due
from operations.shards.waves import waves
from tenancy.cells import Member
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import Plan, expand
from tenancy.rows.snapshot import RecordedInstance, Snapshot

NAMESPACE = "vrsky-tenants"


def plan(*tenants: str) -> Plan:
    inventory = Inventory.model_validate({"tenants": {each: {} for each in tenants}})
    return expand(inventory, namespace=NAMESPACE)


def rows(*tenants: str, status: str = "active", namespace: str = NAMESPACE) -> Snapshot:
    return Snapshot(
        instances=tuple(
            RecordedInstance(
                tenant_id=each,
                instance_number=1,
                dns_name=f"nats-{each}-1.{namespace}.svc.cluster.local:4222",
                status=status,
                integrations=0,
            )
            for each in tenants
        ),
        unplaced={},
    )


def dated(names: Collection[str]) -> Mapping[str, str]:
    return dict.fromkeys(names, "2026-11-26T10:00:00Z")


def later(names: Collection[str]) -> Mapping[str, str]:
    return dict.fromkeys(names, "2026-11-27T10:00:00Z")


def unasked(names: Collection[str]) -> Mapping[str, str]:
    raise AssertionError(names)


def tenants(count: int) -> list[str]:
    return [f"tenant-{number}" for number in range(count)]


def test_one_lost_tenant_needs_no_approval_and_asks_no_cluster() -> None:
    all_ = tenants(20)
    assert losses(plan(*all_[1:]), rows(*all_), unasked) == Losses(reasons=(), approvals={})


def test_the_losses_of_many_shards_are_judged_as_one() -> None:
    all_ = tenants(20)
    found = losses(plan(*all_[2:]), rows(*all_), dated)
    assert found.reasons == ("2 tenants lose every server: tenant-0, tenant-1",)
    assert set(found.approvals) == {"nats-tenant-0-1", "nats-tenant-1-1"}


def test_an_approval_holds_while_the_shards_are_deployed_one_by_one() -> None:
    all_ = tenants(30)
    whole = losses(plan(*all_[5:]), rows(*all_), dated).approvals
    left = losses(plan(*all_[5:]), rows(*all_[2:]), dated).approvals
    assert left
    assert left.items() <= whole.items()


def test_a_server_that_came_back_and_goes_again_needs_another_approval() -> None:
    all_ = tenants(20)
    first = losses(plan(*all_[2:]), rows(*all_), dated).approvals
    again = losses(plan(*all_[2:]), rows(*all_), later).approvals
    assert set(first.values()).isdisjoint(again.values())


@pytest.mark.parametrize(
    "others",
    [
        rows(*tenants(20), namespace="another"),
        rows(*tenants(20), status="terminated"),
        rows(*tenants(20), status="provisioning"),
    ],
    ids=["another namespace", "gone before", "announced only"],
)
def test_what_is_no_server_of_this_cell_is_no_loss(others: Snapshot) -> None:
    assert losses(plan("acme"), others, unasked).reasons == ()


def due(*shards: str, differing: str = "program", is_new: bool = False) -> list[Due]:
    return [
        Due(
            member=Member(cell="eu", shard=each),
            differing=frozenset(differing.split()),
            is_new=is_new,
        )
        for each in shards
    ]


def shards(count: int) -> list[str]:
    return [f"{number:03}" for number in range(1, count + 1)]


def test_a_new_version_goes_to_a_canary_then_to_a_tenth_then_to_the_rest() -> None:
    found = waves(due(*shards(44)))
    assert [(each.name, len(each.shards)) for each in found] == [
        ("edits", 0), ("canary", 1), ("tenth", 5), ("rest", 38),
    ]  # fmt: skip
    assert sorted(shard for each in found for shard in each.shards) == shards(44)


def test_an_edit_waits_for_no_canary() -> None:
    found = waves(due("007", differing="inventory") + due("001", "002"))
    assert [(each.name, each.shards) for each in found] == [
        ("edits", ("007",)), ("canary", ("001",)), ("tenth", ("002",)), ("rest", ()),
    ]  # fmt: skip


def test_a_shard_without_a_mark_is_an_edit_unless_a_new_version_is_due() -> None:
    """It may have servers by a split, which get no version before the canary."""
    edits, *_ = waves(due("044", is_new=True) + due("007", differing="inventory"))
    assert edits.shards == ("044", "007")
    edits, canary, tenth, _ = waves(due("044", is_new=True) + due("001"), canary="001")
    assert (edits.shards, canary.shards, tenth.shards) == ((), ("001",), ("044",))
    base = Due(member=Member(cell="eu", shard=None), differing=frozenset({"settings"}))
    edits, canary, *_ = waves([base, *due("044", is_new=True)])
    assert (edits.shards, canary.shards) == ((), ("044",))


def test_an_edit_of_a_shard_that_a_new_version_concerns_too_waits_for_it() -> None:
    edits, canary, *_ = waves(due("001") + due("002", differing="inventory program"))
    assert (edits.shards, canary.shards) == ((), ("001",))


def test_the_canary_may_be_chosen() -> None:
    _, canary, tenth, _ = waves(due("001", "002", "003"), canary="003")
    assert (canary.shards, tenth.shards) == (("003",), ("001",))


def test_the_base_is_in_no_wave() -> None:
    base = Due(member=Member(cell="eu", shard=None), differing=frozenset({"program"}))
    assert all(each.shards == () for each in waves([base]))


@pytest.mark.parametrize(("count", "most"), [(1, 20), (20, 20), (41, 20), (334, 256), (334, 1)])
def test_batches_have_every_shard_once_and_nearly_one_size(count: int, most: int) -> None:
    edits, *_ = waves(due(*shards(count), differing="inventory"))
    batches = [each.split() for each in edits.batches(most)]
    assert sorted(shard for each in batches for shard in each) == shards(count)
    assert len(batches) == min(count, most)
    assert max(map(len, batches)) - min(map(len, batches)) <= 1


def test_no_shard_is_no_batch() -> None:
    edits, *_ = waves([])
    assert edits.batches(20) == ()
