"""The rows of one tenant and the places of its integrations: every statement that writes."""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from textwrap import dedent
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Literal, Placeholder
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from controlplane.connection import ControlPlaneError, TryAgainError, connected
from controlplane.platform import PLATFORM, Platform
from controlplane.tables import check_tables, has_tls, lacking
from tenancy.inventory.terms import PlacementPolicy
from tenancy.names import address
from tenancy.rows.lifecycle import TRANSITIONS, Status
from tenancy.rows.placement import Placement, place
from tenancy.words import counted

ACTIVE: Status = "active"
DRAINING: Status = "draining"
PROVISIONING: Status = "provisioning"
TERMINATED: Status = "terminated"

_DRAINS = 4
"""How many times workers get time to leave instances that somebody keeps filling."""


@dataclass(frozen=True)
class InstanceRow:
    """One row of `nats_instances`, without its id."""

    instance_number: int
    dns_name: str
    status: str
    tls: bool = False


def rows_of(
    dsn: str,
    tenant_id: str,
    numbers: Sequence[int],
    *,
    domain: str = "",
    platform: Platform = PLATFORM,
) -> list[InstanceRow]:
    """The rows that a tenant's instances have, by number.

    Args:
        dsn: where the database is.
        tenant_id: whose rows.
        numbers: the instances to look for.
        domain: when given, also every row with the address that this program gives an instance in
            this domain. A run that was killed after writing leaves such rows.
        platform: where the tables are, and in which words.
    """
    with connected(dsn, "read") as connection:
        check_tables(connection, platform)
        tls = has_tls(connection, platform)
        return _rows(connection, platform, tenant_id, numbers, [domain], tls=tls)


def _rows(
    connection: psycopg.Connection,
    platform: Platform,
    tenant_id: str,
    numbers: Sequence[int],
    domains: Collection[str],
    *,
    tls: bool,
) -> list[InstanceRow]:
    """What `rows_of` says; `tls` is whether the platform has that column."""
    with connection.cursor(row_factory=class_row(InstanceRow)) as cursor:
        rows = cursor.execute(
            platform.sql(
                """
                SELECT instance_number, coalesce(dns_name::text, '') AS dns_name,
                       coalesce(status::text, '') AS status, {tls}
                FROM {instances} WHERE tenant_id::text = %s ORDER BY instance_number
                """,
                tls=SQL("tls" if tls else "false AS tls"),
            ),
            (tenant_id,),
        ).fetchall()
    return [
        replace(row, status=platform.words.status(row.status))
        for row in rows
        if row.instance_number in numbers or _is_at(row, tenant_id, domains)
    ]


def _is_at(row: InstanceRow, tenant_id: str, domains: Collection[str]) -> bool:
    """Whether a row has the address that this program gives its instance in one of `domains`."""
    addresses = (address(tenant_id, row.instance_number, domain) for domain in domains)
    return row.dns_name in addresses


def objection(
    dsn: str, tenant_id: str, added: Sequence[InstanceRow], *, platform: Platform = PLATFORM
) -> str:
    """Why `record` will refuse to add rows, by what the table has now; empty if it will not."""
    with connected(dsn, "read") as connection:
        check_tables(connection, platform)
        numbers = [row.instance_number for row in added]
        tls = has_tls(connection, platform)
        there = _rows(connection, platform, tenant_id, numbers, (), tls=tls)
        return _objection(connection, platform, tenant_id, there, added)


def _objection(
    connection: psycopg.Connection,
    platform: Platform,
    tenant_id: str,
    unmanaged: Sequence[InstanceRow],
    wanted: Sequence[InstanceRow],
) -> str:
    """Why `wanted` cannot be written beside `unmanaged` rows and other tenants'; empty if it can.

    Args:
        connection: in a transaction.
        platform: where the tables are, and in which words.
        tenant_id: whose rows.
        unmanaged: the rows that this tenant has and no earlier call made.
        wanted: all that should be active.
    """
    if others := _foreign(unmanaged, wanted):
        return _refusal(platform, tenant_id, others)
    elsewhere = _others_at(connection, platform, tenant_id, [row.dns_name for row in wanted])
    return _taken(platform, tenant_id, elsewhere) if elsewhere else ""


