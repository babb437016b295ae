"""Tables in another schema and under other names, beside tables that shadow them: on real Postgres.

The search path of the login is hostile: functions, operators, types and tables of somebody else
come before all others, and each raises when it is used.
"""

from collections.abc import Generator
from itertools import product
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from controlplane import roles, store
from controlplane.connection import ControlPlaneError, connected
from controlplane.platform import Platform, platform_of
from controlplane.reader import take_snapshot
from operations.__main__ import app
from sandbox import database
from tests.controlplane.rows import ONE, TWO, by_hand, execute, own_login
from tests.controlplane.test_platforms import PLAIN, live_through, rows
from tests.controlplane.test_records import configured, inputs, outputs

THEIRS = Platform(said_schema="NatsHub", instances="Server", integrations="order")
SETTINGS = '{"schema": "NatsHub", "tables": {"instances": "Server", "integrations": "order"}}'
SERVERS = 'SELECT tenant_id, instance_number, status FROM "NatsHub"."Server" ORDER BY 1, 2'

MOVED = (
    'CREATE SCHEMA "NatsHub"',
    *PLAIN[1:5],
    'ALTER TABLE nats_instances SET SCHEMA "NatsHub"',
    'ALTER TABLE integrations SET SCHEMA "NatsHub"',
    'ALTER TABLE "NatsHub".nats_instances RENAME TO "Server"',
    'ALTER TABLE "NatsHub".integrations RENAME TO "order"',
    'ALTER VIEW integration_servers SET SCHEMA "NatsHub"',
    'ALTER VIEW tenant_servers SET SCHEMA "NatsHub"',
    *(f'ALTER FUNCTION {each}() SET SCHEMA "NatsHub"' for each in roles.FUNCTIONS),
)
SHADOWS = tuple(
    f'CREATE TABLE {schema}.{name} (LIKE "NatsHub".{like})'
    for schema in ("public", "evil")
    for name, like in (
        ("nats_instances", '"Server"'),
        ('"Server"', '"Server"'),
        ("integrations", '"order"'),
        ('"order"', '"order"'),
    )
)
TRAP = "RETURNS {} LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$"
TRAPS = {
    "count(bigint)": "",  # an aggregate, below
    "count(evil.key)": "",
    "format(text, text, bigint)": "text",
    "format(text, evil.key, evil.key)": "text",
    "unnest(bigint[])": "SETOF bigint",
    "unnest(text[])": "SETOF text",
    "unnest(name[])": "SETOF name",
    "to_regclass(text)": "regclass",
    "has_schema_privilege(oid, text)": "boolean",
    "has_column_privilege(oid, text, text)": "boolean",
    "row_security_active(oid)": "boolean",
    "current_schemas(boolean)": "name[]",
    "current_setting(text)": "text",
    "set_config(text, text, boolean)": "text",
    "concat_ws(text, text, text, text)": "text",
    "starts_with(text, text)": "boolean",
    "format_type(oid, integer)": "text",
    "pg_get_expr(pg_node_tree, oid)": "text",
    "bool_or(boolean)": "",
}
_ONE = ("text", "smallint", "integer", "bigint", "evil.key", "evil.number", "evil.word")
COMPARED = [*product(_ONE, _ONE), ("int2[]", "int2[]"), ("text[]", "text[]")]
EVIL = (
    "CREATE SCHEMA evil",
    "GRANT USAGE ON SCHEMA evil TO PUBLIC",
    "CREATE DOMAIN evil.key AS bigint",
    "CREATE DOMAIN evil.number AS integer",
    "CREATE DOMAIN evil.word AS varchar(80)",
    "CREATE FUNCTION evil.trapped(bigint, anyelement) "
    + TRAP.format("bigint").replace("AS", "IMMUTABLE AS", 1),
    *(
        f"CREATE AGGREGATE evil.{name} (SFUNC = evil.trapped, STYPE = bigint, INITCOND = '0')"
        for name, returned in TRAPS.items()
        if not returned
    ),
    *(
        f"CREATE FUNCTION evil.{name} {TRAP.format(returned)}"
        for name, returned in TRAPS.items()
        if returned
    ),
    *(
        statement
        for left, right in COMPARED
        for statement in (
            f"CREATE FUNCTION evil.same({left}, {right}) {TRAP.format('boolean')}",
            *(
                f"CREATE OPERATOR evil.{sign} (LEFTARG = {left}, RIGHTARG = {right}, "
                "FUNCTION = evil.same)"
                for sign in ("=", "<>")
            ),
        )
    ),
)
DOMAINS = tuple(
    f'ALTER TABLE "NatsHub".{table} ALTER {column} TYPE evil.{type_}'
    for table, column, type_ in (
        ('"Server"', "instance_number", "number"),
        ('"Server"', "dns_name", "word"),
        ('"Server"', "tenant_id", "word"),
        ('"order"', "nats_instance_id", "key"),
        ('"order"', "tenant_id", "word"),
    )
)
TYPES = ("CREATE DOMAIN evil.text AS name", "CREATE DOMAIN evil.int8 AS boolean")


@pytest.fixture
def theirs(dsn: str) -> str:
    """A platform with its own schema and names; its login's rights are lent as for any other."""
    for statement in MOVED:
        execute(dsn, statement)
    with psycopg.connect(by_hand(dsn)) as connection:
        connection.execute(roles.create_roles(platform=THEIRS) + roles.lend(platform=THEIRS))
    return dsn


@pytest.fixture
def hostile(theirs: str) -> Generator[str]:
    """The same, and everything that is not named by its schema is somebody else's."""
    views = [f'DROP VIEW "NatsHub".{each}' for each in ("integration_servers", "tenant_servers")]
    with psycopg.connect(by_hand(theirs)) as connection:
        for statement in (*views, *EVIL, *SHADOWS, *DOMAINS, *TYPES):
            connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]
    with own_login(theirs) as login:
        role = conninfo_to_dict(login)["user"]
        execute(theirs, f"ALTER ROLE {role} SET search_path = evil, pg_catalog, public")
        yield login


