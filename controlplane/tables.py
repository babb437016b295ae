"""Whether the platform's tables have what the program needs: known before anything is touched.

The schema belongs to the platform. Only the columns that are used are looked at, their types, the
key (tenant_id, instance_number), and which statuses a row may have. Ids, defaults and further
columns are left alone. The column `tls` has to exist only when a tenant uses TLS.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL

from controlplane.connection import ControlPlaneError
from tenancy.rows.lifecycle import StatusWords

_TABLES = ("nats_instances", "integrations")
_TEXT = frozenset({"text", "varchar", "citext"})
_WHOLE_NUMBER = frozenset({"int2", "int4", "int8"})
_TYPES: Mapping[tuple[str, str], Collection[str]] = {
    ("nats_instances", "id"): (),
    ("nats_instances", "tenant_id"): _TEXT | {"uuid"},
    ("nats_instances", "instance_number"): _WHOLE_NUMBER,
    ("nats_instances", "dns_name"): _TEXT,
    ("nats_instances", "status"): _TEXT | {"enum"},
    ("integrations", "id"): (),
    ("integrations", "tenant_id"): _TEXT | {"uuid"},
    ("integrations", "nats_instance_id"): (),
}
"""The columns that are used, and the types that each may have, also below a domain; any where there
are none. `character(n)` is not among them: it pads what it holds."""
_MIGRATIONS = "apply the platform's migrations (controlplane/schema) first"


def check(
    connection: psycopg.Connection, words: StatusWords, tenants: Collection[str] = ()
) -> None:
    """Accept the tables of a database.

    Args:
        connection: in a transaction.
        words: the platform's words for the statuses.
        tenants: the ids that rows are to have.

    Raises:
        ControlPlaneError: what is missing or unusable, by name, and what to do; one line.
    """
    check_names(connection)
    columns = _columns(connection)
    for table in _TABLES:
        missing = [name for of, name in _TYPES if of == table and (of, name) not in columns]
        if missing:
            raise ControlPlaneError(lacking(table, sorted(missing)))
    for column in columns.values():
        column.check()
    _check_ids(columns)
    _check_tenants(columns["nats_instances", "tenant_id"], tenants)
    _check_key(connection)
    _check_statuses(connection, columns["nats_instances", "status"], words)


def has_tls(connection: psycopg.Connection) -> bool:
    """Whether rows can say that a server speaks TLS: the column came with migration 0003."""
    found = connection.execute(
        """
        SELECT 1 FROM pg_attribute
        WHERE attrelid = to_regclass('nats_instances') AND attname = 'tls' AND NOT attisdropped
        """
    ).fetchone()
    return found is not None


def lacking(table: str, columns: Iterable[str]) -> str:
    """What to do about missing columns."""
    return f"The table {table} lacks {', '.join(columns)}; {_MIGRATIONS}."


def check_names(connection: psycopg.Connection) -> None:
    """Refuse names that stand for two tables, or for something that may hide rows.

    Each transaction asks this, since `destroy` and `refresh` run no program that would.

    Raises:
        ControlPlaneError: what is hidden, or may be, and what to do; one line.
    """
    found = connection.execute(
        """
        SELECT c.relname::text,
               array_agg(n.nspname::text ORDER BY path.place),
               array_agg(c.relkind::text ORDER BY path.place)
        FROM unnest(current_schemas(true)) WITH ORDINALITY AS path (name, place)
        JOIN pg_namespace n ON n.nspname = path.name
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = ANY (%s)
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        GROUP BY c.relname
        """,
        (list(_TABLES),),
    ).fetchall()
    by_name = {name: (schemas, kinds) for name, schemas, kinds in found}
    for name in _TABLES:
        if name not in by_name:
            raise ControlPlaneError(
                f"The database has no table {name} on its search path; {_MIGRATIONS}."
            )
        schemas, kinds = by_name[name]
        if len(schemas) > 1:
            hidden = " and ".join(f"{schema}.{name}" for schema in schemas[1:])
            raise ControlPlaneError(
                f"On the search path {schemas[0]}.{name} hides {hidden}, so it is not known which "
                f"is meant; leave one schema: ALTER ROLE {connection.info.user} SET search_path = "
                f"{schemas[1]}."
            )
        if kinds[0] not in ("r", "p"):
            raise ControlPlaneError(
                f"{schemas[0]}.{name} is no table, and a view may hide rows; what is not seen "
                "proves nothing. Name the schema of the table in the role's search_path."
            )
    (instances, _), (integrations, _) = (by_name[name] for name in _TABLES)
    if instances[0] != integrations[0]:
        raise ControlPlaneError(
            f"nats_instances is in the schema {instances[0]} and integrations in {integrations[0]};"
            f" both belong into one. Set the search_path of the role {connection.info.user}."
        )


@dataclass(frozen=True)
class _Column:
    """A column that is used."""

    table: str
    name: str
    type: str
    """As people write it: `character(40)`, `tenant_key`."""
    base: str
    """What it is below all domains, by its internal name: `text`, `uuid`, `bpchar`, `enum`."""
    is_deterministic: bool
    """Whether its collation takes only equal bytes for equal."""

    def check(self) -> None:
        allowed = _TYPES[self.table, self.name]
        if self.base == "bpchar":
            self._refuse("pads what it holds with blanks")
        if allowed and self.base not in allowed:
            self._refuse("cannot be compared with what this program writes")
        if not self.is_deterministic:
            self._refuse("takes different texts for equal, by its collation")

    def _refuse(self, problem: str) -> None:
        allowed = sorted(_TYPES[self.table, self.name]) or ["bigint", "text", "uuid"]
        names = ", ".join(
            {"int2": "smallint", "int4": "integer", "int8": "bigint"}.get(each, each)
            for each in allowed
        )
        raise ControlPlaneError(
            f"{self.table}.{self.name} is {self.type}, which {problem}; use one of {names}."
        )


def _columns(connection: psycopg.Connection) -> dict[tuple[str, str], _Column]:
    with connection.cursor(row_factory=class_row(_Column)) as cursor:
        found = cursor.execute(
            """
            WITH RECURSIVE below (attrelid, attnum, type) AS (
                SELECT attrelid, attnum, atttypid FROM pg_attribute
                WHERE attrelid IN (to_regclass('nats_instances'), to_regclass('integrations'))
                  AND attnum > 0 AND NOT attisdropped
                UNION ALL
                SELECT attrelid, attnum, t.typbasetype
                FROM below JOIN pg_type t ON t.oid = type WHERE t.typtype = 'd'
            )
            SELECT c.relname::text AS table, a.attname::text AS name,
                   format_type(a.atttypid, a.atttypmod) AS type,
                   CASE t.typtype WHEN 'e' THEN 'enum' ELSE t.typname::text END AS base,
                   coalesce(o.collisdeterministic, true) AS is_deterministic
            FROM below
            JOIN pg_attribute a USING (attrelid, attnum)
            JOIN pg_class c ON c.oid = attrelid
            JOIN pg_type t ON t.oid = below.type AND t.typtype <> 'd'
            LEFT JOIN pg_collation o ON o.oid = a.attcollation
            """
        ).fetchall()
    columns = {(column.table, column.name): column for column in found}
    return {key: column for key, column in columns.items() if key in _TYPES}


def _check_ids(columns: Mapping[tuple[str, str], _Column]) -> None:
    """Refuse a reference that cannot be compared with what it refers to."""
    target, source = columns["nats_instances", "id"], columns["integrations", "nats_instance_id"]
    are_numbers = {target.base, source.base} <= _WHOLE_NUMBER
    are_texts = {target.base, source.base} <= _TEXT
    if not (target.base == source.base or are_numbers or are_texts):
        raise ControlPlaneError(
            f"integrations.nats_instance_id is {source.type} and nats_instances.id is "
            f"{target.type}, which Postgres does not compare; give both one type."
        )


def _check_tenants(column: _Column, tenants: Collection[str]) -> None:
    """Refuse tenants' ids that the column cannot hold."""
    if column.base != "uuid":
        return
    unfit = sorted(each for each in tenants if not _is_uuid(each))
    if unfit:
        raise ControlPlaneError(
            f"nats_instances.tenant_id is {column.type}, and the tenant {unfit[0]} is none; ids in "
            "the inventory are those of the platform, for example "
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11."
        )


