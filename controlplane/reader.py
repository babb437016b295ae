"""What the control plane holds, read at one moment."""

from collections.abc import Collection
from dataclasses import replace

from psycopg.rows import class_row
from psycopg.sql import SQL

from controlplane import tables
from controlplane.connection import ControlPlaneError, connected
from tenancy.rows.lifecycle import OUR_WORDS, StatusWords
from tenancy.rows.snapshot import RecordedInstance, Snapshot


def take_snapshot(
    dsn: str,
    *,
    words: StatusWords = OUR_WORDS,
    tenants: Collection[str] = (),
    with_tls: bool = False,
) -> Snapshot:
    """All recorded instances, each with the number of its integrations, and those without one.

    Read-only, and at one moment: the tables are checked and read in one transaction.

    Args:
        dsn: where the database is.
        words: what the platform calls the statuses.
        tenants: the ids that rows are to have, which the tables have to be able to hold.
        with_tls: whether a server speaks TLS, which only the column `tls` can tell workers.

    Raises:
        ControlPlaneError: the database cannot be used, or a table lacks something.
    """
    with connected(dsn, "snapshot") as connection:
        tables.check(connection, words, tenants)
        is_there = tables.has_tls(connection)
        if with_tls and not is_there:
            raise ControlPlaneError(tables.lacking("nats_instances", ["tls"]))
        tls = SQL("bool_or(i.tls)" if is_there else "false")
        with connection.cursor(row_factory=class_row(RecordedInstance)) as cursor:
            rows = cursor.execute(
                SQL(
                    """
                    SELECT coalesce(i.tenant_id::text, '') AS tenant_id,
                           coalesce(i.instance_number, 0) AS instance_number,
                           coalesce(i.dns_name::text, '') AS dns_name,
                           coalesce(i.status::text, '') AS status, {tls} AS tls,
                           count(g.id) FILTER (WHERE g.tenant_id::text = i.tenant_id::text)
                               AS integrations,
                           count(g.id) FILTER (
                               WHERE g.tenant_id::text IS DISTINCT FROM i.tenant_id::text)
                               AS foreign_integrations
                    FROM nats_instances i LEFT JOIN integrations g ON g.nats_instance_id = i.id
                    GROUP BY i.id, i.tenant_id, i.instance_number, i.dns_name, i.status
                    ORDER BY i.tenant_id::text COLLATE "C", i.instance_number
                    """
                ).format(tls=tls)
            ).fetchall()
        unplaced = connection.execute(
            """
            SELECT g.tenant_id::text, count(*)
            FROM integrations g
            LEFT JOIN nats_instances i
              ON i.id = g.nats_instance_id AND i.tenant_id::text = g.tenant_id::text
            WHERE i.id IS NULL AND g.tenant_id IS NOT NULL GROUP BY g.tenant_id::text
            """
        ).fetchall()
    return Snapshot(
        instances=tuple(replace(row, status=words.status(row.status)) for row in rows),
        unplaced=dict(unplaced),
    )
