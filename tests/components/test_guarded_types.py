"""The guard knows the resources of this program by the types and names that they have."""

from tenancy import tokens
from tenancy.edit.approval import refusals, removed
from tenancy.edit.steps import Step
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import expand
from tests.components.stack import graph_of

TENANTS = {"acme-corp": {"instances": 2}, "globex": {}}
GRAPH = graph_of(TENANTS)
INSTANCES = {"nats-acme-corp-1", "nats-acme-corp-2", "nats-globex-1"}


def test_every_instance_is_known_by_its_component_its_deployment_and_its_service() -> None:
    for kind in (tokens.NATS_INSTANCE, "apps/v1:Deployment", "core/v1:Service"):
        deleted = [Step("delete", resource.urn) for resource in GRAPH.of_type(kind)]
        assert removed(deleted) == INSTANCES


def test_nothing_else_counts_as_an_instance() -> None:
    others = {"NatsInstance", "Deployment", "Service"}
    deleted = [
        Step("delete", resource.urn)
        for resource in GRAPH.resources
        if resource.type.rpartition(":")[2] not in others
    ]
    assert len(deleted) > len(INSTANCES)
    assert removed(deleted) == set()


def test_every_replaced_deployment_and_service_is_told_and_nothing_else() -> None:
    base = expand(Inventory.model_validate({"tenants": TENANTS}), namespace="vrsky-tenants")
    for resource in GRAPH.resources:
        refused = refusals(base.instances, [Step("replace", resource.urn)])
        assert bool(refused) == resource.type.endswith(("apps/v1:Deployment", "core/v1:Service"))
