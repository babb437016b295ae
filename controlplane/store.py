"""Every SQL statement of the program, and the one way in which a failure is told.

The schema belongs to the platform. At run time only the columns that are used and the key
(tenant_id, instance_number) are checked; ids, defaults and further columns are left alone.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Placeholder

from tenancy.names import instance_name
from tenancy.removal import RecordedInstance, Snapshot

ACTIVE = "active"

_CONNECT_SECONDS = 5
_LOCK_TIMEOUT = "10s"

_NEEDED_COLUMNS = {
    "nats_instances": ("id", "tenant_id", "instance_number", "dns_name", "status"),
    "integrations": ("id", "tenant_id", "nats_instance_id"),
}


class ControlPlaneError(Exception):
    """The database cannot be used, or refuses: one line that names no secret."""


@dataclass(frozen=True)
class InstanceRow:
    """One row of `nats_instances`, without its id."""

    instance_number: int
    dns_name: str
    status: str


@contextmanager
def connected(dsn: str) -> Generator[psycopg.Connection]:
    """A connection in a transaction of its own: committed at the end, rolled back on an error.

    Raises:
        ControlPlaneError: what went wrong, in one line.
    """
    try:
        with psycopg.connect(
            dsn, connect_timeout=_CONNECT_SECONDS, application_name="tenant-nats"
        ) as connection:
            # A statement of its own kind: the snapshot's isolation level must come before a query.
            connection.execute(SQL("SET LOCAL lock_timeout = {}").format(_LOCK_TIMEOUT))
            yield connection
    except psycopg.errors.LockNotAvailable:
        raise ControlPlaneError(
            f"Another transaction has held rows of nats_instances for {_LOCK_TIMEOUT}; "
            "end it (pg_stat_activity shows it), then run this again."
        ) from None
    except psycopg.OperationalError as error:
        raise ControlPlaneError(f"The database cannot be used: {_first_line(error)}.") from None
    except psycopg.Error as error:
        raise ControlPlaneError(f"The database refused: {_first_line(error)}.") from None
    except UnicodeError:
        # What the codec for host names says of an empty or overlong label.
        raise ControlPlaneError("The database cannot be used: its host is no host name.") from None


def _first_line(error: psycopg.Error) -> str:
    """The server's own words, else the first of libpq's lines (one for each address tried)."""
    words = error.diag.message_primary or str(error).strip() or type(error).__name__
    return words.splitlines()[0].removeprefix("connection failed: ").rstrip(".")


def take_snapshot(dsn: str) -> Snapshot:
    """All recorded instances, each with the number of its integrations.

    Read-only, and at one moment: the tables are checked and read in one transaction.

    Raises:
        ControlPlaneError: the database cannot be used, or a table lacks something.
    """
    with connected(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _check_tables(connection)
        with connection.cursor(row_factory=class_row(RecordedInstance)) as cursor:
            rows = cursor.execute(
                """
                SELECT i.tenant_id, i.instance_number, i.dns_name, count(g.id) AS integrations
                FROM nats_instances i LEFT JOIN integrations g ON g.nats_instance_id = i.id
                GROUP BY i.id, i.tenant_id, i.instance_number, i.dns_name
                ORDER BY i.tenant_id, i.instance_number
                """
            ).fetchall()
    return Snapshot(instances=tuple(rows))


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
            raise ControlPlaneError(
                f"The table {table} lacks {', '.join(missing)}; "
                "apply the platform's migrations (controlplane/schema) first."
            )
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


def rows_of(
    dsn: str, tenant_id: str, numbers: Sequence[int], *, domain: str = ""
) -> list[InstanceRow]:
    """The rows of a tenant's instances, as far as there are such rows, by number.

    Args:
        dsn: where the database is.
        tenant_id: whose rows.
        numbers: the instances to look for.
        domain: when given, also every row with the address that this program gives an instance in
            this domain. A run that was killed after it had written leaves such rows.
    """
    with connected(dsn) as connection:
        return _rows(connection, tenant_id, numbers, domain)


def _rows(
    connection: psycopg.Connection, tenant_id: str, numbers: Sequence[int], domain: str
) -> list[InstanceRow]:
    with connection.cursor(row_factory=class_row(InstanceRow)) as cursor:
        rows = cursor.execute(
            """
            SELECT instance_number, dns_name, status FROM nats_instances
            WHERE tenant_id = %s ORDER BY instance_number
            """,
            (tenant_id,),
        ).fetchall()
    return [
        row
        for row in rows
        if row.instance_number in numbers
        or row.dns_name == f"{instance_name(tenant_id, row.instance_number)}.{domain}"
    ]


def foreign(rows: Sequence[InstanceRow], wanted: Sequence[InstanceRow]) -> list[InstanceRow]:
    """Those of `rows` that give an instance in `wanted` another address: not ours to take over."""
    addresses = {row.instance_number: row.dns_name for row in wanted}
    return [row for row in rows if addresses.get(row.instance_number, row.dns_name) != row.dns_name]


def record(
    dsn: str, tenant_id: str, wanted: Sequence[InstanceRow], *, managed: Sequence[int], domain: str
) -> None:
    """Make a tenant's rows what `wanted` says, in one transaction.

    Args:
        dsn: where the database is.
        tenant_id: whose rows.
        wanted: all rows that are to be.
        managed: the numbers of the rows that earlier calls made. Of these, and of the rows with an
            address of ours in `domain`, what is not wanted goes and what was changed by hand is
            put right. Any other row is taken over when it has the same address, and refused when
            it has another.
        domain: what follows the instance's name in the addresses of this stack.

    Raises:
        ControlPlaneError: an integration points to a row that is to go, the row is a stranger's,
            or the database cannot be used or refuses; nothing was changed.
    """
    numbers = {row.instance_number for row in wanted}
    with connected(dsn) as connection:
        there = _rows(connection, tenant_id, [*numbers, *managed], domain)
        unmanaged = [row for row in there if row.instance_number not in managed]
        if others := foreign(unmanaged, wanted):
            raise ControlPlaneError(refusal(tenant_id, others))
        # By number, so that two runs take their locks in one order.
        for row in sorted(wanted, key=lambda row: row.instance_number):
            values = {"tenant": tenant_id, **asdict(row)}
            connection.execute(
                """
                INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status)
                VALUES (%(tenant)s, %(instance_number)s, %(dns_name)s, %(status)s)
                ON CONFLICT (tenant_id, instance_number) DO NOTHING
                """,
                values,
            )
            # One column at a time, and not in DO UPDATE: a statement that assigns the unique
            # address may lock the row as if its key changed, and would wait for everybody who is
            # just adding an integration to it.
            for column in ("dns_name", "status"):
                connection.execute(
                    SQL(
                        """
                        UPDATE nats_instances SET {column} = {value}
                        WHERE tenant_id = %(tenant)s AND instance_number = %(instance_number)s
                          AND {column} IS DISTINCT FROM {value}
                        """
                    ).format(column=Identifier(column), value=Placeholder(column)),
                    values,
                )
        _delete(
            connection,
            tenant_id,
            sorted({row.instance_number for row in there} - numbers),
        )


def remove(dsn: str, tenant_id: str, numbers: Sequence[int], *, domain: str) -> None:
    """Delete a tenant's rows `numbers` and those with an address of ours in `domain`.

    Those that are gone already do not matter.

    Raises:
        ControlPlaneError: an integration points to one of them, or the database cannot be used.
    """
    with connected(dsn) as connection:
        rows = _rows(connection, tenant_id, numbers, domain)
        _delete(connection, tenant_id, [row.instance_number for row in rows])


def _delete(connection: psycopg.Connection, tenant_id: str, numbers: Sequence[int]) -> None:
    """Delete rows that no integration points to.

    The platform's foreign key may cascade, or not be there: so the rows are locked, which keeps a
    new integration from pointing to them, and looked at, before they go.
    """
    parameters = (tenant_id, list(numbers))
    connection.execute(
        """
        SELECT 1 FROM nats_instances WHERE tenant_id = %s AND instance_number = ANY (%s)
        ORDER BY instance_number FOR UPDATE
        """,
        parameters,
    )
    used = connection.execute(
        """
        SELECT i.instance_number, count(*)
        FROM nats_instances i JOIN integrations g ON g.nats_instance_id = i.id
        WHERE i.tenant_id = %s AND i.instance_number = ANY (%s)
        GROUP BY i.instance_number ORDER BY i.instance_number
        """,
        parameters,
    ).fetchall()
    if used:
        counts = ", ".join(f"{count} to instance {number}" for number, count in used)
        raise ControlPlaneError(
            f"Integrations of tenant {tenant_id} point to rows that would be deleted: {counts}. "
            "Move them to another instance first."
        )
    connection.execute(
        "DELETE FROM nats_instances WHERE tenant_id = %s AND instance_number = ANY (%s)", parameters
    )


def refusal(tenant_id: str, others: Sequence[InstanceRow]) -> str:
    """Why rows that something else made are not touched."""
    found = ", ".join(f"{row.instance_number} at {row.dns_name}" for row in others)
    return (
        f"nats_instances has rows of tenant {tenant_id} that this program did not make: {found}. "
        "Correct or delete them first."
    )