def _others_at(
    connection: psycopg.Connection, platform: Platform, tenant_id: str, addresses: Collection[str]
) -> list[tuple[str, InstanceRow]]:
    """The rows of other tenants that have one of `addresses`, each with its tenant's id."""
    found = connection.execute(
        platform.sql(
            """
            SELECT coalesce(tenant_id::text, ''), instance_number, dns_name::text, status::text
            FROM {instances}
            WHERE dns_name::text = ANY (%s::text[]) AND tenant_id::text IS DISTINCT FROM %s::text
            ORDER BY 1, 2
            """
        ),
        (list(addresses), tenant_id),
    ).fetchall()
    return [(tenant, InstanceRow(*row)) for tenant, *row in found]


def _foreign(rows: Sequence[InstanceRow], wanted: Sequence[InstanceRow]) -> list[InstanceRow]:
    """Those of `rows` that give an instance in `wanted` another address: not ours to take over.

    One that is `terminated` has no server any more, whatever its address, and one that is
    `provisioning` is the platform's announcement, which may not know the address yet.
    """
    addresses = {row.instance_number: row.dns_name for row in wanted}
    return [
        row
        for row in rows
        if row.status not in (TERMINATED, PROVISIONING)
        and addresses.get(row.instance_number, row.dns_name) != row.dns_name
    ]


