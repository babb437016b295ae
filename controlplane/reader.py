"""What the control plane holds, read at one moment."""

from collections.abc import Collection
from dataclasses import replace

from psycopg.rows import class_row
from psycopg.sql import SQL

from controlplane import tables
from controlplane.connection import connected
from controlplane.platform import PLATFORM, Platform
from tenancy.rows.snapshot import RecordedInstance, Snapshot


def take_snapshot(
    dsn: str,
    *,
    platform: Platform = PLATFORM,
    tenants: Collection[str] = (),
    with_tls: bool = False,
    own: Collection[str] | None = None,
) -> Snapshot:
    """All recorded instances, each with the number of its integrations, and those without one.

    Read-only, and at one moment: the tables are checked and read in one transaction.

    Args:
        dsn: where the database is.
        platform: where the tables are, and in which words.
        tenants: the ids that rows are to have, which the tables have to be able to hold.
        with_tls: whether a server speaks TLS, which only the column `tls` can tell workers.
        own: the only tenants to read; None for all.

    Raises:
        ControlPlaneError: the database cannot be used, or a table lacks something.
    """
    asked = {"own": None if own is None else sorted(own)}
    with connected(dsn, "snapshot") as connection:
        tables.check(connection, platform, tenants, with_tls=with_tls)
        tls = SQL("bool_or(i.tls)" if tables.has_tls(connection, platform) else "false")
        with connection.cursor(row_factory=class_row(RecordedInstance)) as cursor:
            rows = cursor.execute(
                platform.sql(
                    """
                    SELECT coalesce(i.tenant_id::text, '') AS tenant_id,
                           coalesce(i.instance_number, 0) AS instance_number,
                           coalesce(i.dns_name::text, '') AS dns_name,
                           coalesce(i.status::text, '') AS status, {tls} AS tls,
                           pg_catalog.count(g.id) FILTER (
                               WHERE g.tenant_id::text = i.tenant_id::text) AS integrations,
                           pg_catalog.count(g.id) FILTER (
                               WHERE g.tenant_id::text IS DISTINCT FROM i.tenant_id::text)
                               AS foreign_integrations
                    FROM {instances} i
                    LEFT JOIN {integrations} g ON g.nats_instance_id OPERATOR(pg_catalog.=) i.id
                    WHERE %(own)s::text[] IS NULL OR i.tenant_id::text = ANY (%(own)s::text[])
                    GROUP BY i.id, i.tenant_id, i.instance_number, i.dns_name, i.status
                    ORDER BY i.tenant_id::text COLLATE "C", i.instance_number
                    """,
                    tls=tls,
                ),
                asked,
            ).fetchall()
        unplaced = connection.execute(
            platform.sql(
                """
                SELECT g.tenant_id::text, count(*)
                FROM {integrations} g
                LEFT JOIN {instances} i
                  ON i.id OPERATOR(pg_catalog.=) g.nats_instance_id
                  AND i.tenant_id::text = g.tenant_id::text
                WHERE i.id IS NULL AND g.tenant_id IS NOT NULL
                  AND (%(own)s::text[] IS NULL OR g.tenant_id::text = ANY (%(own)s::text[]))
                GROUP BY g.tenant_id::text
                """
            ),
            asked,
        ).fetchall()
    return Snapshot(
        instances=tuple(replace(row, status=platform.words.status(row.status)) for row in rows),
        unplaced=dict(unplaced),
    )
