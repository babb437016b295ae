"""What the program needs of the platform's tables: known before anything is touched.

The schema belongs to the platform. Only the columns that are used are looked at, their types, the
key (tenant_id, instance_number), which statuses a row may have, and what hides rows. Ids, defaults
and further columns are left alone. The column `tls` has to exist only when a tenant uses TLS.

`check` refuses by the first point that is not met, before an `up`; `tenant-nats contract` prints
all of them. docs/platform.md has them in words.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from controlplane.connection import ControlPlaneError, hidden
from controlplane.platform import Platform
from tenancy.words import listed

_TEXT = frozenset({"text", "varchar", "citext"})
_WHOLE_NUMBER = frozenset({"int2", "int4", "int8"})
_OF_INSTANCES: Mapping[str, Collection[str]] = {
    "id": (),
    "tenant_id": _TEXT | {"uuid"},
    "instance_number": _WHOLE_NUMBER,
    "dns_name": _TEXT,
    "status": _TEXT | {"enum"},
}
_OF_INTEGRATIONS: Mapping[str, Collection[str]] = {
    "id": (),
    "tenant_id": _TEXT | {"uuid"},
    "nats_instance_id": (),
}
"""The columns that are used, and the types that each may have, also below a domain; any where there
are none. `character(n)` is not among them: it pads what it holds."""
_MAY_BE_MISSING: Mapping[str, Collection[str]] = {"tls": {"bool"}}
_INSERTED = ["tenant_id", "instance_number", "dns_name", "status"]
_ORDINARY = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean"}
_MIGRATIONS = "apply the platform's migrations (controlplane/schema) first"
_SETTINGS = "and give commands `--settings Pulumi.STACK.yaml`"


@dataclass(frozen=True)
class Point:
    """One thing that the tables should have."""

    what: str
    """In words: `public.nats_instances is a table`."""
    problem: str = ""
    """What is wrong and what to do, in one line; empty if the point is met."""
    is_advice: bool = False
    """Whether the program does without."""


def check(
    connection: psycopg.Connection,
    platform: Platform,
    tenants: Collection[str] = (),
    *,
    with_tls: bool = False,
) -> None:
    """Accept the tables of a database.

    Args:
        connection: in a transaction of `connected`.
        platform: where the tables are, and in which words.
        tenants: the ids that rows are to have.
        with_tls: whether a server speaks TLS, which only the column `tls` can tell workers.

    Raises:
        ControlPlaneError: what is missing or unusable, by name, and what to do; one line.
    """
    _refuse(points(connection, platform, tenants, with_tls=with_tls))


def check_tables(connection: psycopg.Connection, platform: Platform) -> None:
    """Accept the tables themselves: each is there, is meant, and is no view that may hide rows.

    Each transaction asks this, since `destroy` and `refresh` run no program that would.

    Raises:
        ControlPlaneError: what is missing or may be hidden, and what to do; one line.
    """
    _refuse(_tables(connection, platform))


def _refuse(found: Iterable[Point]) -> None:
    for point in found:
        if point.problem and not point.is_advice:
            raise ControlPlaneError(point.problem)


def points(
    connection: psycopg.Connection,
    platform: Platform,
    tenants: Collection[str] = (),
    *,
    with_tls: bool = False,
) -> Iterator[Point]:
    """Every point in turn; those that depend on one that is not met are left out.

    The parameters are those of `check`.
    """
    are_there = True
    for point in _tables(connection, platform):
        are_there &= not point.problem
        yield point
    if not are_there:
        return
    yield from _visible(connection, platform)
    columns = _columns(connection, platform)
    for point in _named(platform, columns):
        are_there &= not point.problem
        yield point
    if not are_there:
        return
    yield from _readable(connection, platform, columns)
    for column in columns.values():
        yield column.point
    yield _ids(platform, columns)
    if tenants:
        yield _fitting(columns[platform.instances, "tenant_id"], tenants)
    yield _key(connection, platform)
    yield _defaults(connection, platform)
    if with_tls:
        lacks = "" if (platform.instances, "tls") in columns else lacking(platform, ["tls"])
        yield Point(f"{platform.instances} says which servers speak TLS", lacks)
    yield from _statuses(connection, columns[platform.instances, "status"], platform)


def advice(connection: psycopg.Connection, platform: Platform) -> Iterator[Point]:
    """What is better to have, and what only some commands need; every point of `points` is met."""
    yield _writable(connection, platform)
    yield _foreign_key(connection, platform)
    yield _trigger(connection, platform)
    if not has_tls(connection, platform):
        lacks = f"there is no column {platform.instances}.tls, so no tenant may have `tls`"
        yield Point("a tenant may have TLS", lacks, is_advice=True)


def has_tls(connection: psycopg.Connection, platform: Platform) -> bool:
    """Whether rows can say that a server speaks TLS: the column came with migration 0003."""
    found = connection.execute(
        """
        SELECT 1 FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attname = 'tls' AND NOT attisdropped
        """,
        (platform.regclass(platform.instances),),
    ).fetchone()
    return found is not None


def lacking(platform: Platform, columns: Iterable[str], table: str | None = None) -> str:
    """What to do about missing columns, of the instances unless another table is given."""
    return f"The table {table or platform.instances} lacks {', '.join(columns)}; {_MIGRATIONS}."


@dataclass(frozen=True)
class _Relation:
    """Something that has the name of one of the tables."""

    schema: str
    name: str
    kind: str
    """As in pg_class."""
    place: int | None
    """Where its schema is on the search path."""
    may_use: bool
    """Whether the role may use the schema."""


def _tables(connection: psycopg.Connection, platform: Platform) -> Iterator[Point]:
    with connection.cursor(row_factory=class_row(_Relation)) as cursor:
        there = cursor.execute(
            """
            SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
                   path.place::int AS place, has_schema_privilege(n.oid, 'USAGE') AS may_use
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_catalog.unnest(current_schemas(false))
              WITH ORDINALITY AS path (name, place) ON path.name = n.nspname
            WHERE c.relname::text = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND NOT starts_with(n.nspname::text, 'pg_')
            ORDER BY path.place NULLS LAST, n.nspname::text
            """,
            (list(platform.tables),),
        ).fetchall()
    for name in platform.tables:
        found = [each for each in there if each.name == name]
        yield Point(
            f"{platform.schema}.{name} is a table",
            _missed(platform, name, found, connection.info.user),
        )


def _missed(platform: Platform, name: str, found: list[_Relation], role: str) -> str:
    """What is wrong with a table, by all that has its name, in the order of the search path."""
    wanted = f"{platform.schema}.{name}"
    table = next((each for each in found if each.schema == platform.schema), None)
    if table is None and found:
        there = " and ".join(f"{each.schema}.{name}" for each in found)
        return f"The database has no table {wanted}, but {there}. {_say(found[0].schema)}"
    if table is None:
        return (
            f"The database has no table {wanted}; {_MIGRATIONS}, or say what the platform calls it "
            "(docs/platform.md)."
        )
    if not table.may_use:
        return (
            f"The role {role} may not use the schema {platform.schema}: GRANT USAGE ON SCHEMA "
            f"{Identifier(platform.schema).as_string(None)} TO {Identifier(role).as_string(None)}."
        )
    first = found[0]
    if platform.said_schema is None and first.place is not None and first is not table:
        # Before the setting there was only the search path: it may be what people rely on.
        return (
            f"The search_path of the role {role} finds {first.schema}.{name} before {wanted}, and "
            f"the stack does not say which is meant. {_say(first.schema)}"
        )
    if table.kind not in ("r", "p"):
        return (
            f"{wanted} is no table, and a view may hide rows; what is not seen proves nothing. Say "
            "where the table is: `pulumi config set --path database.schema SCHEMA`, "
            f"{_SETTINGS}."
        )
    return ""


def _say(schema: str) -> str:
    return f"Say it: `pulumi config set --path database.schema {schema}`, {_SETTINGS}."


def _visible(connection: psycopg.Connection, platform: Platform) -> Iterator[Point]:
    """Whether a policy hides rows: what is not seen proves nothing."""
    role = connection.info.user
    for table in platform.tables:
        [(is_filtered,)] = connection.execute(
            "SELECT row_security_active(to_regclass(%s)::oid)", (platform.regclass(table),)
        ).fetchall()
        why = f'policies of table "{table}"'
        yield Point(
            f"{table} hides no row from the role {role}", hidden(role, why) if is_filtered else ""
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
    is_own: bool
    """Whether Postgres compares and orders it by operators of its own, as our statements do."""
    is_deterministic: bool
    """Whether its collation takes only equal bytes for equal."""
    is_of_instances: bool

    @property
    def allowed(self) -> Collection[str]:
        """The types that it may have; any where there are none."""
        of = {**_OF_INSTANCES, **_MAY_BE_MISSING} if self.is_of_instances else _OF_INTEGRATIONS
        return of[self.name]

    @property
    def point(self) -> Point:
        """Whether its values can be compared with what this program writes."""
        return Point(f"{self.table}.{self.name} is {self.type}", self._problem())

    def _problem(self) -> str:
        if self.base == "bpchar":
            problem = "pads what it holds with blanks"
        elif self.allowed and self.base not in self.allowed:
            problem = "cannot be compared with what this program writes"
        elif not self.allowed and not self.is_own:
            # A foreign key compares by the type's own operator, a statement of ours by another.
            problem = "Postgres does not compare by an operator of its own"
        elif not self.is_deterministic:
            problem = "takes different texts for equal, by its collation"
        else:
            return ""
        allowed = sorted(self.allowed) or ["bigint", "text", "uuid"]
        names = ", ".join(_ORDINARY.get(each, each) for each in allowed)
        what = f"one of {names}" if len(allowed) > 1 else names
        return f"{self.table}.{self.name} is {self.type}, which {problem}; use {what}."


def _columns(connection: psycopg.Connection, platform: Platform) -> dict[tuple[str, str], _Column]:
    """The columns that are used and there, by table and name."""
    with connection.cursor(row_factory=class_row(_Column)) as cursor:
        found = cursor.execute(
            """
            WITH RECURSIVE below (attrelid, attnum, type) AS (
                SELECT attrelid, attnum, atttypid FROM pg_attribute
                WHERE attrelid IN (to_regclass(%(instances)s), to_regclass(%(integrations)s))
                  AND attnum > 0 AND NOT attisdropped
                UNION ALL
                SELECT attrelid, attnum, t.typbasetype
                FROM below JOIN pg_type t ON t.oid = type WHERE t.typtype = 'd'
            )
            SELECT c.relname::text AS table, a.attname::text AS name,
                   format_type(a.atttypid, a.atttypmod) AS type,
                   CASE t.typtype WHEN 'e' THEN 'enum' ELSE t.typname::text END AS base,
                   EXISTS (
                       SELECT 1 FROM pg_operator p
                       WHERE p.oprname = '=' AND p.oprcanmerge AND p.oprright = p.oprleft
                         AND p.oprnamespace = to_regnamespace('pg_catalog')
                         AND p.oprleft = CASE
                           WHEN t.typtype = 'e' THEN to_regtype('pg_catalog.anyenum')
                           WHEN t.oid = to_regtype('pg_catalog.varchar')
                             THEN to_regtype('pg_catalog.text')
                           ELSE t.oid END) AS is_own,
                   coalesce(o.collisdeterministic, true) AS is_deterministic,
                   a.attrelid = to_regclass(%(instances)s) AS is_of_instances
            FROM below
            JOIN pg_attribute a USING (attrelid, attnum)
            JOIN pg_class c ON c.oid = attrelid
            JOIN pg_type t ON t.oid = below.type AND t.typtype <> 'd'
            LEFT JOIN pg_collation o ON o.oid = a.attcollation
            ORDER BY is_of_instances DESC, a.attnum
            """,
            {
                "instances": platform.regclass(platform.instances),
                "integrations": platform.regclass(platform.integrations),
            },
        ).fetchall()
    used = {
        True: {*_OF_INSTANCES, *_MAY_BE_MISSING},
        False: {*_OF_INTEGRATIONS},
    }
    return {
        (column.table, column.name): column
        for column in found
        if column.name in used[column.is_of_instances]
    }


def _named(platform: Platform, columns: Mapping[tuple[str, str], _Column]) -> Iterator[Point]:
    needed = {platform.instances: _OF_INSTANCES, platform.integrations: _OF_INTEGRATIONS}
    for table, names in needed.items():
        missing = sorted(name for name in names if (table, name) not in columns)
        problem = lacking(platform, missing, table) if missing else ""
        yield Point(f"{table} has the columns {', '.join(names)}", problem)


def _readable(
    connection: psycopg.Connection, platform: Platform, columns: Mapping[tuple[str, str], _Column]
) -> Iterator[Point]:
    role = connection.info.user
    for table in platform.tables:
        used = [name for of, name in columns if of == table]
        refused = _refused(connection, platform, table, "SELECT", used)
        yield Point(
            f"the role {role} may read these columns of {table}",
            f"The role {role} may not read {table}.{', '.join(refused)}: "
            f"{_grant(connection, platform, table, 'SELECT', refused)}; or, {_MEMBER} "
            "tenant_nats_provisioner or tenant_nats_reader (`tenant-nats database-roles`)."
            if refused
            else "",
        )


_MEMBER = "if the tables are those of the migrations, make it a member of"


def _grant(
    connection: psycopg.Connection,
    platform: Platform,
    table: str,
    privilege: str,
    columns: Collection[str] = (),
) -> str:
    """The statement that gives the role a privilege on a table, or on some of its columns."""
    role = Identifier(connection.info.user).as_string(None)
    of = f" ({', '.join(columns)})" if columns else ""
    return f"GRANT {privilege}{of} ON {platform.regclass(table)} TO {role}"


def _refused(
    connection: psycopg.Connection,
    platform: Platform,
    table: str,
    privilege: str,
    columns: Iterable[str],
) -> list[str]:
    """Those of the columns for which the role lacks a privilege."""
    found = connection.execute(
        """
        SELECT name FROM pg_catalog.unnest(%s::text[]) AS name
        WHERE NOT has_column_privilege(to_regclass(%s)::oid, name, %s)
        """,
        (list(columns), platform.regclass(table), privilege),
    ).fetchall()
    return [name for (name,) in found]


def _ids(platform: Platform, columns: Mapping[tuple[str, str], _Column]) -> Point:
    """A reference has to be comparable with what it refers to."""
    target = columns[platform.instances, "id"]
    source = columns[platform.integrations, "nats_instance_id"]
    are_numbers = {target.base, source.base} <= _WHOLE_NUMBER
    are_texts = {target.base, source.base} <= _TEXT
    reference, id_ = f"{source.table}.{source.name}", f"{target.table}.{target.name}"
    is_comparable = target.base == source.base or are_numbers or are_texts
    return Point(
        f"{reference} can be compared with {id_}",
        ""
        if is_comparable
        else f"{reference} is {source.type} and {id_} is {target.type}, which Postgres does not "
        "compare; give both one type.",
    )


def _fitting(column: _Column, tenants: Collection[str]) -> Point:
    """The column has to be able to hold the tenants' ids."""
    unfit = sorted(each for each in tenants if column.base == "uuid" and not _is_uuid(each))
    return Point(
        f"{column.table}.{column.name} can hold the ids of the tenants",
        f"{column.table}.{column.name} is {column.type}, and the tenant {unfit[0]} is none; ids in "
        "the inventory are those of the platform, for example "
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11."
        if unfit
        else "",
    )