@dataclass(frozen=True, kw_only=True)
class TenantRows:
    """The desired rows and integrations of one tenant."""

    tenant_id: str
    rows: tuple[InstanceRow, ...]
    """All that should be active. Empty if the tenant is decommissioned: its rows stay, as
    `terminated`."""
    domain: str
    """What follows the instance's name in the addresses of this stack. An unrecorded row with such
    an address was left by a run that was killed. Empty to look for none."""
    former_domain: str = ""
    """The domain of the last run that went through, whose rows are of this stack too."""
    capacity: int = 50
    """How many integrations each instance holds."""
    placement: PlacementPolicy = "pack"

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the desired instances."""
        return frozenset(row.instance_number for row in self.rows)


def record(
    dsn: str,
    wanted: TenantRows,
    *,
    managed: Collection[int],
    drain_seconds: float = 0,
    platform: Platform = PLATFORM,
) -> None:
    """Make a tenant's rows and the places of its integrations what `wanted` says.

    One transaction does it all, unless an instance with integrations is removed. Then a first
    transaction moves them and sets `draining`, and another retires the row after `drain_seconds`:
    in between, workers follow their integrations.

    Args:
        dsn: where the database is.
        wanted: the desired state.
        managed: the numbers of the rows that earlier calls made. Among these, and the rows with an
            address of ours, unwanted ones are removed and those changed by hand are corrected. Any
            other row is taken over if it has the same address or no server any more, and refused
            if it has another address.
        drain_seconds: how long workers have to leave a server that is removed.
        platform: where the tables are, and in which words.

    Raises:
        ControlPlaneError: an integration would lose its place, the row is a stranger's, or the
            database cannot be used or refuses; nothing was changed, except perhaps that
            integrations left an instance that is being removed.
    """
    drained: frozenset[int] = frozenset()
    for _ in range(_DRAINS + 1):
        if drained:
            time.sleep(drain_seconds)
        drained = _transact(dsn, wanted, managed, drained, platform)
        if not drained:
            return
    raise ControlPlaneError(
        f"Integrations of tenant {wanted.tenant_id} keep being put on instances that are to go "
        f"({_listed(drained)}), also after they are `draining`. Stop that, then run this again."
    )


@retry(
    retry=retry_if_exception_type(TryAgainError),
    stop=stop_after_attempt(5),
    wait=wait_random(0, 0.5),
    reraise=True,
)
def _transact(
    dsn: str,
    wanted: TenantRows,
    managed: Collection[int],
    drained: Collection[int],
    platform: Platform,
) -> frozenset[int]:
    """One transaction of `record`.

    Returns:
        The numbers of the instances that workers now have to leave; none when all is done.
    """
    with connected(dsn, "write") as connection:
        check_tables(connection, platform)
        tls = has_tls(connection, platform)
        if any(row.tls for row in wanted.rows) and not tls:
            raise ControlPlaneError(lacking(platform, ["tls"]))
        _free_addresses(connection, platform, wanted, managed)
        # Before anything is read, since it waits for others who are inserting the same rows.
        _insert(connection, platform, wanted)
        numbers = [*wanted.numbers, *managed]
        domains = wanted.domain, wanted.former_domain
        there = _rows(connection, platform, wanted.tenant_id, numbers, domains, tls=tls)
        unmanaged = [
            row
            for row in there
            if row.instance_number not in managed
            and not _is_at(row, wanted.tenant_id, [wanted.former_domain])
        ]
        if problem := _objection(connection, platform, wanted.tenant_id, unmanaged, wanted.rows):
            raise ControlPlaneError(problem)
        _check_written(platform, wanted, there)
        going = {row.instance_number: row for row in there if _goes(row, wanted, managed)}
        _correct(connection, platform, wanted, ["dns_name", "status", *(["tls"] if tls else [])])
        if not going and not _placement(connection, platform, wanted).moves:
            return frozenset()
        # From here on nobody can add an integration to an instance, or take one away. So decide
        # again, by what cannot change any more.
        _lock(connection, platform, wanted.tenant_id)
        _check_written(
            platform,
            wanted,
            _rows(connection, platform, wanted.tenant_id, numbers, domains, tls=tls),
        )
        if not wanted.rows:
            _terminate(connection, platform, wanted.tenant_id, list(going))
            return frozenset()
        ours = [row.instance_number for row in there]
        just_left = _move(connection, platform, wanted, ours)
        # Not set by this run: one that was killed may have set it a moment ago.
        draining_before = {number for number, row in going.items() if row.status == DRAINING}
        if (just_left | (draining_before - {*drained})) & {*going}:
            _set_status(connection, platform, wanted.tenant_id, list(going), DRAINING)
            return frozenset(going)
        _delete(connection, platform, wanted.tenant_id, list(going))
    return frozenset()


def _check_written(platform: Platform, wanted: TenantRows, there: Collection[InstanceRow]) -> None:
    """Refuse to go on without a row for each instance: integrations would move to nowhere.

    Something else has kept it from being inserted: an id that the platform takes for the same
    (citext), a trigger, somebody who deletes it.
    """
    if missing := wanted.numbers - {row.instance_number for row in there}:
        raise ControlPlaneError(
            f"The database did not keep the rows of tenant {wanted.tenant_id} that were inserted: "
            f"{_listed(missing)}. Look for a row with the same id in another spelling, and for a "
            f"trigger on {platform.instances}."
        )


def _goes(row: InstanceRow, wanted: TenantRows, managed: Collection[int]) -> bool:
    if row.instance_number in wanted.numbers or row.status == TERMINATED:
        return False
    # What the platform has announced and nobody made yet is left alone.
    return row.status != PROVISIONING or row.instance_number in managed


def _free_addresses(
    connection: psycopg.Connection,
    platform: Platform,
    wanted: TenantRows,
    managed: Collection[int],
) -> None:
    """Take from rows of ours the addresses that other rows of this tenant should have.

    Somebody has swapped them by hand. Addresses are unique, so no row could be corrected first.
    """
    connection.execute(
        platform.sql(
            """
            UPDATE {instances} i
            SET dns_name = pg_catalog.format('to-correct-%%s-%%s', i.tenant_id, i.id)
            FROM unnest(%s::int8[], %s::text[]) AS wanted (instance_number, dns_name)
            WHERE i.tenant_id::text = %s AND i.instance_number::int8 = ANY (%s::int8[])
              AND i.dns_name::text = wanted.dns_name
              AND i.instance_number::int8 <> wanted.instance_number
            """
        ),
        (
            [row.instance_number for row in wanted.rows],
            [row.dns_name for row in wanted.rows],
            wanted.tenant_id,
            [*managed],
        ),
    )


def _insert(connection: psycopg.Connection, platform: Platform, wanted: TenantRows) -> None:
    # By number, so that two runs take their locks in one order.
    for row in sorted(wanted.rows, key=lambda row: row.instance_number):
        connection.execute(platform.sql(_INSERT), _values(platform, wanted, row))


def _values(platform: Platform, wanted: TenantRows, row: InstanceRow) -> dict[str, Any]:
    """The parameters of a statement about `row`; psycopg leaves their types to the columns."""
    return {"tenant": wanted.tenant_id, **asdict(row), "status": platform.words.word(row.status)}


_INSERT: LiteralString = """
    INSERT INTO {instances} (tenant_id, instance_number, dns_name, status)
    VALUES (%(tenant)s, %(instance_number)s, %(dns_name)s, %(status)s)
    ON CONFLICT (tenant_id, instance_number) DO NOTHING
