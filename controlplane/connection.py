"""A connection to the platform's database, and how its failures are reported."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, LiteralString

import psycopg
from psycopg.sql import SQL

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
_SESSION = """
    SET TRANSACTION ISOLATION LEVEL {mode};
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


class ControlPlaneError(Exception):
    """The database cannot be used, or refuses: one line that names no secret."""


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
            dsn,
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
            connection.execute(
                SQL(_SESSION).format(mode=SQL(_MODES[mode]), lock_timeout=_LOCK_TIMEOUT)
            )
            try:
                yield connection
            except psycopg.errors.InsufficientPrivilege as error:
                if "row-level security" not in str(error):
                    raise
                raise ControlPlaneError(
                    f"Row-level security would hide rows from the role {connection.info.user} "
                    f"({_first_line(error)}), and what it cannot see proves nothing. Let it see "
                    f"all: ALTER ROLE {connection.info.user} BYPASSRLS."
                ) from None
    except psycopg.errors.LockNotAvailable:
        raise ControlPlaneError(
            f"Another transaction has held rows of nats_instances for {_LOCK_TIMEOUT}; "
            "end it (pg_stat_activity shows it), then run this again."
        ) from None
    except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
        raise TryAgainError(
            "Transactions of others and of this program wait for each other; run this again."
        ) from None
    except psycopg.errors.UniqueViolation as error:
        # Two that insert the same row at once may collide on another key than ON CONFLICT names.
        raise TryAgainError(f"The database refused: {_first_line(error)}.") from None
    except psycopg.OperationalError as error:
        raise ControlPlaneError(f"The database cannot be used: {_first_line(error)}.") from None
    except psycopg.Error as error:
        raise ControlPlaneError(f"The database refused: {_first_line(error)}.") from None
    except UnicodeError:
        # From the codec for host names, about an empty or overlong label.
        raise ControlPlaneError("The database cannot be used: its host is no host name.") from None


def _first_line(error: psycopg.Error) -> str:
    """The server's own words, else the first of libpq's lines (one for each address tried)."""
    words = error.diag.message_primary or str(error).strip() or type(error).__name__
    return words.splitlines()[0].removeprefix("connection failed: ").rstrip(".")
