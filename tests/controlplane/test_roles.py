"""Who may do what in the database: every cell of the grid, and what the logins really do.

On a real Postgres, as the sandbox has it: its logins are members of the roles, as a platform's are.
"""

import subprocess

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from controlplane.roles import PREFIX, ROLES, lent, role_name
from operations.__main__ import app
from sandbox import database
from tests.conftest import NewDatabase
from tests.controlplane.rows import ONE, TWO, by_hand, execute, insert

Cell = tuple[str, str, str]
"""A role, an object or a column, and a privilege: ("reader", "integrations.id", "SELECT")."""

GRID = """
WITH role AS (SELECT * FROM unnest(%s::text[], %s::text[]) AS r (role, name)),
relation AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT role, 'database', privilege, has_database_privilege(name, current_database(), privilege)
FROM role, unnest('{CONNECT, CREATE, TEMPORARY}'::text[]) AS privilege
UNION ALL
SELECT role, 'schema', privilege, has_schema_privilege(name, 'public', privilege)
FROM role, unnest('{CREATE, USAGE}'::text[]) AS privilege
UNION ALL
SELECT role, relname, privilege, has_table_privilege(name, oid, privilege)
FROM role, relation, unnest(
    '{SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN}'::text[]
) AS privilege WHERE relkind IN ('r', 'v')
UNION ALL
SELECT role, relname || '.' || attname, privilege,
       has_column_privilege(name, relation.oid, attnum, privilege)
FROM role, relation JOIN pg_attribute ON attrelid = relation.oid, unnest(
    '{SELECT, INSERT, UPDATE, REFERENCES}'::text[]
) AS privilege WHERE relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT role, relname, privilege, has_sequence_privilege(name, oid, privilege)
FROM role, relation, unnest('{USAGE, SELECT, UPDATE}'::text[]) AS privilege WHERE relkind = 'S'
UNION ALL
SELECT role, proname, 'EXECUTE', has_function_privilege(name, oid, 'EXECUTE')
FROM role, pg_proc WHERE pronamespace = 'public'::regnamespace
"""
"""All objects in the database, whoever made them, with all the privileges of their kind."""


def grid(dsn: str, prefix: str = PREFIX) -> dict[Cell, bool]:
    rows = execute(dsn, GRID, list(ROLES), [role_name(role, prefix) for role in ROLES])
    cells = {(role, name, privilege): is_allowed for role, name, privilege, is_allowed in rows}
    assert len(cells) == len(rows), "two objects of one name"
    return cells


def described(cells: dict[Cell, bool]) -> set[Cell]:
    """The cells that should be allowed."""
    # What Postgres grants to PUBLIC in every database by default.
    allowed: set[Cell] = {(role, "database", p) for role in ROLES for p in ("CONNECT", "TEMPORARY")}
    for each in lent():
        names = [f"{each.name}.{column}" for column in each.columns] or [each.name or "schema"]
        allowed |= {(each.role, name, p) for name in names for p in each.privileges}
    for role, name, privilege in cells:
        table = name.partition(".")[0]
        is_owned = role == "owner" and name not in ("database", "schema")
        if is_owned or (role, table, privilege) in allowed:
            allowed.add((role, name, privilege))
    return allowed


def test_every_cell_is_as_it_is_described_and_every_other_is_refused(dsn: str) -> None:
    cells = grid(dsn)
    assert {cell for cell, is_allowed in cells.items() if is_allowed} == described(cells)


def test_lending_once_more_changes_nothing_and_takes_back_what_somebody_has_added(
    dsn: str,
) -> None:
    before = grid(dsn)
    execute(dsn, "GRANT DELETE ON integrations TO tenant_nats_provisioner")
    execute(dsn, "GRANT UPDATE (url) ON tenant_servers TO tenant_nats_reader")
    assert grid(dsn) != before
    database.prepare(by_hand(dsn))
    assert grid(dsn) == before


def test_a_view_that_is_made_anew_is_readable_once_it_is_lent_again(dsn: str) -> None:
    before = grid(dsn)
    owner = make_conninfo(by_hand(dsn), options="-c role=tenant_nats_owner")
    with psycopg.connect(owner) as connection:
        connection.execute("DROP VIEW tenant_servers")
        connection.execute(
            "CREATE VIEW tenant_servers AS SELECT tenant_id, instance_number, '' AS url "
            "FROM nats_instances"
        )
    assert grid(dsn) != before
    database.prepare(by_hand(dsn))
    assert grid(dsn) == before


def test_a_function_that_the_owner_makes_later_is_not_for_everybody(dsn: str) -> None:
    owner = make_conninfo(by_hand(dsn), options="-c role=tenant_nats_owner")
    with psycopg.connect(owner) as connection:
        connection.execute("CREATE FUNCTION later() RETURNS int LANGUAGE sql RETURN 1")
    with (
        psycopg.connect(database.worker(dsn)) as worker,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="function later"),
    ):
        worker.execute("SELECT later()")


def test_what_the_command_prints_makes_the_roles_of_another_prefix(dsn: str) -> None:
    """Twice, in a database that knows no roles yet: as its administrator does after a migration."""
    printed = CliRunner().invoke(app, ["database-roles", "--prefix", "staging"])
    assert printed.exit_code == 0
    before = grid(dsn)
    for _ in range(2):
        subprocess.run(
            [database.psql(), by_hand(dsn), "-v", "ON_ERROR_STOP=1"],
            input=printed.output, text=True, check=True, capture_output=True,
        )  # fmt: skip
    assert {cell: is_so for cell, is_so in grid(dsn, "staging").items() if cell[0] != "owner"} == {
        cell: is_so for cell, is_so in before.items() if cell[0] != "owner"
    }
    assert grid(dsn) == before


