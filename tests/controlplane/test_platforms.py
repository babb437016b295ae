"""Tables that other platforms have, and what must not be hidden: on a real Postgres."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL

from controlplane import store
from controlplane.connection import ControlPlaneError, Mode, connected
from controlplane.platform import PLATFORM, Platform
from controlplane.reader import take_snapshot
from controlplane.store import InstanceRow, TenantRows
from tenancy.names import address
from tenancy.rows.lifecycle import StatusWords
from tests.controlplane.rows import DOMAIN, ONE, by_hand, execute, insert, own_login, record, table
from tests.waiting import wait_until

UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
PLAIN = (
    "DROP VIEW integration_servers, tenant_servers",
    "DROP TRIGGER nats_instances_hold_transitions ON nats_instances",
    "DROP TRIGGER integrations_refuse_terminated ON integrations",
    "DROP TRIGGER integrations_tell_placement ON integrations",
    "DROP TRIGGER integrations_tell_moves ON integrations",
    "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_status_check",
)
"""Takes away what belongs to the columns' types."""
ENUM = (
    "CREATE TYPE status AS ENUM ('provisioning', 'active', 'draining', 'terminated')",
    "ALTER TABLE nats_instances ALTER status TYPE status USING status::status",
)
OTHER_WORDS = ("provisioning", "active", "scaling", "terminating", "terminated")
OTHER_CHECK = (
    f"ALTER TABLE nats_instances ADD CONSTRAINT known CHECK (status IN {OTHER_WORDS})",
)  # fmt: skip
OTHER_ENUM = (
    f"CREATE TYPE status AS ENUM {OTHER_WORDS}",
    "ALTER TABLE nats_instances ALTER status TYPE status USING status::status",
)
OTHER_DOMAIN = (
    f"CREATE DOMAIN status AS text CHECK (VALUE IN {OTHER_WORDS})",
    "ALTER TABLE nats_instances ALTER status TYPE status",
)
TERMINATING = Platform(words=StatusWords(draining="terminating"))


_COMPARED = ("<", "<=", "=", ">=", ">")
CITEXT = (
    "CREATE TYPE citext",
    "CREATE FUNCTION citextin(cstring) RETURNS citext LANGUAGE internal IMMUTABLE STRICT "
    "AS 'textin'",
    "CREATE FUNCTION citextout(citext) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT "
    "AS 'textout'",
    "CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, INTERNALLENGTH = VARIABLE, "
    "STORAGE = extended, CATEGORY = 'S', COLLATABLE = true)",
    "CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT",
    "CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT",
    "CREATE FUNCTION citext_cmp(citext, citext) RETURNS integer LANGUAGE sql IMMUTABLE STRICT "
    "AS $$ SELECT bttextcmp(lower($1::text COLLATE ucs_basic), "
    "lower($2::text COLLATE ucs_basic)) $$",
    *(
        f"CREATE FUNCTION citext_{number}(citext, citext) RETURNS boolean LANGUAGE sql IMMUTABLE "
        f"STRICT AS $$ SELECT lower($1::text COLLATE ucs_basic) {sign} "
        "lower($2::text COLLATE ucs_basic) $$"
        for number, sign in enumerate(_COMPARED)
    ),
    *(
        f"CREATE OPERATOR {sign} (LEFTARG = citext, RIGHTARG = citext, PROCEDURE = citext_{number})"
        for number, sign in enumerate(_COMPARED)
    ),
    "CREATE OPERATOR CLASS citext_ops DEFAULT FOR TYPE citext USING btree AS "
    + ", ".join(f"OPERATOR {number + 1} {sign}" for number, sign in enumerate(_COMPARED))
    + ", FUNCTION 1 citext_cmp(citext, citext)",
)
"""The type as the extension defines it, which the wheel's Postgres comes without."""