def _is_uuid(text: str) -> bool:
    # As Postgres prints one, since ids are compared as text.
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _key(connection: psycopg.Connection, platform: Platform) -> Point:
    key = connection.execute(
        """
        SELECT 1 FROM pg_index x
        WHERE x.indrelid = to_regclass(%s)
          AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL
          AND ARRAY(SELECT a.attname::text
                    FROM generate_series(0, x.indnkeyatts - 1) AS k
                    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k]
                    ORDER BY 1) OPERATOR(pg_catalog.=) ARRAY['instance_number', 'tenant_id']
        """,
        (platform.regclass(platform.instances),),
    ).fetchone()
    words = "unique key (tenant_id, instance_number)"
    return Point(
        f"{platform.instances} has a {words}",
        "" if key else f"The table {platform.instances} has no {words}; {_MIGRATIONS}.",
    )


def _defaults(connection: psycopg.Connection, platform: Platform) -> Point:
    """What an INSERT leaves out has to be filled in by the platform: by a default or a trigger."""
    empty = connection.execute(
        """
        SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL
          AND a.attname::text <> ALL (%(inserted)s) AND NOT EXISTS (
            SELECT 1 FROM pg_trigger
            WHERE tgrelid = a.attrelid AND tgenabled <> 'D' AND NOT tgisinternal
              AND tgtype::int & 7 = 7)
        ORDER BY a.attnum
        """,
        {"table": platform.regclass(platform.instances), "inserted": _INSERTED},
    ).fetchall()
    columns = listed([name for (name,) in empty], most=5)
    return Point(
        f"{platform.instances} has a default for every other column that must not be null",
        f"{platform.instances} has no default for {columns}, which must not be null and which this "
        "program does not write; give it one."
        if empty
        else "",
    )


