"""`database-roles`: the SQL that creates the database's roles and grants."""

import json
import re
from typing import Annotated

import typer

from controlplane.roles import (
    NAME,
    NAME_WORDS,
    PREFIX,
    ROLES,
    SCHEMA,
    create_roles,
    lend,
    role_name,
)
from operations.options import Json


def _name(value: str) -> str:
    if not re.fullmatch(NAME, value):
        raise typer.BadParameter(f"{value}: expected {NAME_WORDS}; for example: {PREFIX}")
    return value


def database_roles(
    prefix: Annotated[
        str, typer.Option(callback=_name, help="The prefix of the roles' names.")
    ] = PREFIX,
    schema: Annotated[
        str, typer.Option(callback=_name, help="The schema that has the tables.")
    ] = SCHEMA,
    as_json: Json = False,
) -> None:
    """Print SQL that creates the database's roles and grants.

    Run it with psql, as an administrator of the database, after each migration of the platform's.
    It creates no login and contains no password; running it again changes nothing.

    \b
    For example:
      tenant-nats database-roles | psql -v ON_ERROR_STOP=1 "$ADMINISTRATORS_URL"
      tenant-nats database-roles --prefix eu_nats --schema platform

    \b
    Exit codes:
      0  the SQL is printed
      2  wrong usage
    """
    script = create_roles(prefix, schema) + lend(prefix, schema)
    text = f"BEGIN;\n{script.as_string()}COMMIT;"
    if as_json:
        named = {role: role_name(role, prefix) for role in ROLES}
        typer.echo(json.dumps({"roles": named, "sql": text}, indent=2))
    else:
        typer.echo(text)