ULID = (
    "CREATE TYPE ulid",
    *(
        f"CREATE FUNCTION ulid{way}({taken}) RETURNS {given} LANGUAGE internal IMMUTABLE STRICT "
        f"AS 'text{way}'"
        for way, taken, given in (("in", "cstring", "ulid"), ("out", "ulid", "cstring"))
    ),
    "CREATE TYPE ulid (INPUT = ulidin, OUTPUT = ulidout, INTERNALLENGTH = VARIABLE)",
    *(
        f"CREATE FUNCTION ulid_{does}(ulid, ulid) RETURNS {given} LANGUAGE internal "
        f"IMMUTABLE STRICT AS '{does}'"
        for does, given in (
            ("bytealt", "boolean"), ("byteale", "boolean"), ("byteaeq", "boolean"),
            ("byteage", "boolean"), ("byteagt", "boolean"), ("byteacmp", "integer"),
        )
    ),
    *(
        f"CREATE OPERATOR {sign} (LEFTARG = ulid, RIGHTARG = ulid, FUNCTION = ulid_{does})"
        for sign, does in zip(
            _COMPARED, ("bytealt", "byteale", "byteaeq", "byteage", "byteagt"), strict=True
        )
    ),
    "CREATE OPERATOR CLASS ulid_ops DEFAULT FOR TYPE ulid USING btree AS "
    + ", ".join(f"OPERATOR {number + 1} {sign}" for number, sign in enumerate(_COMPARED))
    + ", FUNCTION 1 ulid_byteacmp(ulid, ulid)",
)  # fmt: skip
"""A type of an extension, with an order and an equality of its own."""


def ids_of(type_: str, made: str) -> tuple[str, ...]:
    """Give all ids but the tenants' a type; `made` is the expression for a new one."""
    key = "ALTER TABLE integrations {} integrations_nats_instance_id_fkey"
    return (
        key.format("DROP CONSTRAINT"),
        *(
            statement
            for each in ("nats_instances", "integrations")
            for statement in (
                f"ALTER TABLE {each} ALTER id DROP IDENTITY",
                f"ALTER TABLE {each} ALTER id TYPE {type_} USING ({made})::{type_}",
                f"ALTER TABLE {each} ALTER id SET DEFAULT ({made})::{type_}",
            )
        ),
        f"ALTER TABLE integrations ALTER nats_instance_id TYPE {type_} USING NULL",
        key.format("ADD CONSTRAINT")
        + " FOREIGN KEY (nats_instance_id) REFERENCES nats_instances ON DELETE CASCADE",
    )


RANDOM = "gen_random_uuid()::text"


def of_type(type_: str) -> tuple[str, ...]:
    """Give the ids of tenants a type, in both tables."""
    return tuple(
        f"ALTER TABLE {each} ALTER tenant_id TYPE {type_} USING tenant_id::{type_}"
        for each in ("nats_instances", "integrations")
    )


def altered(dsn: str, *statements: str) -> None:
    for statement in (*PLAIN, *statements):
        execute(dsn, statement)


def rows(tenant: str, *numbers: int) -> TenantRows:
    return TenantRows(
        tenant_id=tenant,
        domain=DOMAIN,
        rows=tuple(
            InstanceRow(number, address(tenant, number, DOMAIN), "active") for number in numbers
        ),
    )


def seen(dsn: str, tenant: str, platform: Platform) -> list[tuple[int, str, int]]:
    snapshot = take_snapshot(dsn, platform=platform, tenants=[tenant])
    return [(row.instance_number, row.status, row.integrations) for row in snapshot.of(tenant)]


