"""What a decision costs with more tenants: each looks at all rows some times, not once a tenant."""

from collections.abc import Callable, Iterator

import pytest

from tenancy.plan.plan import Plan
from tenancy.rows.readdressing import told
from tenancy.rows.removal import placement_of, refusals, repairs, warnings
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.rows.standing import standings
from tests.unit.rows.test_readdressing import NEW, planned
from tests.unit.rows.test_removal import recorded


class Rows(tuple[RecordedInstance, ...]):
    """Rows that count how often somebody goes through all of them."""

    times: int = 0

    def __iter__(self) -> Iterator[RecordedInstance]:
        self.times += 1
        return super().__iter__()


def times(decide: Callable[[Plan, Snapshot], object], tenants: int, domain: str) -> int:
    """How often `decide` goes through the rows of so many tenants."""
    names = [f"tenant-{number:02}" for number in range(tenants)]
    rows = Rows(recorded(name, number, 1, domain=domain) for name in names for number in (1, 2))
    decide(planned(**dict.fromkeys(names, 2)), Snapshot(instances=rows))
    return rows.times


def each_repair(plan: Plan, snapshot: Snapshot) -> object:
    return [repairs(tenant, plan, snapshot) for tenant in plan.tenants]


def each_placement(plan: Plan, snapshot: Snapshot) -> object:
    return [placement_of(tenant, snapshot) for tenant in plan.tenants]


def each_standing(plan: Plan, snapshot: Snapshot) -> object:
    return standings(plan, None, snapshot)


@pytest.mark.parametrize("domain", [NEW, "cluster.local"], ids=["as ever", "addresses change"])
@pytest.mark.parametrize(
    "decide", [refusals, warnings, told, each_repair, each_placement, each_standing]
)
def test_more_tenants_are_no_reason_to_go_through_the_rows_more_often(
    decide: Callable[[Plan, Snapshot], object], domain: str
) -> None:
    few = times(decide, 3, domain)
    assert 1 <= few <= 5
    assert times(decide, 30, domain) == few
