"""The table of fifty tenants whose options are drawn at random.

An `up` of fifty takes minutes, so here the program's own components say what they would make, under
the mocks of tests/components. The policies then go to the real API server, and what it holds of
them is what is analysed. The servers are pods by the Deployments' templates.
"""

import random
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from rendering.recorder import Graph
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import expand
from tests.components.stack import graph_of_inventory
from tests.e2e.project import Target
from tests.isolation.cluster import Object, as_list, held, kubectl
from tests.isolation.state import State
from tests.isolation.tally import Tally
from tests.sweeps import swept

TENANTS = 50
NAMESPACES = ("clients-a", "clients-b", "clients-c")


@pytest.fixture
def namespace(target: Target, request: pytest.FixtureRequest) -> Generator[str]:
    """A namespace at the API server for one test."""
    name = f"many-{'-'.join(re.findall('[a-z0-9]+', request.node.name))[-20:]}"
    kubectl(target, "create", "namespace", name)
    yield name
    kubectl(target, "delete", "namespace", name, "--wait=false")


@pytest.mark.sweep
@pytest.mark.parametrize("tenants", swept([TENANTS], 1))
def test_no_cell_is_wrong_for_many_tenants_drawn_at_random(
    tenants: int,
    drawn: random.Random,
    target: Target,
    namespace: str,
    tmp_path: Path,
    tally: Tally,
) -> None:
    inventory = inventory_of(tenants, drawn)
    graph = graph_of_inventory(inventory, namespace=namespace)
    policies = [dict(each.inputs) for each in graph.of_type(":NetworkPolicy")]
    kubectl(target, "apply", "--server-side", "-f", "-", stdin=as_list(policies))
    state = State(
        plan=expand(inventory, namespace=namespace),
        policies=held(target, "-n", namespace, "networkpolicies"),
        pods=[_pod(each.inputs["spec"]["template"], namespace) for each in _deployments(graph)],
        namespaces=held(target, "namespaces", namespace, "kube-system"),
    )
    assert len(state.policies) == len(policies) > 1
    comparison = state.compared(tmp_path)
    tally.count(comparison)
    assert comparison.wrong == []


def inventory_of(count: int, generator: random.Random) -> Inventory:
    """An inventory with some of everything that has to do with isolation."""
    tenants: dict[str, Any] = {
        f"tenant-{number}": {
            "instances": generator.randint(1, 4),
            "clients": {"namespaces": tuple(generator.sample(NAMESPACES, generator.randint(0, 2)))},
            "egress": generator.choice(["dns", "none", "open"]),
            "state": generator.choice(["active"] * 9 + ["decommissioned"]),
        }
        for number in range(1, count + 1)
    }
    return Inventory.model_validate({"tenants": tenants})


def _deployments(graph: Graph) -> Any:
    return graph.of_type(":Deployment")


def _pod(template: Any, namespace: str) -> Object:
    """A pod of a Deployment, without its generated name."""
    labels = template["metadata"]["labels"]
    name = f"{labels['app.kubernetes.io/instance']}-0"
    metadata = {"namespace": namespace, "name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
