"""The statements, on a real Postgres."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from controlplane import connection, store
from controlplane.connection import ControlPlaneError
from controlplane.reader import take_snapshot
from controlplane.store import InstanceRow
from sandbox import database
from tenancy.rows.snapshot import Snapshot
from tests.controlplane.rows import (
    DOMAIN,
    ELSEWHERE,
    ONE,
    TWO,
    by_hand,
    execute,
    insert,
    record,
    table,
)


def test_a_snapshot_counts_the_integrations_of_each_instance(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=3)
    insert(dsn, "acme", TWO)
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES ('acme')")
    snapshot = take_snapshot(dsn)
    assert [
        (row.tenant_id, row.instance_number, row.dns_name, row.status, row.integrations)
        for row in snapshot.instances
    ] == [("acme", 1, ONE.dns_name, "active", 3), ("acme", 2, TWO.dns_name, "active", 0)]
    assert snapshot.unplaced == {"acme": 1}


def test_a_snapshot_tells_integrations_on_another_tenants_instance_apart(dsn: str) -> None:
    row_id = insert(dsn, "acme", ONE, integrations=2)
    execute(
        dsn, "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('globex', %s)", row_id
    )
    snapshot = take_snapshot(dsn)
    [row] = snapshot.instances
    assert (row.integrations, row.foreign_integrations) == (2, 1)
    assert snapshot.unplaced == {"globex": 1}


def test_a_snapshot_of_empty_tables_is_empty(dsn: str) -> None:
    assert take_snapshot(dsn) == Snapshot()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP TABLE integrations CASCADE", "no table public.integrations"),
        ("ALTER TABLE nats_instances RENAME dns_name TO address", "nats_instances lacks dns_name"),
        (
            "ALTER TABLE integrations DROP nats_instance_id CASCADE, DROP tenant_id CASCADE",
            "integrations lacks nats_instance_id, tenant_id",
        ),
        (
            "ALTER TABLE nats_instances "
            "DROP CONSTRAINT nats_instances_tenant_id_instance_number_key",
            "no unique key (tenant_id, instance_number)",
        ),
    ],
    ids=["a table", "a column", "two columns", "the key"],
)
def test_what_the_schema_lacks_is_named_in_one_line(dsn: str, statement: str, words: str) -> None:
    execute(dsn, statement)
    with pytest.raises(ControlPlaneError) as caught:
        take_snapshot(dsn)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_columns_that_the_platform_adds_do_not_matter(dsn: str) -> None:
    execute(dsn, "ALTER TABLE nats_instances ADD COLUMN region text NOT NULL DEFAULT 'eu'")
    record(dsn, ONE)
    assert execute(dsn, "SELECT instance_number, region FROM nats_instances") == [(1, "eu")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
        ({"host": "127.0.0.1", "port": 1}, "refused"),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
        ({"user": "nobody"}, 'role "nobody" does not exist'),
        ({"host": "db..example.com"}, "its host is no host name"),
    ],
    ids=["no such database", "nothing listens", "no such host", "no such role", "no host name"],
)
def test_an_unusable_database_is_reported_in_one_line_without_the_password(
    dsn: str, changes: dict[str, str | int], words: str
) -> None:
    broken = make_conninfo(dsn, **changes, password="kept-to-oneself")
    with pytest.raises(ControlPlaneError) as caught:
        take_snapshot(broken)
    assert words in str(caught.value)
    assert "kept-to-oneself" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_silently_dead_database_is_noticed(dsn: str) -> None:
    with connection.connected(dsn, "read") as connected:
        parameters = connected.info.get_parameters()
    assert {name: parameters.get(name) for name in LIVENESS} == LIVENESS


LIVENESS = {
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "10000",
}


def test_rows_are_inserted_and_a_second_time_nothing_is_written(dsn: str) -> None:
    record(dsn, ONE, TWO)
    versions = execute(dsn, "SELECT id, xmin::text FROM nats_instances ORDER BY id")
    record(dsn, ONE, TWO, managed=[1, 2])
    assert table(dsn) == [
        ("acme", 1, ONE.dns_name, "active"),
        ("acme", 2, TWO.dns_name, "active"),
    ]
    assert execute(dsn, "SELECT id, xmin::text FROM nats_instances ORDER BY id") == versions


def test_a_row_with_the_same_address_is_taken_over_with_its_id_and_integrations(dsn: str) -> None:
    row_id = insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "provisioning"), integrations=2)
    record(dsn, ONE)
    assert execute(dsn, "SELECT id, status FROM nats_instances") == [(row_id, "active")]
    assert execute(dsn, "SELECT DISTINCT nats_instance_id FROM integrations") == [(row_id,)]


def test_a_row_with_another_address_is_refused_and_nothing_is_written(dsn: str) -> None:
    insert(dsn, "acme", ELSEWHERE)
    with pytest.raises(ControlPlaneError, match=r"1 at nats\.example\.com:4222"):
        record(dsn, ONE, TWO)
    assert table(dsn) == [("acme", 1, "nats.example.com:4222", "active")]


def test_a_row_of_ours_that_was_changed_by_hand_is_put_right(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(1, "nats.example.com:4222", "draining"))
    record(dsn, ONE, managed=[1])
    assert table(dsn) == [("acme", 1, ONE.dns_name, "active")]


def test_addresses_that_were_exchanged_by_hand_are_put_right(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(1, TWO.dns_name, "active"))
    insert(dsn, "acme", InstanceRow(2, ONE.dns_name, "active"))
    record(dsn, ONE, TWO, managed=[1, 2])
    assert store.rows_of(dsn, "acme", [1, 2]) == [ONE, TWO]


def test_an_address_is_taken_back_for_a_row_that_was_deleted_by_hand(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(1, TWO.dns_name, "active"))
    record(dsn, ONE, TWO, managed=[1, 2])
    assert store.rows_of(dsn, "acme", [1, 2]) == [ONE, TWO]


def test_a_managed_row_that_is_not_wanted_goes_and_a_stranger_stays(dsn: str) -> None:
    stranger = InstanceRow(3, "nats.example.com:4222", "active")
    for row in (ONE, TWO, stranger):
        insert(dsn, "acme", row)
    record(dsn, ONE, managed=[1, 2])
    assert [row[1] for row in table(dsn)] == [1, 3]


def test_an_integration_keeps_its_row_and_the_whole_change_is_undone(dsn: str) -> None:
    insert(dsn, "acme", TWO, integrations=51)
    with pytest.raises(ControlPlaneError, match="1 integration of tenant acme would lose"):
        record(dsn, ONE, managed=[2])
    assert [row[1] for row in table(dsn)] == [2], "the insert of row 1 must be undone as well"


@pytest.mark.parametrize(
    "on_delete", ["CASCADE", "SET NULL", "RESTRICT", None], ids=lambda kind: kind or "no key"
)
def test_whatever_the_platforms_key_says_no_integration_is_lost(
    dsn: str, on_delete: str | None
) -> None:
    execute(dsn, "ALTER TABLE integrations DROP CONSTRAINT integrations_nats_instance_id_fkey")
    if on_delete:
        execute(
            dsn,
            "ALTER TABLE integrations ADD FOREIGN KEY (nats_instance_id) "
            f"REFERENCES nats_instances ON DELETE {on_delete}",
        )
    insert(dsn, "acme", ONE, integrations=12)
    before = execute(dsn, "SELECT * FROM integrations ORDER BY id")
    with pytest.raises(ControlPlaneError, match="12 to instance 1"):
        store.remove(dsn, "acme", [1], domain=DOMAIN)
    assert execute(dsn, "SELECT * FROM integrations ORDER BY id") == before


def test_a_row_of_ours_that_a_killed_run_left_is_found_and_retired(dsn: str) -> None:
    insert(dsn, "acme", ONE)
    insert(dsn, "acme", TWO)
    assert store.rows_of(dsn, "acme", [1], domain=DOMAIN) == [ONE, TWO]
    record(dsn, ONE, managed=[1])
    assert [row[1] for row in table(dsn)] == [1]


def test_rows_that_somebody_has_locked_are_reported_in_words_and_nothing_hangs(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_LOCK_TIMEOUT", "200ms")
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "draining"))
    with psycopg.connect(by_hand(dsn)) as somebody:
        somebody.execute("SELECT 1 FROM nats_instances FOR UPDATE")
        with pytest.raises(ControlPlaneError, match="Another transaction has held rows"):
            record(dsn, ONE, managed=[1])


def test_an_integration_that_is_just_being_added_does_not_hold_up_its_row(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "draining"))
    with psycopg.connect(by_hand(dsn)) as worker:
        worker.execute(
            "INSERT INTO integrations (tenant_id, nats_instance_id) "
            "SELECT tenant_id, id FROM nats_instances"
        )
        record(dsn, ONE, managed=[1])
    assert table(dsn) == [("acme", 1, ONE.dns_name, "active")]


def test_a_platform_may_keep_the_status_as_an_enum(dsn: str) -> None:
    for statement in (
        "DROP VIEW integration_servers, tenant_servers",
        "DROP TRIGGER nats_instances_hold_transitions ON nats_instances",
        "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_status_check",
        "CREATE TYPE nats_status AS ENUM ('provisioning', 'active', 'draining', 'terminated')",
        "ALTER TABLE nats_instances ALTER status TYPE nats_status USING status::nats_status",
    ):
        execute(dsn, statement)
    record(dsn, ONE)
    assert store.rows_of(dsn, "acme", [1]) == [ONE]


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        ("UNIQUE (instance_number, tenant_id)", True),
        ("UNIQUE (tenant_id, instance_number) INCLUDE (dns_name)", True),
        ("UNIQUE (tenant_id, instance_number) DEFERRABLE", False),
        ("UNIQUE (tenant_id, instance_number, dns_name)", False),
        ("UNIQUE (tenant_id)", False),
    ],
)
def test_only_a_key_that_an_upsert_can_use_is_accepted(dsn: str, key: str, fits: bool) -> None:
    execute(
        dsn,
        "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_tenant_id_instance_number_key",
    )
    execute(dsn, f"ALTER TABLE nats_instances ADD {key}")
    if fits:
        take_snapshot(dsn)
        record(dsn, ONE)
    else:
        with pytest.raises(ControlPlaneError, match="no unique key"):
            take_snapshot(dsn)


def test_other_tenants_rows_are_never_touched(dsn: str) -> None:
    other = InstanceRow(1, "nats-globex-1.vrsky-tenants.svc.cluster.local:4222", "draining")
    insert(dsn, "globex", other)
    record(dsn, ONE, managed=[1, 2])
    store.remove(dsn, "acme", [1], domain=DOMAIN)
    assert table(dsn) == [("globex", 1, other.dns_name, "draining")]


def test_removing_rows_that_are_gone_is_fine(dsn: str) -> None:
    store.remove(dsn, "acme", [1, 2], domain=DOMAIN)
    assert table(dsn) == []


def test_twenty_at_once_make_one_row_each(dsn: str) -> None:
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(record, dsn, ONE, TWO) for _ in range(20)]
        for call in calls:
            call.result()
    assert [row[1] for row in table(dsn)] == [1, 2]


def test_migrating_twice_changes_nothing(dsn: str) -> None:
    record(dsn, ONE)
    database.prepare(by_hand(dsn))
    assert [row[1] for row in table(dsn)] == [1]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
            "VALUES ('acme', 1, 'elsewhere:4222', 'active')",
            psycopg.errors.UniqueViolation,
        ),
        ("UPDATE nats_instances SET status = 'asleep'", psycopg.errors.CheckViolation),
        ("UPDATE nats_instances SET instance_number = 0", psycopg.errors.CheckViolation),
        ("DELETE FROM nats_instances", psycopg.errors.IntegrityError),
    ],
    ids=["two rows of one number", "an unknown status", "number 0", "a row that is pointed to"],
)
def test_the_schema_itself_refuses(dsn: str, statement: str, error: type[Exception]) -> None:
    insert(dsn, "acme", ONE, integrations=1)
    with pytest.raises(error):
        execute(dsn, statement)
