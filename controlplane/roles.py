"""Who may do what in the platform's database, and the SQL that grants it.

Nobody logs in as one of the three roles; the platform makes its own logins members of them. So
nothing here knows a password.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, LiteralString

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier

from controlplane.platform import PLATFORM, Platform

Role = Literal["owner", "provisioner", "reader"]
Kind = Literal["schema", "table"]
"""What a privilege is on. To GRANT, a view is a table."""

ROLES: tuple[Role, ...] = ("owner", "provisioner", "reader")
"""Who owns the tables and runs the migrations; who runs `up` and `operations`; who looks for a
server."""
PREFIX = "tenant_nats"
NAME = r"[a-z_][a-z0-9_]{0,49}"
"""What a prefix may look like, as a regular expression."""
NAME_WORDS = "lower-case letters a-z, digits and underscores, at most 50"


@dataclass(frozen=True)
class Lent:
    """Privileges of a role on the schema, a table or some columns of a table."""

    role: Role
    kind: Kind
    name: str
    """Of the table or view; empty for the schema."""
    privileges: tuple[LiteralString, ...]
    columns: tuple[str, ...] = ()
    """With one privilege only: a Grant of pulumi-postgresql takes no more."""


_OF_AN_INTEGRATION = ("id", "tenant_id", "nats_instance_id")
"""The columns that say where an integration is. This program, workers and exporters may not read
the others."""


def lent(platform: Platform = PLATFORM) -> tuple[Lent, ...]:
    """All privileges of the roles, except those that the owner has by owning. LISTEN requires none.

    The views are those of the migrations.
    """
    instances, integrations = platform.tables
    return (
        Lent("owner", "schema", "", ("CREATE", "USAGE")),
        Lent("provisioner", "schema", "", ("USAGE",)),
        # The whole table, since the rows are this program's: a new column needs no new grant.
        Lent("provisioner", "table", instances, ("SELECT", "INSERT", "UPDATE", "DELETE")),
        Lent("provisioner", "table", integrations, ("SELECT",), _OF_AN_INTEGRATION),
        # FOR NO KEY UPDATE requires UPDATE of one column.
        Lent("provisioner", "table", integrations, ("UPDATE",), ("nats_instance_id",)),
        Lent("reader", "schema", "", ("USAGE",)),
        Lent("reader", "table", "integration_servers", ("SELECT",)),
        Lent("reader", "table", "tenant_servers", ("SELECT",)),
        Lent("reader", "table", instances, ("SELECT",)),
        Lent("reader", "table", integrations, ("SELECT",), _OF_AN_INTEGRATION),
    )


FUNCTIONS = (
    "nats_instances_hold_transitions",
    "integrations_refuse_terminated",
    "integrations_notify",
)
"""For triggers only, which fire without EXECUTE. Postgres grants EXECUTE to PUBLIC by default, and
one of these functions runs with the rights of its owner, so it is revoked."""


def role_name(role: Role, prefix: str = PREFIX) -> str:
    """The name of a role. Roles belong to the server: two databases on it need two prefixes."""
    return f"{prefix}_{role}"


def create_roles(prefix: str = PREFIX, platform: Platform = PLATFORM) -> Composed:
    """SQL that creates missing roles, and lets the owner create tables."""
    owner = Identifier(role_name("owner", prefix))
    made = [_create(role_name(role, prefix)) for role in ROLES]
    granted = [_grant(each, prefix, platform) for each in lent(platform) if each.role == "owner"]
    closed = SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    return _script([*made, *granted, closed.format(owner)])


def lend(prefix: str = PREFIX, platform: Platform = PLATFORM) -> Composed:
    """SQL that grants the provisioner and the reader what they need of the tables, and no more.

    It is run after each migration, since a view that a migration creates anew has no grants.
    """
    given = [each for each in lent(platform) if each.role != "owner"]
    borrowers = _listed(Identifier(role_name(role, prefix)) for role in ROLES if role != "owner")
    tables = dict.fromkeys(each.name for each in given if each.kind == "table")
    # First revoke what they had, in the same transaction, so that nobody lacks it for a moment.
    taken = [
        SQL("REVOKE ALL ON SCHEMA {} FROM {}").format(Identifier(platform.schema), borrowers),
        SQL("REVOKE ALL ON TABLE {} FROM {}").format(
            _listed(Identifier(platform.schema, table) for table in tables), borrowers
        ),
    ]
    closed = [
        SQL("REVOKE ALL ON FUNCTION {}() FROM PUBLIC").format(Identifier(platform.schema, function))
        for function in FUNCTIONS
    ]
    return _script([*taken, *(_grant(each, prefix, platform) for each in given), *closed])


def _create(name: str) -> Composed:
    return SQL(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {}) THEN\n"
        "    CREATE ROLE {} NOLOGIN;\n"
        "END IF; END $$"
    ).format(sql.Literal(name), Identifier(name))


def _grant(given: Lent, prefix: str, platform: Platform) -> Composed:
    columns = (
        SQL(" ({})").format(_listed(map(Identifier, given.columns))) if given.columns else SQL("")
    )
    return SQL("GRANT {}{} ON {} TO {}").format(
        _listed(map(SQL, given.privileges)),
        columns,
        _object(given, platform),
        Identifier(role_name(given.role, prefix)),
    )


def _object(given: Lent, platform: Platform) -> Composed:
    if given.kind == "schema":
        return SQL("SCHEMA {}").format(Identifier(platform.schema))
    return SQL("TABLE {}").format(Identifier(platform.schema, given.name))


def _listed(parts: Iterable[Composable]) -> Composed:
    return SQL(", ").join(parts)


def _script(statements: Iterable[Composable]) -> Composed:
    return SQL("").join(statement + SQL(";\n") for statement in statements)