def live_through(dsn: str, tenant: str, platform: Platform = PLATFORM) -> None:
    """A tenant comes, grows, shrinks, leaves, comes back and is removed."""
    instances, integrations = map(platform.regclass, platform.tables)
    statuses = f"SELECT status::text FROM {instances}"  # noqa: S608
    store.record(dsn, rows(tenant, 1), managed=(), platform=platform)
    assert seen(dsn, tenant, platform) == [(1, "active", 0)]
    added = f"INSERT INTO {integrations} (tenant_id) SELECT %s FROM generate_series(1, 60)"  # noqa: S608
    execute(dsn, added, tenant)
    store.record(dsn, rows(tenant, 1, 2), managed=(1,), platform=platform)
    assert seen(dsn, tenant, platform) == [(1, "active", 50), (2, "active", 10)]
    execute(
        dsn,
        f"DELETE FROM {integrations} WHERE id IN (SELECT id FROM {integrations} ORDER BY "  # noqa: S608
        f"nats_instance_id = (SELECT id FROM {instances} WHERE instance_number = 1) DESC LIMIT 20)",
    )
    store.record(dsn, rows(tenant, 1), managed=(1, 2), platform=platform)
    assert seen(dsn, tenant, platform) == [(1, "active", 40)]
    with pytest.raises(ControlPlaneError, match="has 40 integrations"):
        store.record(dsn, rows(tenant), managed=(1,), platform=platform)
    execute(dsn, f"DELETE FROM {integrations}")  # noqa: S608
    store.record(dsn, rows(tenant), managed=(1,), platform=platform)
    assert seen(dsn, tenant, platform) == [(1, "terminated", 0)]
    assert execute(dsn, statuses) == [(platform.words.terminated,)]
    store.record(dsn, rows(tenant, 1), managed=(), platform=platform)
    there = store.rows_of(dsn, tenant, [1], platform=platform)
    assert there == [InstanceRow(1, address(tenant, 1, DOMAIN), "active")]
    store.remove(dsn, tenant, [1], domain=DOMAIN, platform=platform)
    assert execute(dsn, statuses) == []


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(of_type("varchar(63)"), id="varchar"),
        pytest.param(of_type("uuid"), id="uuid"),
        pytest.param(
            (*of_type("uuid"), *ids_of("uuid", "gen_random_uuid()")), id="uuid, and ids too"
        ),
        *(
            pytest.param((*made, *ids_of(type_, value)), id=f"ids {type_}")
            for type_, value, *made in (
                ("text", RANDOM),
                ("varchar(40)", RANDOM),
                ("numeric", "random() * 1e15"),
                ("timestamptz", "clock_timestamp()"),
                ("key", RANDOM, "CREATE DOMAIN key AS text"),
                ("number", "random() * 1e15", "CREATE DOMAIN number AS bigint"),
            )
        ),
        pytest.param(("CREATE DOMAIN key AS text", *of_type("key")), id="domain over text"),
        pytest.param(("CREATE DOMAIN key AS uuid", *of_type("key")), id="domain over uuid"),
        pytest.param(of_type("uuid")[:1], id="uuid in one table, text in the other"),
        pytest.param(
            ("ALTER TABLE nats_instances ALTER status TYPE varchar(20)",), id="status varchar"
        ),
        pytest.param(ENUM, id="status enum"),
        pytest.param(
            ("ALTER TABLE nats_instances ALTER instance_number TYPE bigint",), id="bigint number"
        ),
    ],
)
def test_a_tenant_lives_through_in_tables_of_other_types(
    dsn: str, statements: tuple[str, ...]
) -> None:
    altered(dsn, *statements)
    live_through(dsn, UUID)


def test_a_tenant_lives_through_in_citext(dsn: str) -> None:
    altered(dsn, *CITEXT, *of_type("citext"))
    live_through(dsn, UUID)
    insert(dsn, UUID.upper(), InstanceRow(1, "nats.example.com:4222", "active"))
    assert take_snapshot(dsn).of(UUID) == (), "ids are compared as text, in their own case"
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES (%s)", UUID)
    with pytest.raises(ControlPlaneError, match=r"did not keep the rows .* another spelling"):
        store.record(dsn, rows(UUID, 1), managed=())


ID_TYPES = {
    "citext": CITEXT,
    "folded": (*CITEXT, "CREATE DOMAIN folded AS citext"),
    "ulid": ULID,
}


@pytest.mark.parametrize("type_", ID_TYPES)
def test_ids_that_postgres_compares_by_an_operator_of_others_are_refused(
    dsn: str, type_: str
) -> None:
    """An integration whose reference only the foreign key finds would be deleted with the row."""
    altered(dsn, *ID_TYPES[type_], *ids_of(type_, RANDOM))
    row_id = insert(dsn, "acme", ONE)
    execute(
        dsn,
        "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)",
        row_id if type_ == "ulid" else str(row_id).upper(),
    )
    with pytest.raises(ControlPlaneError) as caught:
        take_snapshot(dsn)
    assert str(caught.value) == (
        f"nats_instances.id is {type_}, which Postgres does not compare by an operator of its own; "
        "use one of bigint, text, uuid."
    )


def test_ids_of_integrations_are_ordered_and_compared_as_well(dsn: str) -> None:
    altered(dsn, *ULID, *ids_of("ulid", RANDOM)[4:7])
    with pytest.raises(ControlPlaneError, match=r"^integrations\.id is ulid, which Postgres"):
        take_snapshot(dsn)
    execute(dsn, "ALTER TABLE integrations DROP CONSTRAINT integrations_pkey")
    execute(dsn, "ALTER TABLE integrations ALTER id DROP DEFAULT, ALTER id TYPE json USING '1'")
    with pytest.raises(ControlPlaneError, match=r"^integrations\.id is json, which Postgres"):
        take_snapshot(dsn)


