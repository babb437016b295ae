"""What tests of several kinds share: a real Postgres, and a database of its own for each test."""

import itertools
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from sandbox import database

NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def postgres() -> Generator[str]:
    """The administrator's connection string of a real server.

    Its `template_migrated` has the schema, and the roles may do there what they may.
    """
    # Not below pytest's own temporary folder: every pytest that starts makes that one private to
    # its user, and where the user is root, the server runs as another one.
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "data"
        yield _migrated(database.start(folder))
        database.stop(folder)


def _migrated(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_migrated")
    database.prepare(make_conninfo(dsn, dbname="template_migrated"))
    return dsn


@pytest.fixture(scope="session")
def new_database(postgres: str) -> NewDatabase:
    """Makes a database with the schema and no rows; returns the provisioner's connection string.

    `by_hand` in tests/controlplane/rows.py is for what the platform and its people do.
    """
    numbers = itertools.count(1)

    def create() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            statement = SQL("CREATE DATABASE {} TEMPLATE template_migrated")
            connection.execute(statement.format(Identifier(name)))
        return database.provisioner(make_conninfo(postgres, dbname=name))

    return create


@pytest.fixture
def dsn(new_database: NewDatabase) -> str:
    """A database with the schema and no rows, for one test; as the provisioner."""
    return new_database()


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the project."""
    return Path(__file__).resolve().parent.parent