def test_a_tenant_lives_through_in_another_schema_under_other_names(theirs: str) -> None:
    live_through(theirs, "acme", THEIRS)


def test_a_tenant_lives_through_whatever_the_search_path_finds_first(hostile: str) -> None:
    for trap in ("count(1::bigint)", "'a'::pg_catalog.text = 'a'::pg_catalog.text"):
        with (
            psycopg.connect(hostile) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="hijacked"),
        ):
            connection.execute(f"SELECT {trap}")  # pyright: ignore[reportArgumentType]
    live_through(hostile, "acme", THEIRS)
    wanted = rows("acme", 1, 2)
    store.record(hostile, wanted, managed=(), platform=THEIRS)
    # Addresses that were swapped by hand.
    execute(hostile, 'UPDATE "NatsHub"."Server" SET dns_name = \'x\' || dns_name')
    execute(
        hostile,
        'UPDATE "NatsHub"."Server" s SET dns_name = w.dns_name FROM (VALUES (1, %s), (2, %s)) '
        "AS w (number, dns_name) WHERE w.number = s.instance_number",
        wanted.rows[1].dns_name,
        wanted.rows[0].dns_name,
    )
    store.record(hostile, wanted, managed=(1, 2), platform=THEIRS)
    assert store.rows_of(hostile, "acme", [1, 2], platform=THEIRS) == list(wanted.rows)
    for shadow in ("public.nats_instances", 'public."Server"', "evil.nats_instances"):
        assert execute(hostile, f"SELECT * FROM {shadow}") == []  # noqa: S608


def test_the_search_path_that_triggers_rely_on_stays_behind_ours(hostile: str) -> None:
    with connected(hostile, "write") as connection:
        [(path,)] = connection.execute("SELECT current_schemas(true)::text[]").fetchall()
        assert path == ["pg_catalog", "evil", "public"]
    with psycopg.connect(hostile) as connection:
        [(after,)] = connection.execute("SHOW search_path").fetchall()
    assert after == "evil, pg_catalog, public"


@pytest.mark.parametrize("path", ["''", "public", '"$user", public', "pg_temp, public"])
def test_any_search_path_will_do(dsn: str, path: str) -> None:
    with own_login(dsn) as login:
        execute(dsn, f"ALTER ROLE {conninfo_to_dict(login)['user']} SET search_path = {path}")
        live_through(login, "acme")


def test_the_resource_learns_the_names_from_the_stack_and_its_state_has_none(theirs: str) -> None:
    provider = configured(theirs, database=SETTINGS)
    assert platform_of({}) != THEIRS
    made = provider.create(inputs(ONE, TWO)).outs or {}
    assert made == outputs(ONE, TWO), "as it is for tables of the usual names"
    assert execute(theirs, SERVERS) == [("acme", 1, "active"), ("acme", 2, "active")]
    assert provider.read("acme", made).outs == made
    assert provider.diff("acme", made, inputs(ONE, TWO)).changes is False
    provider.update("acme", made, inputs(ONE))
    provider.delete("acme", outputs(ONE))
    assert execute(theirs, SERVERS) == []


def test_a_stack_that_does_not_name_them_is_told_where_tables_of_the_usual_names_are(
    dsn: str,
) -> None:
    execute(dsn, "CREATE SCHEMA hub")
    for each in ("nats_instances", "integrations"):
        execute(dsn, f"ALTER TABLE {each} SET SCHEMA hub")
    with pytest.raises(ControlPlaneError) as caught:
        take_snapshot(dsn)
    assert str(caught.value) == (
        "The database has no table public.nats_instances, but hub.nats_instances. Say it: "
        "`pulumi config set --path database.schema hub`, and give commands `--settings "
        "Pulumi.STACK.yaml`."
    )
    with pytest.raises(ControlPlaneError, match="may not use the schema hub: GRANT USAGE ON"):
        take_snapshot(dsn, platform=Platform(said_schema="hub"))


def test_the_commands_learn_the_names_from_the_stacks_file(
    theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(theirs, rows("acme", 1), managed=(), platform=THEIRS)
    settings, inventory = tmp_path / "Pulumi.prod.yaml", tmp_path / "tenants.yaml"
    settings.write_text(f"config: {{tenant-nats:database: {SETTINGS}}}\n")
    inventory.write_text("tenants:\n  acme: {integrations: 60}\n")
    monkeypatch.setenv("DATABASE_URL", theirs)
    execute(
        theirs,
        'INSERT INTO "NatsHub"."order" (tenant_id) SELECT \'acme\' FROM generate_series(1, 120)',
    )
    scaled = run("autoscale", "--inventory", inventory, "--settings", settings)
    assert "acme: 2 → 3 instances" in scaled.output
    rendered = run("render", tmp_path / "out", "--inventory", inventory, "--settings", settings)
    assert rendered.exit_code == 0, rendered.output
    text = (tmp_path / "out" / "90-rows.sql").read_text()
    with psycopg.connect(theirs) as connection:
        connection.execute(text)  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert len(execute(theirs, SERVERS)) == 3
    printed = run("database-roles", "--settings", settings)
    assert printed.output.count('"NatsHub"."Server"') >= 3
    with psycopg.connect(by_hand(theirs)) as connection:
        connection.execute(printed.output)  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert take_snapshot(database.worker(theirs), platform=THEIRS).unplaced == {"acme": 120}


def run(*arguments: object):
    return CliRunner().invoke(app, [str(each) for each in arguments])
