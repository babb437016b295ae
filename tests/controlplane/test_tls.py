"""Which URL workers get, and tables that lack the column `tls`, on a real Postgres."""

from dataclasses import replace

import pytest

from controlplane.connection import ControlPlaneError
from controlplane.reader import take_snapshot
from controlplane.schema import migrate
from tests.conftest import NewDatabase
from tests.controlplane.rows import ONE, TWO, by_hand, execute, insert, record, table
from tests.controlplane.test_records import configured, inputs

ENCRYPTED = replace(ONE, tls=True)
LACKING = (
    "The table nats_instances lacks tls; apply the platform's migrations (controlplane/schema) "
    "first."
)


@pytest.fixture
def old(dsn: str) -> str:
    """A database without the column `tls`."""
    execute(dsn, "ALTER TABLE nats_instances DROP COLUMN tls CASCADE")
    return dsn


def urls(dsn: str) -> list[tuple[str, ...]]:
    """The URLs that the integrations' workers and the tenant get."""
    return [
        *execute(dsn, "SELECT url FROM integration_servers ORDER BY integration_id"),
        *execute(dsn, "SELECT url FROM tenant_servers ORDER BY instance_number"),
    ]


def test_workers_are_given_the_scheme_of_their_server(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=1)
    record(dsn, ENCRYPTED, TWO, managed=[1])
    one, two = f"tls://{ONE.dns_name}", f"nats://{TWO.dns_name}"
    assert urls(dsn) == [(one,), (one,), (two,)]


def test_a_tenant_that_stops_using_tls_is_reached_without_it(dsn: str) -> None:
    record(dsn, ENCRYPTED)
    record(dsn, ONE, managed=[1])
    assert urls(dsn) == [(f"nats://{ONE.dns_name}",)]


def test_rows_from_before_the_column_say_nats(new_database: NewDatabase) -> None:
    dsn = by_hand(new_database())
    execute(dsn, "DROP SCHEMA public CASCADE")
    execute(dsn, "CREATE SCHEMA public")
    migrate(dsn, "0002")
    insert(dsn, "acme", ONE, integrations=1)
    before = urls(dsn)
    migrate(dsn)
    assert urls(dsn) == before == [(f"nats://{ONE.dns_name}",)] * 2


def test_the_snapshot_says_which_servers_use_tls(dsn: str) -> None:
    record(dsn, ENCRYPTED, TWO)
    rows = take_snapshot(dsn, with_tls=True).instances
    assert [row.tls for row in rows] == [True, False]


def test_a_table_without_the_column_is_enough_while_nobody_uses_tls(old: str) -> None:
    insert(old, "acme", ONE, integrations=3)
    record(old, ONE, TWO, managed=[1])
    record(old, ONE, managed=[1, 2])
    [row] = take_snapshot(old).instances
    assert (row.instance_number, row.status, row.tls, row.integrations) == (1, "active", False, 3)


def test_a_table_without_the_column_is_refused_by_the_snapshot_when_a_tenant_uses_tls(
    old: str,
) -> None:
    with pytest.raises(ControlPlaneError) as caught:
        take_snapshot(old, with_tls=True)
    assert str(caught.value) == LACKING


def test_no_row_of_a_tls_server_is_written_without_the_column(old: str) -> None:
    with pytest.raises(ControlPlaneError) as caught:
        record(old, ENCRYPTED)
    assert str(caught.value) == LACKING
    assert table(old) == []


def test_the_resource_sees_and_puts_right_what_a_url_says(dsn: str) -> None:
    provider = configured(dsn)
    encrypted = inputs(ONE)
    encrypted["instances"][0]["tls"] = True
    made = provider.create(encrypted)
    assert provider.diff("acme", made.outs or {}, encrypted).changes is False
    assert provider.diff("acme", made.outs or {}, inputs(ONE)).changes is True
    execute(dsn, "UPDATE nats_instances SET tls = false")
    read = provider.read("acme", made.outs or {})
    assert provider.diff("acme", read.outs or {}, encrypted).changes is True
    provider.update("acme", read.outs or {}, encrypted)
    assert execute(dsn, "SELECT tls FROM nats_instances") == [(True,)]


def test_the_state_of_a_tenant_without_tls_is_that_of_the_version_before(dsn: str) -> None:
    made = configured(dsn).create(inputs(ONE))
    instances = [{"instance_number": 1, "dns_name": ONE.dns_name, "status": "active"}]
    assert (made.outs or {})["instances"] == instances
