"""A connection to the platform's database, and how its failures are reported."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, LiteralString

import psycopg
from psycopg.sql import SQL

from controlplane.trust import with_system_certificates

Mode = Literal["snapshot", "read", "write"]
"""A `snapshot` sees one moment. In the others each statement sees what was committed before it, so
that what is read after a lock is what holds."""

_CONNECT_SECONDS = 5
_LOCK_TIMEOUT = "10s"
_MODES: Mapping[Mode, LiteralString] = {
    "snapshot": "REPEATABLE READ, READ ONLY",
    "read": "READ COMMITTED, READ ONLY",
    "write": "READ COMMITTED, READ WRITE",
}
SEARCH_PATH: LiteralString = """
    SELECT pg_catalog.set_config(
        'search_path',
        pg_catalog.concat_ws(
            ', ', 'pg_catalog',
            CASE WHEN pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>) ''
                THEN pg_catalog.current_setting('search_path') END,
            'pg_temp'),
        true)
"""
"""Puts pg_catalog first and temporary objects last, for one transaction.

The rest of the path stays, since triggers of the platform may rely on it.
"""
_SESSION: LiteralString = """
    SET TRANSACTION ISOLATION LEVEL {mode};
    {search_path};
    SET LOCAL lock_timeout = {lock_timeout};
    SET LOCAL statement_timeout = '60s';
    SET LOCAL idle_in_transaction_session_timeout = '60s';
    SET LOCAL standard_conforming_strings = on;
    SET LOCAL row_security = off;
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') = 'off'
"""
"""All defaults of a session that the statements here rely on: a database or a role may have others.

With `row_security` off Postgres refuses a query from which a policy would hide rows. A commit that
was reported has to survive a crash of the server: the engine has recorded it.
"""
_LIVENESS: Mapping[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}
"""They detect a silently dead database before the engine times out."""
_LOST = "08"
_UNREACHABLE = (_LOST, "57P", "53300")
"""How the states begin of a connection that is lost, of a server that stops or starts, and of one
whose connections are all taken. PgBouncer says 08P01 where it has lost the server. A connection
that could not be made has none."""


class ControlPlaneError(Exception):
    """The database cannot be used, or refuses: one line that names no secret."""


class UnreachableError(ControlPlaneError):
    """No connection, or it was lost, or the server takes no writes: in seconds it may be another.

    A primary that fails over does all three, one after the other.
    """


class TryAgainError(ControlPlaneError):
    """Another transaction was in the way; the next attempt may well succeed."""


@contextmanager
def connected(dsn: str, mode: Mode) -> Generator[psycopg.Connection]:
    """A connection in a transaction of its own: committed at the end, rolled back on an error.

    Args:
        dsn: where the database is.
        mode: what the transaction sees, and whether it may write.

    Raises:
        ControlPlaneError: what went wrong, in one line.
    """
    try:
        with psycopg.connect(
            with_system_certificates(dsn),
            connect_timeout=_CONNECT_SECONDS,
            application_name="tenant-nats",
            # By its own default a database in SQL_ASCII would answer in bytes, which equal no text.
            client_encoding="utf8",
            # psycopg prepares a statement that has run five times, under a name in the server's
            # session. A pooler by transactions (PgBouncer) gives the session to others, who use
            # the same name.
            prepare_threshold=None,
            **_LIVENESS,
        ) as connection:
            _begin(connection, mode)
            try:
                yield connection
            except psycopg.errors.InsufficientPrivilege as error:
                if "row-level security" not in str(error):
                    raise
                raise ControlPlaneError(hidden(connection.info.user, _first_line(error))) from None
    except psycopg.Error as error:
        raise _reported(error) from None
    except UnicodeError:
        # From the codec for host names, about an empty or overlong label.
        raise ControlPlaneError("The database cannot be used: its host is no host name.") from None


def _begin(connection: psycopg.Connection, mode: Mode) -> None:
    settings = SQL(_SESSION).format(
        mode=SQL(_MODES[mode]), search_path=SQL(SEARCH_PATH), lock_timeout=_LOCK_TIMEOUT
    )
    try:
        connection.execute(settings)
    except psycopg.errors.FeatureNotSupported as error:
        raise UnreachableError(
            f"The database takes no writes ({_first_line(error)}): it is a standby. Name the "
            "primary, or all servers and target_session_attrs=read-write."
        ) from None


def _reported(error: psycopg.Error) -> ControlPlaneError:
    """What went wrong, in one line, and by its class whether to try again."""
    words = _first_line(error)
    match error:
        case psycopg.errors.LockNotAvailable():
            return ControlPlaneError(
                f"Another transaction has held rows that this one writes for {_LOCK_TIMEOUT}; "
                "end it (pg_stat_activity shows it), then run this again."
            )
        case psycopg.errors.DeadlockDetected() | psycopg.errors.SerializationFailure():
            return TryAgainError(
                "Transactions of others and of this program wait for each other; run this again."
            )
        case psycopg.errors.UniqueViolation():
            # Two that insert the same row at once may collide on another key than ON CONFLICT
            # names.
            return TryAgainError(f"The database refused: {words}.")
        case psycopg.OperationalError():
            is_lost = (error.sqlstate or _LOST).startswith(_UNREACHABLE)
            kind = UnreachableError if is_lost else ControlPlaneError
            return kind(f"The database cannot be used: {words}.")
        case _:
            return ControlPlaneError(f"The database refused: {words}.")


def hidden(role: str, why: str) -> str:
    """That a policy hides rows from a role, and what to do."""
    return (
        f"Row-level security would hide rows from the role {role} ({why}), and what it cannot see "
        f"proves nothing. Let it see all: ALTER ROLE {role} BYPASSRLS."
    )


def _first_line(error: psycopg.Error) -> str:
    """The server's own words, else the first of libpq's lines (one for each address tried)."""
    words = error.diag.message_primary or str(error).strip() or type(error).__name__
    return words.splitlines()[0].removeprefix("connection failed: ").rstrip(".")