def test_ids_of_an_enum_will_do(dsn: str) -> None:
    labels = ", ".join(f"'{number}'" for number in range(20))
    altered(dsn, f"CREATE TYPE place AS ENUM ({labels})", *ids_of("place", "'1'"))
    execute(dsn, "ALTER TABLE integrations ALTER id SET DEFAULT '7'")
    insert(dsn, "acme", ONE, integrations=1)
    [row] = take_snapshot(dsn).instances
    assert row.integrations == 1
    execute(dsn, "UPDATE integrations SET nats_instance_id = NULL")
    record(dsn, ONE, managed=(1,))
    [row] = take_snapshot(dsn).instances
    assert row.integrations == 1


def test_a_row_that_a_trigger_swallows_does_not_count_as_written(dsn: str) -> None:
    execute(
        dsn,
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    )
    execute(
        dsn,
        "CREATE TRIGGER swallow BEFORE INSERT ON nats_instances "
        "FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES ('acme')")
    with pytest.raises(ControlPlaneError, match="did not keep the rows of tenant acme"):
        record(dsn, ONE)


def test_another_tenants_row_at_our_address_is_refused_without_a_unique_key_too(dsn: str) -> None:
    execute(dsn, "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_dns_name_key")
    insert(dsn, "globex", InstanceRow(7, ONE.dns_name, "active"))
    with pytest.raises(ControlPlaneError, match="addresses of tenant acme: globex instance 7"):
        record(dsn, ONE)
    assert [row[0] for row in table(dsn)] == ["globex"]


@pytest.mark.parametrize("statements", [OTHER_CHECK, OTHER_ENUM, OTHER_DOMAIN])
def test_a_tenant_lives_through_in_the_platforms_own_words(
    dsn: str, statements: tuple[str, ...]
) -> None:
    altered(dsn, *statements)
    live_through(dsn, "acme", TERMINATING)


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (OTHER_CHECK, "the check known"),
        (OTHER_ENUM, "its type status"),
        (OTHER_DOMAIN, "its type status"),
        (
            ("ALTER TABLE nats_instances ALTER status TYPE varchar(7)",),
            r"its type character varying\(7\)",
        ),
        (
            ("ALTER TABLE nats_instances ADD CONSTRAINT odd CHECK (status NOT LIKE '%%ing')",),
            "the check odd",
        ),
    ],
    ids=["check", "enum", "domain", "too short", "a check with a percent sign"],
)
def test_a_status_that_the_platform_does_not_take_is_known_before_anything_is_touched(
    dsn: str, statements: tuple[str, ...], why: str
) -> None:
    altered(dsn, *statements)
    words = rf"does not take `draining` \({why}\).*database.statuses.draining"
    with pytest.raises(ControlPlaneError, match=words):
        take_snapshot(dsn)


def test_a_word_that_means_something_else_to_the_platform_is_not_ours(dsn: str) -> None:
    gone = Platform(words=StatusWords(terminated="gone"))
    altered(dsn)
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "terminated"))
    [row] = take_snapshot(dsn, platform=gone).instances
    assert (row.status, row.is_live) == ("the platform's terminated", True)


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        pytest.param(
            of_type("char(40)"), r"tenant_id is character\(40\), which pads", id="padded ids"
        ),
        pytest.param(
            ("ALTER TABLE nats_instances ALTER dns_name TYPE char(200)",),
            r"dns_name is character\(200\), which pads",
            id="padded addresses",
        ),
        pytest.param(
            (
                "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_instance_number_check",
                "ALTER TABLE nats_instances ALTER instance_number TYPE text",
            ),
            "instance_number is text, which cannot be compared .* one of smallint, integer, bigint",
            id="numbers as text",
        ),
        pytest.param(
            ("ALTER TABLE nats_instances ALTER status TYPE boolean USING true",),
            "status is boolean, which cannot be compared",
            id="status as a truth",
        ),
        pytest.param(
            (
                "ALTER TABLE integrations DROP CONSTRAINT integrations_nats_instance_id_fkey",
                "ALTER TABLE integrations ALTER nats_instance_id TYPE text",
            ),
            "nats_instance_id is text and nats_instances.id is bigint, which Postgres does not",
            id="a reference of another type",
        ),
        pytest.param(
            (
                # As one of ICU's can be, of which the wheel's Postgres has none.
                'CREATE COLLATION loose FROM "C"',
                "SET allow_system_table_mods = on; "
                "UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'loose'",
                "ALTER TABLE nats_instances ALTER tenant_id TYPE text COLLATE loose",
            ),
            "takes different texts for equal",
            id="a collation without case",
        ),
    ],
)
def test_a_type_that_cannot_be_compared_is_refused_by_name(
    dsn: str, statements: tuple[str, ...], words: str
) -> None:
    altered(dsn, *statements)
    with pytest.raises(ControlPlaneError, match=words) as caught:
        take_snapshot(dsn)
    assert len(str(caught.value).splitlines()) == 1


