"""Files that are accepted, whatever their style, and what becomes of them."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError

from sandbox.layout import PROJECT
from tenancy.inventory.models import (
    BUILT_IN_SIZES,
    Clients,
    Inventory,
    Nkey,
    Resources,
    Size,
    Tenant,
    instances_needed,
)
from tenancy.inventory.validation import load
from tests.unit.inventory.files import loaded

SHIPPED = PROJECT / "tenants.yaml"

ONE_OF_EACH = Inventory(
    tenants={"acme": Tenant(integrations=80), "globex": Tenant(size="large", instances=2)},
    sizes={
        "large": Size(
            requests=Resources(cpu="2", memory="4Gi"),
            limits=Resources(cpu="4", memory="8Gi"),
            capacity=100,
        )
    },
)

BLOCK = """\
tenants:
  acme:
    integrations: 80
  globex:
    size: large
    instances: 2
sizes:
  large:
    requests:
      cpu: "2"
      memory: 4Gi
    limits:
      cpu: "4"
      memory: 8Gi
    capacity: 100
"""


def test_a_tenant_without_a_field_is_one_standard_server(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "tenants:\n  demo-tenant: {}\n")
    tenant = inventory.tenants["demo-tenant"]
    expected = Tenant(
        integrations=0,
        instances=None,
        size="standard",
        clients=Clients(namespaces=()),
        egress="dns",
    )
    assert expected == tenant
    assert dict(inventory.sizes) == {}


def test_the_standard_size_is_what_the_design_says() -> None:
    expected = Size(
        requests=Resources(cpu="1", memory="2Gi"),
        limits=Resources(cpu="2", memory="4Gi"),
        max_payload="8MB",
        max_connections=1000,
        capacity=50,
    )
    assert {"standard": expected} == dict(BUILT_IN_SIZES)


def test_every_option_arrives_where_it_belongs(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """\
tenants:
  globex:
    integrations: 30
    instances: 2
    size: large
    clients:
      namespaces: [globex-workers, globex-jobs]
    placement: spread
    state: decommissioned
    egress: open
sizes:
  large:
    requests: {cpu: 2500m, memory: 512Mi}
    limits: {cpu: "4", memory: 8Gi}
    maxPayload: 512KB
    maxConnections: 2000
    capacity: 100
""",
    )
    expected = Inventory(
        tenants={
            "globex": Tenant(
                integrations=30,
                instances=2,
                size="large",
                clients=Clients(namespaces=("globex-workers", "globex-jobs")),
                placement="spread",
                state="decommissioned",
                egress="open",
            )
        },
        sizes={
            "large": Size(
                requests=Resources(cpu="2500m", memory="512Mi"),
                limits=Resources(cpu="4", memory="8Gi"),
                max_payload="512KB",
                max_connections=2000,
                capacity=100,
            )
        },
    )
    assert expected == inventory


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(BLOCK, id="block style"),
        pytest.param(BLOCK.replace("\n", "\r\n"), id="CRLF line ends"),
        pytest.param(f"---\n{BLOCK}", id="an explicit start"),
        pytest.param(f"--- # tenants\n{BLOCK}...\n", id="an explicit start and end"),
        pytest.param(f"\n\n# ünïcode\n{BLOCK}\n\n# that is all\n", id="comments around"),
        pytest.param(BLOCK.replace("\n", " # why\n"), id="comments on every line"),
        pytest.param(BLOCK.replace("\n", "\n\n  # why\n"), id="comments between all lines"),
        pytest.param(
            "tenants: {acme: {integrations: 80}, globex: {size: large, instances: 2}}\n"
            'sizes: {large: {requests: {cpu: "2", memory: 4Gi},\n'
            '  limits: {cpu: "4", memory: 8Gi}, capacity: 100}}\n',
            id="flow style",
        ),
        pytest.param(
            '{"tenants": {"acme": {"integrations": 80}, "globex": {"size": "large", '
            '"instances": 2}}, "sizes": {"large": {"requests": {"cpu": "2", "memory": "4Gi"}, '
            '"limits": {"cpu": "4", "memory": "8Gi"}, "capacity": 100}}}\n',
            id="JSON",
        ),
        pytest.param(
            BLOCK.replace("large", "'large'").replace("acme", '"acme"').replace("4Gi", '"4Gi"'),
            id="more quotes than needed",
        ),
        pytest.param(BLOCK.replace("acme:\n", "? acme\n  :\n"), id="a key with its question mark"),
    ],
)
def test_the_same_inventory_is_read_from_every_style(tmp_path: Path, content: str) -> None:
    assert loaded(tmp_path, content) == ONE_OF_EACH


@pytest.mark.parametrize(
    ("integrations", "needed"),
    [(0, 1), (1, 1), (49, 1), (50, 1), (51, 2), (100, 2), (101, 3), (4950, 99), (4951, 100)],
)
def test_a_standard_server_holds_50_integrations(integrations: int, needed: int) -> None:
    assert needed == instances_needed(integrations, BUILT_IN_SIZES["standard"])


OF_ITS_NODES = {"node_selector", "tolerations", "priority_class_name"}
"""The fields of a size that suppose labels, taints and a PriorityClass, which no sandbox has."""


def test_the_shipped_inventory_shows_the_usual_cases_and_every_field() -> None:
    inventory = load(SHIPPED)
    acme = inventory.tenants["acme-corp"]
    assert "demo-tenant" in inventory.tenants
    assert (acme.instances, instances_needed(acme.integrations, inventory.size_of(acme))) == (
        None,
        2,
    )
    complete = [
        tenant_id
        for tenant_id, tenant in inventory.tenants.items()
        if tenant.model_fields_set == set(Tenant.model_fields)
        and tenant.clients.model_fields_set == set(Clients.model_fields)
        and tenant.clients.nkeys[-1].model_fields_set == set(Nkey.model_fields)
        and inventory.size_of(tenant).model_fields_set == set(Size.model_fields) - OF_ITS_NODES
    ]
    assert len(complete) == 1, "one tenant of the file shows every field there is"


@pytest.mark.parametrize(
    ("model", "field"),
    [
        pytest.param(ONE_OF_EACH, "tenants", id="the inventory"),
        pytest.param(ONE_OF_EACH.tenants["acme"], "integrations", id="a tenant"),
        pytest.param(ONE_OF_EACH.tenants["acme"].clients, "namespaces", id="the clients"),
        pytest.param(ONE_OF_EACH.sizes["large"], "capacity", id="a size"),
        pytest.param(ONE_OF_EACH.sizes["large"].limits, "memory", id="the limits"),
        pytest.param(BUILT_IN_SIZES["standard"], "capacity", id="the standard size"),
    ],
)
def test_no_field_can_be_assigned(model: BaseModel, field: str) -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        setattr(model, field, getattr(model, field))


@pytest.mark.parametrize(
    "mapping",
    [
        pytest.param(ONE_OF_EACH.tenants, id="the tenants"),
        pytest.param(ONE_OF_EACH.sizes, id="the sizes"),
        pytest.param(Inventory(tenants={"acme": Tenant()}).sizes, id="no sizes"),
        pytest.param(BUILT_IN_SIZES, id="the built-in sizes"),
    ],
)
def test_no_mapping_can_be_changed(mapping: object) -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        cast("MutableMapping[str, Any]", mapping)["acme"] = Tenant()
