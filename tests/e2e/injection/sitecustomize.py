"""Breaks operations of the records' provider, each once, in whatever process it runs.

Python imports this at its start, from PYTHONPATH. In the folder TENANT_NATS_FAULTS a file that is
called as a tenant says in one line what is to happen to it, `kind point operation`; the file is
removed when it happens.
"""

import inspect
import os
import signal
from pathlib import Path
from typing import Any

import psycopg

_FOLDER = Path(os.environ["TENANT_NATS_FAULTS"])
_OPERATIONS = {"create", "read", "update", "delete"}


def _operation() -> tuple[str, str] | None:
    """The provider's operation that is running in this thread, and the tenant that it is about."""
    frame = inspect.currentframe()
    while frame and (frame := frame.f_back):
        code, values = frame.f_code, frame.f_locals
        if code.co_name in _OPERATIONS and code.co_filename.endswith("controlplane/records.py"):
            tenant = values.get("_id") or values.get("id_") or values["props"]["tenant_id"]
            return code.co_name, tenant
    return None


def _at(point: str, connection: "psycopg.Connection[Any] | None" = None) -> None:
    found = _operation()
    if found is None:
        return
    operation, tenant = found
    file = _FOLDER / tenant
    if not file.exists():
        return
    kind, wanted_point, wanted_operation = file.read_text().split()
    if (point, operation) != (wanted_point, wanted_operation):
        return
    file.unlink()
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "raise":
        raise RuntimeError("injected")
    if connection is None:
        raise psycopg.OperationalError("connection failed: injected")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))


_connect, _commit = psycopg.connect, psycopg.Connection.commit
_execute, _fetchall = psycopg.Cursor.execute, psycopg.Cursor.fetchall
_statements = "_statements_of_this_transaction"


def connect(*args: Any, **options: Any) -> Any:
    _at("before-connecting")
    return _connect(*args, **options)


def commit(self: Any) -> None:
    _commit(self)
    _at("after-commit", self)


def execute(self: Any, *args: Any, **options: Any) -> Any:
    result = _execute(self, *args, **options)
    connection = self.connection
    count = getattr(connection, _statements, 0) + 1
    setattr(connection, _statements, count)
    # The first only sets the time that a lock is waited for: with it comes the BEGIN.
    if count <= 2:
        _at({1: "after-begin", 2: "after-the-first-statement"}[count], connection)
    return result


def fetchall(self: Any) -> Any:
    _at("while-reading", self.connection)
    return _fetchall(self)


psycopg.connect = connect
psycopg.Connection.commit = commit  # pyright: ignore[reportAttributeAccessIssue]
psycopg.Cursor.execute = execute  # pyright: ignore[reportAttributeAccessIssue]
psycopg.Cursor.fetchall = fetchall  # pyright: ignore[reportAttributeAccessIssue]