"""


_TLS: LiteralString = """
    UPDATE {instances} SET tls = true
    WHERE tenant_id::text = %(tenant)s AND instance_number::int8 = %(instance_number)s::int8
      AND dns_name::text = %(dns_name)s AND NOT tls
"""


def insertions(wanted: TenantRows, platform: Platform = PLATFORM) -> Iterator[str]:
    """All that an empty database needs, as text: what `record` would write there."""
    for row in sorted(wanted.rows, key=lambda row: row.instance_number):
        values = _values(platform, wanted, row)
        literals = {name: Literal(value).as_string(None) for name, value in values.items()}
        yield f"{_text(platform, _INSERT) % literals};"
        if row.tls:
            # A separate statement, since a platform without such tenants may lack the column.
            yield f"{_text(platform, _TLS) % literals};"


def _text(platform: Platform, statement: LiteralString) -> str:
    return dedent(platform.sql(statement).as_string(None)).strip()


def _correct(
    connection: psycopg.Connection,
    platform: Platform,
    wanted: TenantRows,
    columns: Sequence[str],
) -> None:
    for row in sorted(wanted.rows, key=lambda row: row.instance_number):
        values = _values(platform, wanted, row)
        # One column at a time, and not in DO UPDATE: a statement that assigns the unique address
        # may lock the row as if its key changed, and would wait for everybody who is just adding
        # an integration to it.
        for column in columns:
            connection.execute(
                platform.sql(
                    """
                    UPDATE {instances} SET {column} = {value}
                    WHERE tenant_id::text = %(tenant)s
                      AND instance_number::int8 = %(instance_number)s::int8
                      AND {column}::text IS DISTINCT FROM %(as_text)s::text
                    """,
                    column=Identifier(column),
                    value=Placeholder(column),
                ),
                {**values, "as_text": _as_text(values[column])},
            )


def _as_text(value: str | bool) -> str:
    """A value as Postgres casts it to text."""
    return str(value).lower() if isinstance(value, bool) else value


def _lock(connection: psycopg.Connection, platform: Platform, tenant_id: str) -> None:
    """Lock a tenant's instances and integrations, in the order in which every run locks them.

    An instance that is locked like this takes no new integration, if the platform has the foreign
    key. Rows that only refer to the integrations are not blocked.
    """
    statements: tuple[LiteralString, ...] = (
        "SELECT 1 FROM {instances} WHERE tenant_id::text = %s ORDER BY instance_number FOR UPDATE",
        "SELECT 1 FROM {integrations} WHERE tenant_id::text = %s ORDER BY id FOR NO KEY UPDATE",
    )
    for statement in statements:
        connection.execute(platform.sql(statement), (tenant_id,))


def _placement(connection: psycopg.Connection, platform: Platform, wanted: TenantRows) -> Placement:
    """Where a tenant's integrations should go, by where they are at this moment."""
    counts = connection.execute(
        platform.sql(
            """
            SELECT i.instance_number, count(*)
            FROM {integrations} g
            LEFT JOIN {instances} i
              ON i.id OPERATOR(pg_catalog.=) g.nats_instance_id
              AND i.tenant_id::text = g.tenant_id::text
            WHERE g.tenant_id::text = %s GROUP BY i.instance_number
            """
        ),
        (wanted.tenant_id,),
    ).fetchall()
    placed: dict[int | None, int] = dict(counts)
    return place(
        instances=wanted.numbers,
        capacity=wanted.capacity,
        policy=wanted.placement,
        unplaced=placed.pop(None, 0),
        placed={number: count for number, count in placed.items() if number is not None},
    )


