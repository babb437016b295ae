"""Where the database is, and how to report that without the password."""

import os
from collections.abc import Mapping

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

SETTING = "databaseUrl"
VARIABLE = "DATABASE_URL"
EXAMPLE = "postgresql://provisioner:PASSWORD@db.example.com:5432/platform"


class DsnError(Exception):
    """The database is not named, named twice, or named in a way that cannot be read."""


def resolve(setting: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The connection string of the stack's secret `databaseUrl`, else of `DATABASE_URL`.

    Raises:
        DsnError: neither is set, both are and differ, or it is no connection string. The text never
            repeats it.
    """
    variable = environment.get(VARIABLE)
    if setting and variable and setting != variable:
        raise DsnError(
            f"The stack's {SETTING} and the environment's {VARIABLE} differ; keep one: "
            f"`unset {VARIABLE}`, or `pulumi config rm {SETTING}`."
        )
    dsn = setting or variable
    if not dsn:
        raise DsnError(
            "No database is named; `pulumi config set --secret "
            f"{SETTING} {EXAMPLE}`, or set {VARIABLE}."
        )
    try:
        parts = conninfo_to_dict(dsn)
    except (ProgrammingError, UnicodeError):  # an environment may have any byte
        raise DsnError(_unreadable()) from None
    # A raw "@" or "/" in the password ends it early, and the rest would show up as a host or port.
    ports = str(parts.get("port") or "").split(",")
    if "@" in str(parts.get("host") or "") or not all(port.isdigit() for port in ports if port):
        raise DsnError(_unreadable())
    return dsn


def _unreadable() -> str:
    return (
        f"{SETTING} (or {VARIABLE}) is no connection string; percent-encode what is special in the "
        f"password (@ is %40, / is %2F). For example: {EXAMPLE}"
    )