def _is_uuid(text: str) -> bool:
    # As Postgres prints one, since ids are compared as text.
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _check_key(connection: psycopg.Connection) -> None:
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
            f"{_MIGRATIONS}."
        )


_HOLDS = "SELECT ({}) IS NOT FALSE FROM (SELECT CAST(%s AS {}) AS status) AS candidate"
"""Whether a check of the column `status` alone accepts a word."""


def _check_statuses(connection: psycopg.Connection, column: _Column, words: StatusWords) -> None:
    """Refuse a platform that does not take a status which this program writes.

    An enum, a domain and a varchar(n) are asked by a cast, a check of the status alone by
    evaluating it. A check that looks at other columns as well cannot be asked.
    """
    type_ = SQL(column.type)  # pyright: ignore[reportArgumentType] # as the server prints it
    checks = connection.execute(
        """
        SELECT conname::text, pg_get_expr(conbin, conrelid) FROM pg_constraint
        WHERE conrelid = to_regclass('nats_instances') AND contype = 'c' AND conkey = ARRAY[(
            SELECT attnum FROM pg_attribute
            WHERE attrelid = to_regclass('nats_instances') AND attname = 'status')]
        """
    ).fetchall()
    for status, word in words.written():
        try:
            with connection.transaction():
                cast = connection.execute(
                    SQL("SELECT CAST(%s AS {})::text").format(type_), (word,)
                ).fetchone()
                refusing = [f"its type {column.type}"] if cast != (word,) else []
                for name, expression in checks:
                    holds = connection.execute(
                        SQL(_HOLDS).format(SQL(expression.replace("%", "%%")), type_), (word,)
                    ).fetchone()
                    refusing += [f"the check {name}"] if holds != (True,) else []
        except (psycopg.DataError, psycopg.errors.CheckViolation):
            refusing = [f"its type {column.type}"]
        if refusing:
            raise ControlPlaneError(
                f"nats_instances.status does not take `{word}` ({refusing[0]}). Say what the "
                f"platform calls it: `pulumi config set --path database.statuses.{status} WORD`, "
                "and give commands `--settings Pulumi.STACK.yaml`."
            )
