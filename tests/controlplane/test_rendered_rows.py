"""The SQL that `render` writes, on a real Postgres."""

from dataclasses import replace

import psycopg
from psycopg.sql import SQL

from controlplane import store
from controlplane.store import TenantRows, insertions
from tests.conftest import NewDatabase
from tests.controlplane.rows import DOMAIN, ELSEWHERE, ONE, TWO, execute, insert, table

WANTED = TenantRows(tenant_id="acme", rows=(ONE, replace(TWO, tls=True)), domain=DOMAIN)


def run(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for statement in insertions(WANTED):
            connection.execute(SQL(statement))  # pyright: ignore[reportArgumentType]


def test_an_empty_database_gets_the_rows_that_an_up_would_write(
    dsn: str, new_database: NewDatabase
) -> None:
    run(dsn)
    other = new_database()
    store.record(other, WANTED, managed=())
    assert table(dsn) == table(other) != []
    urls = "SELECT url FROM tenant_servers ORDER BY instance_number"
    assert execute(dsn, urls) == execute(other, urls)
    assert execute(dsn, urls)[1] == (f"tls://{TWO.dns_name}",)


def test_a_second_run_changes_nothing(dsn: str) -> None:
    run(dsn)
    before = table(dsn)
    run(dsn)
    assert table(dsn) == before


def test_a_row_that_something_else_made_stays_as_it_is(dsn: str) -> None:
    insert(dsn, "acme", ELSEWHERE)
    run(dsn)
    assert table(dsn)[0] == ("acme", 1, ELSEWHERE.dns_name, "active")