_HOLDS = "SELECT ({}) IS NOT FALSE FROM (SELECT CAST(%s AS {}) AS status) AS candidate"
"""Whether a check of the column `status` alone accepts a word."""


def _statuses(
    connection: psycopg.Connection, column: _Column, platform: Platform
) -> Iterator[Point]:
    """The platform has to take each status that this program writes.

    An enum, a domain and a varchar(n) are asked by a cast, a check of the status alone by
    evaluating it. A check that looks at other columns as well cannot be asked.
    """
    type_ = SQL(column.type)  # pyright: ignore[reportArgumentType] # as the server prints it
    checks = connection.execute(
        """
        SELECT conname::text, pg_get_expr(conbin, conrelid) FROM pg_constraint
        WHERE conrelid = to_regclass(%(table)s) AND contype = 'c'
          AND conkey OPERATOR(pg_catalog.=) ARRAY[(
            SELECT attnum FROM pg_attribute
            WHERE attrelid = to_regclass(%(table)s) AND attname = 'status')]
        """,
        {"table": platform.regclass(platform.instances)},
    ).fetchall()
    for status, word in platform.words.written():
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
        yield Point(
            f"{column.table}.status takes `{word}`",
            f"{column.table}.status does not take `{word}` ({refusing[0]}). Say what the "
            f"platform calls it: `pulumi config set --path database.statuses.{status} WORD`, "
            f"{_SETTINGS}."
            if refusing
            else "",
        )


