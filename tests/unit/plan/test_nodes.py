"""On which nodes a server runs: what its size says beside what the stack says."""

from typing import Any

import pytest

from tenancy.inventory.models import Inventory, Toleration
from tenancy.plan.nodes import Nodes, NodesError
from tenancy.plan.plan import InstancePlan, expand

SIZE = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
STACK_TAINT = Toleration(key="dedicated", value="nats", effect="NoSchedule")
OWN_TAINT = Toleration(key="large", operator="Exists")
STACK = Nodes(
    selector={"pool": "nats", "arch": "amd64"},
    tolerations=(STACK_TAINT,),
    priority_class_name="servers",
)


def server(nodes: Nodes = Nodes(), **size: Any) -> InstancePlan:  # noqa: B008
    """The one server of a tenant whose size says this of nodes."""
    given = {"tenants": {"acme": {"size": "own"}}, "sizes": {"own": {**SIZE, **size}}}
    plan = expand(Inventory.model_validate(given), namespace="servers", nodes=nodes)
    return plan.instances["nats-acme-1"]


def test_a_size_that_says_nothing_has_what_the_stack_says() -> None:
    found = server(STACK)
    assert found.node_selector == {"pool": "nats", "arch": "amd64"}
    assert (found.tolerations, found.priority_class_name) == ((STACK_TAINT,), "servers")


def test_a_size_adds_labels_and_wins_over_the_stack() -> None:
    found = server(STACK, nodeSelector={"pool": "large", "disk": "ssd"})
    assert found.node_selector == {"pool": "large", "arch": "amd64", "disk": "ssd"}


def test_a_size_adds_tolerations_before_those_of_the_stack() -> None:
    found = server(STACK, tolerations=(OWN_TAINT, STACK_TAINT))
    assert found.tolerations == (OWN_TAINT, STACK_TAINT), "each once; the first that fits counts"


def test_the_priority_class_of_a_size_takes_the_place_of_the_stacks() -> None:
    assert server(STACK, priorityClassName="large").priority_class_name == "large"


def test_the_built_in_size_has_what_the_stack_says() -> None:
    inventory = Inventory.model_validate({"tenants": {"acme": {}}})
    plan = expand(inventory, namespace="servers", nodes=STACK)
    assert plan.instances["nats-acme-1"].node_selector == STACK.selector


def test_a_lost_node_is_tolerated_for_as_long_as_the_stack_says() -> None:
    found = server(Nodes(lost_seconds=30), tolerations=(OWN_TAINT,)).tolerations
    assert [str(each) for each in found] == [
        "large:*",
        "node.kubernetes.io/not-ready:NoExecute for 30 s",
        "node.kubernetes.io/unreachable:NoExecute for 30 s",
    ]


@pytest.mark.parametrize("nodes", [Nodes(), STACK], ids=["nothing", "something else"])
def test_who_says_nothing_of_lost_nodes_tolerates_them_as_kubernetes_does(nodes: Nodes) -> None:
    assert server(nodes).tolerations == nodes.tolerations


def test_sizes_that_tolerate_a_lost_node_contradict_the_stack_all_in_one_report() -> None:
    tolerating: dict[str, Any] = {**SIZE, "tolerations": (OWN_TAINT, {"operator": "Exists"})}
    sizes = {"a": SIZE, "b": tolerating, "c": tolerating}
    inventory = Inventory.model_validate({"tenants": {"acme": {}}, "sizes": sizes})
    expand(inventory, namespace="servers", nodes=STACK)
    with pytest.raises(NodesError) as caught:
        expand(inventory, namespace="servers", nodes=Nodes(lost_seconds=30))
    assert str(caught.value) == (
        "sizes.b.tolerations[1] (*:*) and sizes.c.tolerations[1] (*:*) tolerate a lost node too, "
        "and the stack's pod.nodeLostSeconds is 30: leave out one of the two, or name another "
        "`key` or `effect`"
    )
