"""The ceiling of a stack: what is refused above it, and in which words."""

import pytest

from tenancy.inventory.models import Inventory
from tenancy.plan.ceiling import Ceiling, CeilingError
from tenancy.plan.plan import Plan, expand

TENANTS: dict[str, object] = {
    "acme": {"instances": 4},
    "globex": {"instances": 2, "size": "large"},
    "hooli": {},
    "initech": {"instances": 9, "state": "decommissioned"},
    "umbrella": {"size": "tiny"},
}
"""8 servers that request 9.5 CPU and 18,560Mi: acme and globex 4 and 8Gi, hooli 1 and 2Gi."""
SIZES = {
    "large": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "9", "memory": "9Gi"}},
    "tiny": {
        "requests": {"cpu": "500m", "memory": "128Mi"},
        "limits": {"cpu": "9", "memory": "9Gi"},
    },
}
END = ". Ask for less, or raise the ceiling of the stack (`pulumi config set`)."


def planned(ceiling: Ceiling) -> Plan:
    inventory = Inventory.model_validate({"tenants": TENANTS, "sizes": SIZES})
    return expand(inventory, namespace="vrsky-tenants", ceiling=ceiling)


@pytest.mark.parametrize(
    "ceiling",
    [
        pytest.param(Ceiling(), id="none"),
        pytest.param(Ceiling(instances=8), id="exactly the instances"),
        pytest.param(Ceiling(cpu="9500m"), id="exactly the CPU"),
        pytest.param(Ceiling(memory="18560Mi"), id="exactly the memory"),
        pytest.param(Ceiling(instances=99, cpu="99", memory="99Gi"), id="all of it far below"),
    ],
)
def test_up_to_the_ceiling_the_plan_is_what_it_is_without_one(ceiling: Ceiling) -> None:
    assert planned(ceiling) == planned(Ceiling())


@pytest.mark.parametrize(
    ("ceiling", "words"),
    [
        pytest.param(
            Ceiling(instances=7),
            "8 instances in all, where maxInstances allows 7 instances "
            "(most of it: acme 4 instances, globex 2 instances, hooli 1 instance)",
            id="instances",
        ),
        pytest.param(
            Ceiling(cpu="9"),
            "9500m CPU in all, where maxCpu allows 9 CPU "
            "(most of it: acme 4 CPU, globex 4 CPU, hooli 1 CPU)",
            id="CPU",
        ),
        pytest.param(
            Ceiling(memory="18Gi"),
            "18560Mi of memory in all, where maxMemory allows 18Gi of memory "
            "(most of it: acme 8Gi of memory, globex 8Gi of memory, hooli 2Gi of memory)",
            id="memory",
        ),
        pytest.param(
            Ceiling(instances=1, cpu="99", memory="1Gi"),
            "8 instances in all, where maxInstances allows 1 instance "
            "(most of it: acme 4 instances, globex 2 instances, hooli 1 instance); "
            "18560Mi of memory in all, where maxMemory allows 1Gi of memory "
            "(most of it: acme 8Gi of memory, globex 8Gi of memory, hooli 2Gi of memory)",
            id="two of three, in one line",
        ),
    ],
)
def test_above_the_ceiling_it_tells_the_sums_and_who_asks_for_most(
    ceiling: Ceiling, words: str
) -> None:
    with pytest.raises(CeilingError) as caught:
        planned(ceiling)
    assert str(caught.value) == words + END
