"""The JSON Schema that editors use, and the words and examples that it takes from the models."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML

from reference.json_schema import FILE, schema
from tenancy.inventory.models import (
    Clients,
    Inventory,
    Nkey,
    Resources,
    Size,
    Tenant,
    Tls,
    Toleration,
    fields_of,
    nkeys,
)
from tests.unit.inventory.files import loaded

MODELS: tuple[type[BaseModel], ...] = (
    *(Inventory, Tenant, Clients, Nkey, Tls, Size, Resources, Toleration),
)
FIELDS = [
    pytest.param(model, name, id=f"{model.__name__}.{name}")
    for model in MODELS
    for name in fields_of(model)
]

ACME = """tenants: {acme: {}}
sizes: {large: {requests: {cpu: '1', memory: 1Gi}, limits: {cpu: '1', memory: 1Gi}"""
NODES = "$.sizes.large.nodeSelector"

OTHERS: dict[type[BaseModel], str] = {
    Inventory: '"tenants": {"acme": {}}',
    Nkey: f'"key": "{nkeys.EXAMPLE}"',
    Size: '"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "9", "memory": "9Gi"}',
    Resources: '"cpu": "9", "memory": "9Gi"',
    Toleration: '"key": "dedicated", "effect": "NoExecute"',
}
"""What a model needs besides the field under test."""

PLACES: dict[type[BaseModel], str] = {
    Inventory: "{%s}",
    Tenant: '{"tenants": {"acme": {%s}}}',
    Clients: '{"tenants": {"acme": {"clients": {%s}}}}',
    Nkey: '{"tenants": {"acme": {"clients": {"nkeys": [{%s}]}}}}',
    Tls: '{"tenants": {"acme": {"tls": {%s}}}}',
    Size: '{"tenants": {"acme": {}}, "sizes": {"large": {%s}}}',
    Resources: (
        '{"tenants": {"acme": {}}, "sizes": {"large": '
        '{"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {%s}}}}'
    ),
    Toleration: (
        '{"tenants": {"acme": {}}, "sizes": {"large": {"requests": {"cpu": "1m", "memory": "1Mi"}, '
        '"limits": {"cpu": "9", "memory": "9Gi"}, "tolerations": [{%s}]}}}'
    ),
}
"""Where each model stands in an inventory."""


def test_the_committed_schema_is_that_of_the_models() -> None:
    assert schema() == FILE.read_text(), "run `make schema`, and read the difference"


def test_every_model_of_the_schema_is_looked_at_here() -> None:
    definitions = json.loads(schema())["$defs"]
    assert {model.__name__ for model in MODELS} == {"Inventory", *definitions}


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_field_says_what_it_is_and_gives_an_example(
    model: type[BaseModel], name: str
) -> None:
    field = fields_of(model)[name]
    assert field.description
    assert field.description.endswith(".")
    assert field.examples


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_example_is_accepted_by_the_loader(
    tmp_path: Path, model: type[BaseModel], name: str
) -> None:
    examples = fields_of(model)[name].examples or []
    for example in examples:
        others: dict[str, object] = json.loads(f"{{{OTHERS.get(model, '')}}}")
        body = json.dumps({**others, name: example})[1:-1]
        inventory = loaded(tmp_path, f"{PLACES[model] % body}\n")
        assert len(inventory.tenants) == 1


def test_the_shipped_inventory_fits_the_schema() -> None:
    assert errors_in(FILE.with_name("tenants.yaml").read_text()) == []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{}", "$"),
        ("tenants: {}", "$.tenants"),
        ("tenants: {Acme: {}}", "$.tenants"),
        ("tenants: {acme: {instance: 2}}", "$.tenants.acme"),
        ("tenants: {acme: {integrations: -1}}", "$.tenants.acme.integrations"),
        ("tenants: {acme: {instances: 100}}", "$.tenants.acme.instances"),
        ("tenants: {acme: {placement: even}}", "$.tenants.acme.placement"),
        ("tenants: {acme: {state: terminated}}", "$.tenants.acme.state"),
        ("tenants: {acme: {clients: {namespaces: [A]}}}", "$.tenants.acme.clients.namespaces[0]"),
        (f"{ACME}, nodeSelector: {{a b: c}}}}}}", NODES),
        (
            f"{ACME}, nodeSelector: {{a: b c}}}}}}",
            f"{NODES}.a",
        ),
        (
            "tenants: {acme: {}}\nsizes: {large: {requests: {cpu: '1', memory: 1Gi}}}",
            "$.sizes.large",
        ),
    ],
)
def test_an_editor_marks_the_place_of_a_fault(content: str, place: str) -> None:
    assert errors_in(content) == [place]


def errors_in(content: str) -> list[str]:
    """The places at which a tool that knows only the schema finds a fault."""
    validator = Draft202012Validator(json.loads(schema()))
    return [error.json_path for error in validator.iter_errors(YAML(typ="safe").load(content))]


def test_the_schema_has_an_error_for_a_key_that_does_not_fit() -> None:
    document = json.loads(schema())
    closed = [document, *document["$defs"].values(), *document["properties"].values()]
    assert [part.get("additionalProperties") for part in closed] == [False] * 10


def test_the_schema_knows_no_null() -> None:
    assert "null" not in schema()


def test_the_first_line_of_the_inventory_tells_editors_where_the_schema_is() -> None:
    first, _, _ = FILE.with_name("tenants.yaml").read_text().partition("\n")
    assert f"# yaml-language-server: $schema=./{FILE.name}" == first
