"""A connection to the platform's database, and how its failures are reported."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL

_CONNECT_SECONDS = 5
_LOCK_TIMEOUT = "10s"
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
def connected(dsn: str) -> Generator[psycopg.Connection]:
    """A connection in a transaction of its own: committed at the end, rolled back on an error.

    Raises:
        ControlPlaneError: what went wrong, in one line.
    """
    try:
        with psycopg.connect(
            dsn,
            connect_timeout=_CONNECT_SECONDS,
            application_name="tenant-nats",
            # psycopg prepares a statement that has run five times, under a name in the server's
            # session. A pooler by transactions (PgBouncer) gives the session to others, who use
            # the same name.
            prepare_threshold=None,
            **_LIVENESS,
        ) as connection:
            # SET is no query: the isolation level of a snapshot must be set before the first one.
            connection.execute(SQL("SET LOCAL lock_timeout = {}").format(_LOCK_TIMEOUT))
            yield connection
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
