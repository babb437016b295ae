"""`database-roles`: the SQL that creates the database's roles and grants."""

import json
import re
from dataclasses import replace
from typing import Annotated

import typer

from controlplane import platform
from controlplane.roles import (
    NAME,
    NAME_WORDS,
    PREFIX,
    ROLES,
    create_roles,
    lend,
    role_name,
)
from operations.exits import Exit, stopped
from operations.options import Json, SettingsFile
from operations.outside.stack_file import StackFileError, platform_in


def _name(value: str) -> str:
    if not re.fullmatch(NAME, value):
        raise typer.BadParameter(f"{value}: expected {NAME_WORDS}; for example: {PREFIX}")
    return value


def _schema(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(platform.NAME, value):
        raise typer.BadParameter(f"{value}: expected {platform.NAME_WORDS}; for example: platform")
    return value


def database_roles(
    prefix: Annotated[
        str, typer.Option(callback=_name, help="The prefix of the roles' names.")
    ] = PREFIX,
    schema: Annotated[
        str | None,
        typer.Option(
            callback=_schema,
            help="The schema that has the tables; otherwise that of the settings, or public.",
            show_default=False,
        ),
    ] = None,
    settings_file: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Print SQL that creates the database's roles and grants.

    Run it with psql, as an administrator of the database, after each migration of the platform's.
    It creates no login and contains no password; running it again changes nothing.

    \b
    For example:
      tenant-nats database-roles | psql -v ON_ERROR_STOP=1 "$ADMINISTRATORS_URL"
      tenant-nats database-roles --prefix eu_nats --schema platform
      tenant-nats database-roles --settings Pulumi.prod.yaml

    \b
    Exit codes:
      0  the SQL is printed
      1  the settings cannot be used
      2  wrong usage
    """
    try:
        found = platform_in(settings_file)
    except StackFileError as error:
        raise stopped(Exit.FAILED, str(error)) from None
    if schema:
        found = replace(found, said_schema=schema)
    script = create_roles(prefix, found) + lend(prefix, found)
    text = f"BEGIN;\n{script.as_string()}COMMIT;"
    if as_json:
        named = {role: role_name(role, prefix) for role in ROLES}
        typer.echo(json.dumps({"roles": named, "sql": text}, indent=2))
    else:
        typer.echo(text)
