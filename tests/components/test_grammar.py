"""What is part of every stack's state, and the grammar that all components keep to."""

import pickletools
from base64 import b64decode
from importlib import import_module
from inspect import get_annotations, getmembers, isclass
from pkgutil import iter_modules

import pulumi

import components
from rendering.recorder import Registered
from tenancy import tokens
from tenancy.cells import Member
from tests.components.stack import graph_of, graph_of_member


def test_the_type_tokens_are_those_that_every_state_knows() -> None:
    assert {name: token for name, token in vars(tokens).items() if name.isupper()} == {
        "NAMESPACE": "tenant-nats:index:Namespace",
        "TENANT": "tenant-nats:index:Tenant",
        "NATS_INSTANCE": "tenant-nats:index:NatsInstance",
        "ISOLATION": "tenant-nats:index:Isolation",
        "TENANT_RECORDS": "pulumi-python:dynamic/tenant-nats:TenantRecords",
        "MONITORING": "tenant-nats:index:Monitoring",
        "DATABASE_ROLES": "tenant-nats:index:DatabaseRoles",
        "MARK": "tenant-nats:index:Mark",
        "KEEPER": "pulumi-python:dynamic/tenant-nats:Keeper",
    }, "a type token is part of every URN: it is never renamed, only added"


def test_every_component_has_a_token_of_its_own() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}}, metrics={"podMonitor": True})
    assert {
        ("tenant-nats:index:Namespace", "vrsky-tenants"),
        ("tenant-nats:index:Tenant", "acme-corp"),
        ("tenant-nats:index:Isolation", "acme-corp"),
        ("tenant-nats:index:NatsInstance", "nats-acme-corp-1"),
        ("tenant-nats:index:NatsInstance", "nats-acme-corp-2"),
        ("tenant-nats:index:Monitoring", "monitoring"),
    } == {(each.type, each.name) for each in graph.resources if not each.custom}


def test_the_records_have_the_token_that_every_state_knows() -> None:
    records = graph_of({"acme-corp": {}}).one("TenantRecords")
    assert records.type == "pulumi-python:dynamic/tenant-nats:TenantRecords"


def test_the_state_keeps_the_path_of_the_records_provider_and_nothing_else() -> None:
    serialized = graph_of({"acme-corp": {}}).one("TenantRecords").serialized_provider
    assert serialized is not None
    operands = [operand for _, operand, _ in pickletools.genops(b64decode(serialized))]
    texts = [operand for operand in operands if isinstance(operand, str)]
    assert texts == ["controlplane.records", "RecordsProvider"]
    assert len(serialized) < 100, "pickled by value: every change of its code would be a difference"


def test_every_component_registers_its_typed_attributes() -> None:
    graph = graph_of(
        {"acme-corp": {}},
        metrics={"podMonitor": True, "prometheusRule": True},
        database={"manageRoles": True, "name": "platform"},
    )
    base = graph_of_member(Member(cell="eu", shard=None))
    recorded = [each for each in (*graph.resources, *base.resources) if not each.custom]
    classes = _components()
    assert {each.type for each in recorded} == set(classes), "they must hold every component"
    for each in recorded:
        assert each.outputs is not None, f"without register_outputs {each.urn} never ends"
        assert set(get_annotations(classes[each.type])) == set(each.outputs), each.urn


def test_every_resource_is_a_child_of_its_component() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    assert {_short(each): _short(graph.parent(each)) for each in graph.resources} == {
        ("Namespace", "vrsky-tenants"): None,
        ("Namespace", "vrsky-tenants-namespace"): ("Namespace", "vrsky-tenants"),
        ("NetworkPolicy", "vrsky-tenants-closed"): ("Namespace", "vrsky-tenants"),
        ("LimitRange", "vrsky-tenants-strays"): ("Namespace", "vrsky-tenants"),
        ("Tenant", "acme-corp"): None,
        ("Isolation", "acme-corp"): ("Tenant", "acme-corp"),
        ("NetworkPolicy", "acme-corp-policy"): ("Isolation", "acme-corp"),
        ("TenantRecords", "acme-corp-records"): ("Tenant", "acme-corp"),
        ("NatsInstance", "nats-acme-corp-1"): ("Tenant", "acme-corp"),
        ("ConfigMap", "nats-acme-corp-1-config"): ("NatsInstance", "nats-acme-corp-1"),
        ("Deployment", "nats-acme-corp-1-deployment"): ("NatsInstance", "nats-acme-corp-1"),
        ("Service", "nats-acme-corp-1-service"): ("NatsInstance", "nats-acme-corp-1"),
        ("NatsInstance", "nats-acme-corp-2"): ("Tenant", "acme-corp"),
        ("ConfigMap", "nats-acme-corp-2-config"): ("NatsInstance", "nats-acme-corp-2"),
        ("Deployment", "nats-acme-corp-2-deployment"): ("NatsInstance", "nats-acme-corp-2"),
        ("Service", "nats-acme-corp-2-service"): ("NatsInstance", "nats-acme-corp-2"),
    }, "a logical name and a parent are part of the URN: another one means delete and create"


def _components() -> dict[str, type]:
    """Every component of the package by its type token, which ends in the name of the class."""
    modules = [
        import_module(f"components.{each.name}") for each in iter_modules(components.__path__)
    ]
    return {
        f"tenant-nats:index:{name}": member
        for module in modules
        for name, member in getmembers(module, isclass)
        if issubclass(member, pulumi.ComponentResource) and member.__module__ == module.__name__
    }


def _short(resource: Registered | None) -> tuple[str, str] | None:
    """The last part of the type, and the logical name."""
    return resource and (resource.type.rpartition(":")[2], resource.name)