def _move(
    connection: psycopg.Connection, platform: Platform, wanted: TenantRows, ours: Collection[int]
) -> set[int]:
    """Move a tenant's integrations to where they should be.

    Returns:
        The instances, among `ours`, that integrations have left.
    """
    placement = _placement(connection, platform, wanted)
    sources = {move.source for move in placement.moves if move.source is not None}
    if strangers := sources - {*ours}:
        raise ControlPlaneError(
            f"Integrations of tenant {wanted.tenant_id} are on instances that are not of this "
            f"stack: {_listed(strangers)}. Correct these rows first."
        )
    if placement.stranded:
        raise ControlPlaneError(
            f"{counted(placement.stranded, 'integration')} of tenant {wanted.tenant_id} would "
            "lose their "
            f"instance, and there is no room on what stays ({len(wanted.rows)} x "
            f"{wanted.capacity}). Keep more instances."
        )
    for move in placement.moves:
        values = {"tenant": wanted.tenant_id, **asdict(move)}
        if connection.execute(platform.sql(_MOVE), values).rowcount != move.integrations:
            # The platform has no foreign key, or somebody removed rows before they were locked.
            raise TryAgainError(
                f"Integrations of tenant {wanted.tenant_id} were changed while they were to move; "
                "run this again."
            )
    return sources


_MOVE: LiteralString = """
    UPDATE {integrations} SET nats_instance_id = (
        SELECT id FROM {instances}
        WHERE tenant_id::text = %(tenant)s AND instance_number::int8 = %(target)s::int8)
    WHERE id OPERATOR(pg_catalog.=) ANY (
        SELECT g.id FROM {integrations} g
        LEFT JOIN {instances} i
          ON i.id OPERATOR(pg_catalog.=) g.nats_instance_id
          AND i.tenant_id::text = g.tenant_id::text
        WHERE g.tenant_id::text = %(tenant)s
          AND i.instance_number::int8 IS NOT DISTINCT FROM %(source)s::int8
        ORDER BY CASE WHEN %(source)s::int8 IS NULL THEN g.id END, g.id DESC
        LIMIT %(integrations)s FOR NO KEY UPDATE OF g)
"""
"""If not all can move, the newest leave an instance, and the oldest unplaced ones are placed."""


def _terminate(
    connection: psycopg.Connection, platform: Platform, tenant_id: str, numbers: Collection[int]
) -> None:
    own, others = connection.execute(
        platform.sql(
            """
            SELECT count(*) FILTER (WHERE g.tenant_id::text = %(tenant)s),
                   count(*) FILTER (WHERE g.tenant_id::text IS DISTINCT FROM %(tenant)s::text)
            FROM {integrations} g
            WHERE g.tenant_id::text = %(tenant)s
              OR g.nats_instance_id OPERATOR(pg_catalog.=) ANY (
                SELECT id FROM {instances}
                WHERE tenant_id::text = %(tenant)s
                  AND instance_number::int8 = ANY (%(numbers)s::int8[]))
            """
        ),
        {"tenant": tenant_id, "numbers": [*numbers]},
    ).fetchall()[0]
    if own:
        raise ControlPlaneError(
            f"Tenant {tenant_id} is to be decommissioned and has {counted(own, 'integration')}. "
            "Delete them on the platform first."
        )
    if others:
        raise ControlPlaneError(
            f"Tenant {tenant_id} is to be decommissioned, and {counted(others, 'integration')} "
            "of another tenant "
            "would lose its servers. Correct that first."
        )
    _set_status(connection, platform, tenant_id, numbers, DRAINING)
    _set_status(connection, platform, tenant_id, numbers, TERMINATED)


