"""The component asks for the cells of the one description, and only where a stack says so."""

import sys
from collections.abc import Mapping

import pulumi
import pytest

from controlplane.roles import FUNCTIONS, lent
from rendering.recorder import Graph, attempt
from settings.stack import Settings
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import expand
from tenant_nats.construction import build
from tenant_nats.decision import Decision
from tests.components.stack import graph_of

Cell = tuple[str, str, str, str]
"""A role, the schema or a table, a column or nothing, a privilege."""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(
        {"acme-corp": {}},
        database={"manageRoles": True, "name": "platform", "schema": "nats", "rolePrefix": "eu"},
    )


def test_the_grants_are_the_cells_of_the_description(graph: Graph) -> None:
    asked: list[Cell] = []
    for grant in graph.of_type("Grant"):
        said = grant.inputs
        if said["role"] != "public":
            asked += [
                (said["role"], name, column, privilege)
                for name in said.get("objects", ["schema"])
                for column in said.get("columns", [""])
                for privilege in said["privileges"]
            ]
    assert sorted(asked) == sorted(
        (f"eu_{each.role}", each.name or "schema", column, privilege)
        for each in lent()
        for column in each.columns or ("",)
        for privilege in each.privileges
    )


def test_every_grant_is_of_a_kind_and_a_shape_that_the_provider_takes(graph: Graph) -> None:
    for grant in graph.of_type("Grant"):
        said = grant.inputs
        assert (said["database"], said["schema"]) == ("platform", "nats")
        assert said["objectType"] in ("schema", "table", "column", "function")
        assert ("objects" in said) == (said["objectType"] != "schema")
        assert ("columns" in said) == (said["objectType"] == "column")
        if said["objectType"] == "column":
            assert (len(said["objects"]), len(said["privileges"])) == (1, 1)


def test_functions_are_taken_from_everybody_also_those_that_come_later(graph: Graph) -> None:
    now = graph.one("Grant", "database-public-functions").inputs
    assert (now["role"], now["objects"], now["privileges"]) == ("public", [*FUNCTIONS], [])
    later = graph.one("DefaultPrivileges").inputs
    assert later == {
        "database": "platform",
        "objectType": "function",
        "owner": "eu_owner",
        "privileges": [],
        "role": "public",
    }, "in one schema only it would take nothing: PUBLIC has it everywhere"


def test_the_roles_have_no_login_and_no_password(graph: Graph) -> None:
    assert {role.name: role.inputs for role in graph.of_type("Role")} == {
        f"database-{role}": {"name": f"eu_{role}", "login": False}
        for role in ("owner", "provisioner", "reader")
    }


def test_all_of_it_outlives_the_stack_and_is_made_one_after_the_other(graph: Graph) -> None:
    component = graph.one("DatabaseRoles")
    made = [each for each in graph.resources if each.parent == component.urn]
    assert len(made) == 3 + len(lent()) + 2
    assert [each.name for each in made if not each.options.get("retainOnDelete")] == []
    grants = {each.urn: each for each in made if not each.type.endswith("Role")}
    # Each waits for all before it, so no two have the same number of grants to wait for.
    waits = [sum(each.urn in grants for each in graph.needed(grant)) for grant in grants.values()]
    assert sorted(waits) == list(range(len(grants)))


def test_rows_are_written_after_the_right_to_write_them_is_given(graph: Graph) -> None:
    needed = {each.urn for each in graph.needed(graph.one("TenantRecords"))}
    assert {each.urn for each in graph.of_type("Grant")} <= needed


def test_a_stack_that_does_not_manage_roles_asks_nothing_of_postgres() -> None:
    graph = graph_of({"acme-corp": {}})
    assert [each.type for each in graph.resources if "postgresql" in each.type] == []


def test_without_the_package_it_is_told_which_command_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "components.postgres")
    monkeypatch.setitem(sys.modules, "pulumi_postgresql", None)
    database = {"manageRoles": True, "name": "platform"}
    outcome = attempt(lambda: build_with(database))
    assert isinstance(outcome.error, pulumi.RunError)
    assert str(outcome.error) == (
        "database.manageRoles needs pulumi_postgresql, which is not installed; "
        "`uv sync --locked --inexact --extra database-roles` or, where tenant-nats is a "
        "dependency, `tenant-nats[database-roles]` in pyproject.toml. Nothing was changed."
    )
    assert outcome.graph.resources == ()


def build_with(database: Mapping[str, object]) -> None:
    """Build, as `__main__` does, a stack of one tenant."""
    settings = Settings.model_validate({"database": database})
    inventory = Inventory.model_validate({"tenants": {"acme-corp": {}}})
    build(settings, Decision(plan=expand(inventory, namespace=settings.namespace)))