def test_a_tenant_that_a_uuid_cannot_hold_is_refused_before_its_row_is_written(dsn: str) -> None:
    altered(dsn, *of_type("uuid"))
    with pytest.raises(ControlPlaneError, match="tenant_id is uuid, and the tenant acme is none"):
        take_snapshot(dsn, tenants=[UUID, "acme"])


@pytest.mark.parametrize("secured", ["nats_instances", "integrations"])
def test_rows_that_a_policy_hides_are_no_answer(dsn: str, secured: str) -> None:
    insert(dsn, "acme", ONE, integrations=60)
    execute(dsn, f"ALTER TABLE {secured} ENABLE ROW LEVEL SECURITY")
    execute(
        dsn,
        f"CREATE POLICY own ON {secured} USING (tenant_id = current_setting('app.tenant', true))",
    )
    before = table(dsn)
    operations = (
        lambda: take_snapshot(dsn),
        lambda: record(dsn, managed=(1,)),
        lambda: store.remove(dsn, "acme", [1], domain=DOMAIN),
    )
    for operation in operations:
        with pytest.raises(ControlPlaneError, match=r"Row-level security .*BYPASSRLS") as caught:
            operation()
        assert len(str(caught.value).splitlines()) == 1
    assert table(dsn) == before


def test_a_role_that_no_policy_concerns_sees_all(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=6)
    execute(dsn, "ALTER TABLE integrations ENABLE ROW LEVEL SECURITY")
    with own_login(dsn) as login:
        with pytest.raises(ControlPlaneError, match="Row-level security"):
            take_snapshot(login)
        execute(dsn, f"ALTER ROLE {conninfo_to_dict(login)['user']} BYPASSRLS")
        assert take_snapshot(login).instances[0].integrations == 6


def test_a_view_in_the_place_of_a_table_is_no_answer(dsn: str) -> None:
    execute(dsn, "ALTER TABLE integrations RENAME TO all_integrations")
    execute(dsn, "CREATE VIEW integrations AS SELECT * FROM all_integrations WHERE id > 9")
    with pytest.raises(ControlPlaneError, match=r"public.integrations is no table, and a view may"):
        take_snapshot(dsn)


def test_a_stack_that_names_no_schema_is_refused_where_the_search_path_finds_another(
    dsn: str,
) -> None:
    """Before there was the setting, the search path decided: it may be what people rely on."""
    insert(dsn, "acme", ONE, integrations=60)
    name = execute(dsn, "SELECT current_database()")[0][0]
    execute(dsn, "CREATE SCHEMA s2")
    execute(dsn, "GRANT USAGE ON SCHEMA s2 TO PUBLIC")
    execute(dsn, "CREATE TABLE s2.integrations (LIKE public.integrations)")
    execute(dsn, "GRANT SELECT, UPDATE ON s2.integrations TO PUBLIC")
    execute(dsn, f"ALTER DATABASE {name} SET search_path = s2, public")
    before = execute(dsn, "SELECT count(*) FROM public.integrations")
    for operation in (
        lambda: take_snapshot(dsn),
        lambda: store.rows_of(dsn, "acme", [1]),
        lambda: record(dsn, managed=(1,)),
        lambda: store.remove(dsn, "acme", [1], domain=DOMAIN),
    ):
        words = r"finds s2.integrations before public.integrations.*database.schema s2`"
        with pytest.raises(ControlPlaneError, match=words) as caught:
            operation()
        assert len(str(caught.value).splitlines()) == 1
    assert execute(dsn, "SELECT count(*) FROM public.integrations") == before
    said = Platform(said_schema="public")
    assert take_snapshot(dsn, platform=said).instances[0].integrations == 60
    execute(dsn, "ALTER TABLE public.integrations RENAME TO elsewhere")
    words = "no table public.integrations, but s2.integrations.*database.schema s2`"
    for platform in (PLATFORM, said):
        with pytest.raises(ControlPlaneError, match=words):
            take_snapshot(dsn, platform=platform)