def _set_status(
    connection: psycopg.Connection,
    platform: Platform,
    tenant_id: str,
    numbers: Collection[int],
    status: Status,
) -> None:
    """Set the status of those rows whose present status it may follow."""
    before = [platform.words.word(each) for each, after in TRANSITIONS.items() if status in after]
    connection.execute(
        platform.sql(
            """
            UPDATE {instances} SET status = %s
            WHERE tenant_id::text = %s AND instance_number::int8 = ANY (%s::int8[])
              AND status::text = ANY (%s::text[])
            """
        ),
        (platform.words.word(status), tenant_id, [*numbers], before),
    )


def remove(
    dsn: str,
    tenant_id: str,
    numbers: Sequence[int],
    *,
    domain: str,
    platform: Platform = PLATFORM,
) -> None:
    """Delete a tenant's rows `numbers` and those with an address of ours in `domain`.

    Missing rows do not matter, and `terminated` ones stay as a record. A `provisioning` row that is
    not among `numbers` was announced by the platform, and stays.

    Raises:
        ControlPlaneError: an integration points to one of them, or the database cannot be used.
    """
    with connected(dsn, "write") as connection:
        check_tables(connection, platform)
        rows = _rows(connection, platform, tenant_id, numbers, [domain], tls=False)
        going = [
            row.instance_number
            for row in rows
            if row.status not in (TERMINATED, PROVISIONING)
            or (row.status == PROVISIONING and row.instance_number in numbers)
        ]
        _delete(connection, platform, tenant_id, going)


def _delete(
    connection: psycopg.Connection, platform: Platform, tenant_id: str, numbers: Sequence[int]
) -> None:
    """Delete rows that no integration points to.

    The platform's foreign key may cascade or be missing. So the rows are first locked, which keeps
    a new integration from pointing to them, and then checked.
    """
    parameters = (tenant_id, list(numbers))
    connection.execute(
        platform.sql(
            """
            SELECT 1 FROM {instances}
            WHERE tenant_id::text = %s AND instance_number::int8 = ANY (%s::int8[])
            ORDER BY instance_number FOR UPDATE
            """
        ),
        parameters,
    )
    used = connection.execute(
        platform.sql(
            """
            SELECT i.instance_number, count(*)
            FROM {instances} i
            JOIN {integrations} g ON g.nats_instance_id OPERATOR(pg_catalog.=) i.id
            WHERE i.tenant_id::text = %s AND i.instance_number::int8 = ANY (%s::int8[])
            GROUP BY i.instance_number ORDER BY i.instance_number
            """
        ),
        parameters,
    ).fetchall()
    if used:
        counts = ", ".join(f"{count} to instance {number}" for number, count in used)
        raise ControlPlaneError(
            f"Integrations of tenant {tenant_id} point to rows that would be deleted: {counts}. "
            "Move them to another instance first."
        )
    connection.execute(
        platform.sql(
            """
            DELETE FROM {instances}
            WHERE tenant_id::text = %s AND instance_number::int8 = ANY (%s::int8[])
            """
        ),
        parameters,
    )


def _taken(platform: Platform, tenant_id: str, others: Sequence[tuple[str, InstanceRow]]) -> str:
    """Why a tenant's rows cannot be written: rows of other tenants have their addresses."""
    found = ", ".join(f"{of} instance {row.instance_number}" for of, row in others)
    return (
        f"{platform.instances} gives other tenants the addresses of tenant {tenant_id}: {found} at "
        f"{others[0][1].dns_name}. Correct or delete them first."
    )


def _refusal(platform: Platform, tenant_id: str, others: Sequence[InstanceRow]) -> str:
    """Why rows that something else made are not touched."""
    found = ", ".join(f"{row.instance_number} at {row.dns_name}" for row in others)
    return (
        f"{platform.instances} has rows of tenant {tenant_id} that this program did not make: "
        f"{found}. Correct or delete them first."
    )


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