def _writable(connection: psycopg.Connection, platform: Platform) -> Point:
    """Previews, `status` and the autoscaler do without."""
    role = connection.info.user
    instances, integrations = platform.tables
    corrected = ["dns_name", "status", *(["tls"] if has_tls(connection, platform) else [])]
    grants = [
        _grant(connection, platform, table, privilege, refused)
        for table, privilege, columns in (
            (instances, "INSERT", _INSERTED),
            (instances, "UPDATE", corrected),
            (integrations, "UPDATE", ["nats_instance_id"]),
        )
        if (refused := _refused(connection, platform, table, privilege, columns))
    ]
    [(may_delete,)] = connection.execute(
        "SELECT has_table_privilege(to_regclass(%s)::oid, 'DELETE')",
        (platform.regclass(instances),),
    ).fetchall()
    grants += [] if may_delete else [_grant(connection, platform, instances, "DELETE")]
    grants += [
        f"GRANT USAGE ON SEQUENCE {sequence} TO {Identifier(role).as_string(None)}"
        for sequence in _counted(connection, platform)
    ]
    return Point(
        f"the role {role} may write what an `up` writes",
        f"the role {role} may read and not write, which is enough for previews and `status`; for "
        f"an `up`: {'; '.join(grants)}; or, {_MEMBER} tenant_nats_provisioner (`tenant-nats "
        "database-roles`)"
        if grants
        else "",
        is_advice=True,
    )