@pytest.mark.parametrize(
    ("option", "words"), [("--prefix", "lower-case letters"), ("--schema", "letters a-z")]
)
def test_a_name_that_is_none_is_refused(option: str, words: str) -> None:
    refused = CliRunner().invoke(app, ["database-roles", option, "a;b"])
    assert refused.exit_code == 2
    assert f"a;b: expected {words}" in refused.output
    assert "CREATE" not in refused.output


@pytest.fixture(scope="module")
def platform(new_database: NewDatabase) -> str:
    """A database with two servers of acme, an integration, and a secret of the platform's."""
    dsn = new_database()
    insert(dsn, "acme", ONE, integrations=1)
    insert(dsn, "acme", TWO)
    execute(dsn, "ALTER TABLE integrations ADD secret text DEFAULT 'hunter2'")
    execute(dsn, "CREATE TABLE customers (name text)")
    database.prepare(by_hand(dsn))
    return dsn


PROVISIONER_MAY = (
    "SELECT * FROM nats_instances",
    "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
    "VALUES ('acme', 1, 'x:4222', 'active') ON CONFLICT (tenant_id, instance_number) DO NOTHING",
    "UPDATE nats_instances SET status = 'draining'",
    "DELETE FROM nats_instances WHERE instance_number = 2",
    "SELECT 1 FROM nats_instances FOR UPDATE",
    "SELECT id, tenant_id, nats_instance_id FROM integrations",
    "SELECT count(*) FROM integrations",
    "SELECT 1 FROM integrations FOR NO KEY UPDATE",
    "UPDATE integrations SET nats_instance_id = NULL",
    "UPDATE integrations SET nats_instance_id = (SELECT max(id) FROM nats_instances)",
)
PROVISIONER_MAY_NOT = (
    "SELECT secret FROM integrations",
    "SELECT * FROM integrations",
    "INSERT INTO integrations (tenant_id) VALUES ('acme')",
    "DELETE FROM integrations",
    "UPDATE integrations SET tenant_id = 'globex'",
    "UPDATE integrations SET secret = 'known'",
    "TRUNCATE nats_instances CASCADE",
    "ALTER TABLE nats_instances DISABLE TRIGGER nats_instances_hold_transitions",
    "ALTER TABLE nats_instances ADD note text",
    "DROP VIEW tenant_servers",
    "CREATE TABLE mine (id int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "SELECT * FROM integration_servers",
    "SELECT * FROM customers",
    "SELECT * FROM alembic_version",
    "SET ROLE tenant_nats_owner",
    "SET ROLE tenant_nats_reader",
    "CREATE ROLE another",
)
READER_MAY = (
    "SELECT * FROM integration_servers",
    "SELECT * FROM tenant_servers",
    "SELECT * FROM nats_instances",
    "SELECT id, tenant_id, nats_instance_id FROM integrations",
    "LISTEN integration_moved",
    # Postgres knows no privilege for it: a notification is a reason to look, and no more.
    "NOTIFY integration_moved, '{}'",
)
READER_MAY_NOT = (
    "SELECT secret FROM integrations",
    "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
    "VALUES ('acme', 3, 'x:4222', 'active')",
    "UPDATE nats_instances SET dns_name = 'x:4222'",
    "DELETE FROM nats_instances",
    "SELECT 1 FROM nats_instances FOR KEY SHARE",
    "UPDATE integrations SET nats_instance_id = NULL",
    "UPDATE tenant_servers SET tenant_id = 'globex'",  # a view as simple as this takes updates
    "DELETE FROM tenant_servers",
    "SELECT nextval('nats_instances_id_seq')",
    "SELECT * FROM customers",
    "CREATE TABLE mine (id int)",
    "SET ROLE tenant_nats_provisioner",
)


@pytest.mark.parametrize(
    ("login", "statement"),
    [
        *(("provisioner", statement) for statement in PROVISIONER_MAY),
        *(("worker", statement) for statement in READER_MAY),
    ],
)
def test_what_a_login_needs_it_may_do(platform: str, login: str, statement: str) -> None:
    with psycopg.connect(make_conninfo(platform, user=login)) as connection:
        connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]
        connection.rollback()


@pytest.mark.parametrize(
    ("login", "statement"),
    [
        *(("provisioner", statement) for statement in PROVISIONER_MAY_NOT),
        *(("worker", statement) for statement in READER_MAY_NOT),
    ],
)
def test_all_else_is_refused(platform: str, login: str, statement: str) -> None:
    with (
        psycopg.connect(make_conninfo(platform, user=login)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_a_table_of_the_same_name_for_the_session_does_not_deceive_the_trigger(dsn: str) -> None:
    """The function that refuses a terminated instance runs with the rights of its owner."""
    row_id = insert(dsn, "acme", ONE, integrations=1)
    execute(dsn, "UPDATE integrations SET nats_instance_id = NULL")
    execute(dsn, "UPDATE nats_instances SET status = 'draining'")
    execute(dsn, "UPDATE nats_instances SET status = 'terminated'")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TEMPORARY TABLE nats_instances (id bigint, status text)")
        connection.execute("GRANT ALL ON nats_instances TO PUBLIC")
        with pytest.raises(psycopg.errors.CheckViolation, match="terminated and takes no"):
            connection.execute("UPDATE integrations SET nats_instance_id = %s", (row_id,))
