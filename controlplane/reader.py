"""What the control plane holds, read at one moment, and whether it has what the program needs.

The schema belongs to the platform. Only the columns that are used and the key
(tenant_id, instance_number) are checked; ids, defaults and further columns are left alone. The
column `tls` is required only if a tenant uses TLS.
"""

from collections.abc import Iterable

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL

from controlplane.connection import ControlPlaneError, connected
from tenancy.rows.snapshot import RecordedInstance, Snapshot

_NEEDED_COLUMNS = {
    "nats_instances": ("id", "tenant_id", "instance_number", "dns_name", "status"),
    "integrations": ("id", "tenant_id", "nats_instance_id"),
}


def take_snapshot(dsn: str, *, with_tls: bool = False) -> Snapshot:
    """All recorded instances, each with the number of its integrations, and the unplaced ones.

    Read-only, and at one moment: the tables are checked and read in one transaction.

    Args:
        dsn: where the database is.
        with_tls: whether a server speaks TLS: then the column `tls` must exist, to tell workers.

    Raises:
        ControlPlaneError: the database cannot be used, or a table lacks something.
    """
    with connected(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _check_tables(connection)
        is_there = has_tls(connection)
        if with_tls and not is_there:
            raise ControlPlaneError(lacking("nats_instances", ["tls"]))
        tls = SQL("bool_or(i.tls)" if is_there else "false")
        with connection.cursor(row_factory=class_row(RecordedInstance)) as cursor:
            rows = cursor.execute(
                SQL(
                    """
                    SELECT i.tenant_id, i.instance_number, i.dns_name, i.status::text,
                           {tls} AS tls,
                           count(g.id) FILTER (WHERE g.tenant_id = i.tenant_id) AS integrations,
                           count(g.id) FILTER (WHERE g.tenant_id <> i.tenant_id)
                               AS foreign_integrations
                    FROM nats_instances i LEFT JOIN integrations g ON g.nats_instance_id = i.id
                    GROUP BY i.id, i.tenant_id, i.instance_number, i.dns_name, i.status
                    ORDER BY i.tenant_id, i.instance_number
                    """
                ).format(tls=tls)
            ).fetchall()
        unplaced = connection.execute(
            """
            SELECT g.tenant_id, count(*)
            FROM integrations g
            LEFT JOIN nats_instances i ON i.id = g.nats_instance_id AND i.tenant_id = g.tenant_id
            WHERE i.id IS NULL GROUP BY g.tenant_id
            """
        ).fetchall()
    return Snapshot(instances=tuple(rows), unplaced=dict(unplaced))


def has_tls(connection: psycopg.Connection) -> bool:
    """Whether the table has the column `tls`, which came with migration 0003."""
    found = connection.execute(
        """
        SELECT 1 FROM pg_attribute
        WHERE attrelid = to_regclass('nats_instances') AND attname = 'tls' AND NOT attisdropped
        """
    ).fetchone()
    return found is not None


def lacking(table: str, columns: Iterable[str]) -> str:
    """The message about columns that are missing."""
    return (
        f"The table {table} lacks {', '.join(columns)}; "
        "apply the platform's migrations (controlplane/schema) first."
    )


def _check_tables(connection: psycopg.Connection) -> None:
    found = connection.execute(
        """
        SELECT c.relname::text, array_agg(a.attname::text)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.oid IN (to_regclass('nats_instances'), to_regclass('integrations'))
          AND a.attnum > 0 AND NOT a.attisdropped
        GROUP BY c.oid, c.relname
        """
    ).fetchall()
    columns = {table: set(names) for table, names in found}
    for table, needed in _NEEDED_COLUMNS.items():
        if table not in columns:
            raise ControlPlaneError(
                f"The database has no table {table} on its search path; "
                "apply the platform's migrations (controlplane/schema) first."
            )
        missing = sorted(set(needed) - columns[table])
        if missing:
            raise ControlPlaneError(lacking(table, missing))
    key = connection.execute(
        """
        SELECT 1 FROM pg_index x
        WHERE x.indrelid = to_regclass('nats_instances')
          AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL
          AND ARRAY(SELECT a.attname::text
                    FROM generate_series(0, x.indnkeyatts - 1) AS k
                    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k]
                    ORDER BY 1) = ARRAY['instance_number', 'tenant_id']
        """
    ).fetchone()
    if key is None:
        raise ControlPlaneError(
            "The table nats_instances has no unique key (tenant_id, instance_number); "
            "apply the platform's migrations (controlplane/schema) first."
        )