def _counted(connection: psycopg.Connection, platform: Platform) -> list[str]:
    """The sequences that defaults of a row ask, and the role may not; an identity's needs no right.

    A default of a column that this program writes is not asked.
    """
    found = connection.execute(
        """
        SELECT DISTINCT pg_catalog.format('%%I.%%I', n.nspname, s.relname)
        FROM pg_attrdef f
        JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        JOIN pg_depend d ON d.classid = to_regclass('pg_catalog.pg_attrdef') AND d.objid = f.oid
          AND d.refclassid = to_regclass('pg_catalog.pg_class')
        JOIN pg_class s ON s.oid = d.refobjid
        JOIN pg_namespace n ON n.oid = s.relnamespace
        WHERE f.adrelid = to_regclass(%s) AND a.attname::text <> ALL (%s)
          AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END
        """,
        (platform.regclass(platform.instances), _INSERTED),
    ).fetchall()
    return [name for (name,) in found]


def _foreign_key(connection: psycopg.Connection, platform: Platform) -> Point:
    key = connection.execute(
        """
        SELECT 1 FROM pg_constraint
        WHERE contype = 'f' AND convalidated AND confrelid = to_regclass(%(instances)s)
          AND conrelid = to_regclass(%(integrations)s)
          AND conkey OPERATOR(pg_catalog.=) ARRAY[(
            SELECT attnum FROM pg_attribute
            WHERE attrelid = to_regclass(%(integrations)s) AND attname = 'nats_instance_id')]
        """,
        {
            "instances": platform.regclass(platform.instances),
            "integrations": platform.regclass(platform.integrations),
        },
    ).fetchone()
    reference = f"{platform.integrations}.nats_instance_id"
    return Point(
        f"{reference} is a foreign key to {platform.instances}",
        ""
        if key
        else f"{reference} is no foreign key to {platform.instances}; an integration that is added "
        "during a change may be left without a server until the next `up`",
        is_advice=True,
    )


def _trigger(connection: psycopg.Connection, platform: Platform) -> Point:
    """Whether there may be a trigger that refuses integrations on a row without a server.

    What a trigger does cannot be asked without writing; that there is none can.
    """
    events = connection.execute(
        """
        SELECT tgtype::int FROM pg_trigger
        WHERE tgrelid = to_regclass(%s) AND tgenabled <> 'D' AND NOT tgisinternal
          AND tgtype::int & 3 = 3
        """,
        (platform.regclass(platform.integrations),),
    ).fetchall()
    inserts, updates = (any(event & bit for (event,) in events) for bit in (4, 16))
    return Point(
        f"{platform.integrations} has triggers before INSERT and UPDATE, as one that refuses a "
        f"`{platform.words.terminated}` instance has to be",
        ""
        if inserts and updates
        else f"no trigger of {platform.integrations} refuses a `{platform.words.terminated}` "
        "instance, as that of migration 0002 does; an integration that is added while its tenant "
        "leaves may be left without a server",
        is_advice=True,
    )
