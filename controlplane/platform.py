"""What a platform calls its tables and its statuses: the settings below `database`.

It belongs to the connection and is in no state: a table that gets another name replaces nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier

from tenancy.rows.lifecycle import OUR_WORDS, StatusWords

SCHEMA = "public"
INSTANCES = "nats_instances"
INTEGRATIONS = "integrations"
NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
"""What the name of a schema or a table may look like, as a regular expression."""
NAME_WORDS = "letters a-z, digits and underscores, at most 63, as the database spells them"
STATUS = r"[A-Za-z][-A-Za-z0-9_ ]{0,62}"
"""What a platform's word for a status may look like, as a regular expression."""
STATUS_WORDS = "a status as the platform's table has it"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where a platform keeps its rows, and in which words."""

    said_schema: str | None = None
    """The schema of both tables, if the stack names it."""
    instances: str = INSTANCES
    """The table that has a row for each server."""
    integrations: str = INTEGRATIONS
    """The table that has a row for each integration."""
    words: StatusWords = OUR_WORDS

    @property
    def schema(self) -> str:
        """The schema of both tables."""
        return self.said_schema or SCHEMA

    @property
    def tables(self) -> tuple[str, str]:
        """The names of both tables."""
        return (self.instances, self.integrations)

    def sql(self, statement: LiteralString, **parts: Composable) -> Composed:
        """A statement in which `{instances}` and `{integrations}` stand for the tables.

        No search_path decides which tables these are. `connected` puts pg_catalog first on it,
        which is enough for types, and for functions and operators that exist for the very types
        they are given. Others would lose to somebody's exact match: so a statement casts what it
        compares to text or to a number, or names the schema (`pg_catalog.count`,
        `OPERATOR(pg_catalog.=)`).
        """
        return SQL(statement).format(
            instances=Identifier(self.schema, self.instances),
            integrations=Identifier(self.schema, self.integrations),
            **parts,
        )

    def regclass(self, table: str) -> str:
        """One of `tables` as `to_regclass` takes it."""
        return Identifier(self.schema, table).as_string(None)


PLATFORM = Platform()
"""One that says nothing of its own."""


def platform_of(database: Mapping[str, Any]) -> Platform:
    """The platform that the section `database` of a stack's settings describes.

    Its values have been checked by whoever read the settings.
    """
    return Platform(
        said_schema=database.get("schema"),
        **database.get("tables", {}),
        words=StatusWords(**database.get("statuses", {})),
    )