@pytest.mark.parametrize(
    "default",
    [
        "default_transaction_isolation = 'repeatable read'",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
        "default_transaction_deferrable = on",
        "row_security = off",
        "standard_conforming_strings = off",
        "TimeZone = 'Asia/Kathmandu'",
        "DateStyle = 'German'",
        "IntervalStyle = 'sql_standard'",
        "extra_float_digits = -15",
        "client_encoding = 'LATIN1'",
        "statement_timeout = '1s'",
        "idle_in_transaction_session_timeout = '1s'",
        "lock_timeout = '1ms'",
        "transform_null_equals = on",
        "array_nulls = off",
        "synchronous_commit = off",
        "bytea_output = 'escape'",
        "enable_indexscan = off",
    ],
)
def test_a_tenant_lives_through_whatever_a_session_has_by_default(dsn: str, default: str) -> None:
    name = execute(dsn, "SELECT current_database()")[0][0]
    execute(dsn, f"ALTER DATABASE {name} SET {default}")
    if default.startswith("default_transaction_read_only"):
        record(dsn, ONE)
        assert store.rows_of(dsn, "acme", [1]) == [ONE]
    else:
        live_through(dsn, "acme")


@pytest.mark.parametrize(
    ("mode", "level", "read_only"),
    [("snapshot", "repeatable read", "on"), ("read", "read committed", "on"),
     ("write", "read committed", "off")],
)  # fmt: skip
def test_each_transaction_states_what_it_relies_on(
    dsn: str, mode: Mode, level: str, read_only: str
) -> None:
    name = execute(dsn, "SELECT current_database()")[0][0]
    for default in (
        "default_transaction_isolation = serializable", "synchronous_commit = off",
        "lock_timeout = 0", "row_security = on", "default_transaction_read_only = on",
    ):  # fmt: skip
        execute(dsn, f"ALTER DATABASE {name} SET {default}")
    settings = {
        "transaction_isolation": level, "transaction_read_only": read_only, "row_security": "off",
        "lock_timeout": "10s", "statement_timeout": "1min", "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "1min", "standard_conforming_strings": "on",
        "client_encoding": "UTF8",
    }  # fmt: skip
    with connected(dsn, mode) as connection:
        found = {
            each: connection.execute(SQL("SELECT current_setting({})").format(each)).fetchall()
            for each in settings
        }
    assert found == {name: [(value,)] for name, value in settings.items()}


def test_a_decommission_meets_an_integration_that_is_just_being_added(dsn: str) -> None:
    """In `repeatable read` the count of integrations was of the moment before the lock."""
    name = execute(dsn, "SELECT current_database()")[0][0]
    execute(dsn, f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    row_id = insert(dsn, "acme", ONE)
    with psycopg.connect(by_hand(dsn)) as platform, ThreadPoolExecutor() as pool:
        platform.execute(
            "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)", (row_id,)
        )
        leaving = pool.submit(record, dsn, managed=(1,))
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
        wait_until(lambda: bool(execute(dsn, waits, name)))
        platform.commit()
        with pytest.raises(ControlPlaneError, match="has 1 integration"):
            leaving.result(timeout=30)
    assert [row[3] for row in table(dsn)] == ["active"]


def test_an_integration_of_nobody_counts_as_anothers(dsn: str) -> None:
    row_id = insert(dsn, "acme", ONE)
    execute(dsn, "ALTER TABLE integrations ALTER tenant_id DROP NOT NULL")
    execute(dsn, "INSERT INTO integrations (nats_instance_id) VALUES (%s)", row_id)
    [row] = take_snapshot(dsn).instances
    assert (row.integrations, row.foreign_integrations) == (0, 1)
    with pytest.raises(ControlPlaneError, match="1 integration of another tenant"):
        record(dsn, managed=(1,))
