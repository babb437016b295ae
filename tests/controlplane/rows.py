"""Short ways to set up and to read the tables."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL

from controlplane import store
from controlplane.store import InstanceRow, TenantRows
from sandbox import database
from tenancy.inventory.terms import PlacementPolicy

Row = tuple[Any, ...]

DOMAIN = "vrsky-tenants.svc.cluster.local:4222"
ONE = InstanceRow(1, "nats-acme-1.vrsky-tenants.svc.cluster.local:4222", "active")
TWO = InstanceRow(2, "nats-acme-2.vrsky-tenants.svc.cluster.local:4222", "active")
ELSEWHERE = InstanceRow(1, "nats.example.com:4222", "active")


def by_hand(dsn: str) -> str:
    """The connection string of the administrator, whoever `dsn` is for.

    Tests use it for what the platform and its people do, and `dsn` for what the program does.
    """
    return database.administrator(dsn)


@contextmanager
def own_login(dsn: str) -> Generator[str]:
    """The provisioner's rights under a login of its own, whose attributes a test may change.

    Roles belong to the server, which tests in other processes use at the same time.
    """
    name = f"of_{conninfo_to_dict(dsn)['dbname']}"
    execute(dsn, f"CREATE ROLE {name} LOGIN IN ROLE provisioner")
    try:
        yield make_conninfo(dsn, user=name)
    finally:
        execute(dsn, f"DROP OWNED BY {name}")
        execute(dsn, f"DROP ROLE {name}")


def execute(dsn: str, statement: str, *parameters: object) -> list[Row]:
    """Run one statement by hand, as somebody with psql would."""
    with psycopg.connect(by_hand(dsn)) as connection:
        cursor = connection.execute(SQL(statement), parameters)  # pyright: ignore[reportArgumentType]
        return cursor.fetchall() if cursor.description else []


def insert(dsn: str, tenant_id: str, row: InstanceRow, *, integrations: int = 0) -> int:
    """Insert a row by hand, with integrations that point to it; returns its id."""
    [(row_id,)] = execute(
        dsn,
        "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
        "VALUES (%s, %s, %s, %s) RETURNING id",
        tenant_id, row.instance_number, row.dns_name, row.status,
    )  # fmt: skip
    execute(
        dsn,
        "INSERT INTO integrations (tenant_id, nats_instance_id) "
        "SELECT %s, %s FROM generate_series(1, %s)",
        tenant_id, row_id, integrations,
    )  # fmt: skip
    return row_id


def table(dsn: str) -> list[Row]:
    """All rows of `nats_instances`, without their ids."""
    return execute(
        dsn,
        "SELECT tenant_id, instance_number, dns_name, status FROM nats_instances ORDER BY 1, 2",
    )


def record(
    dsn: str,
    *rows: InstanceRow,
    managed: Collection[int] = (),
    drain: float = 0,
    capacity: int = 50,
    placement: PlacementPolicy = "pack",
) -> None:
    """Run `store.record` with `rows` as all that acme should have."""
    wanted = TenantRows(
        tenant_id="acme", rows=rows, domain=DOMAIN, capacity=capacity, placement=placement
    )
    store.record(dsn, wanted, managed=managed, drain_seconds=drain)


def placed(dsn: str, tenant_id: str = "acme") -> dict[int | None, int]:
    """How many integrations of a tenant are on each instance; None stands for none."""
    rows = execute(
        dsn,
        "SELECT instance_number, count(*) FROM integrations g "
        "LEFT JOIN nats_instances i ON i.id = g.nats_instance_id "
        "WHERE g.tenant_id = %s GROUP BY 1",
        tenant_id,
    )
    return dict(rows)
