"""The tables, as Alembic migrations.

The platform owns its schema: these create it where it is missing, in the local stack and the tests.
"""

from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent
HEAD = max(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*.py"))
"""The last revision; each file's name begins with its own."""


def migrate(dsn: str, revision: str = HEAD) -> None:
    """Bring the database at `dsn` to `revision`; what is applied already is left alone."""
    if _revision(dsn) == revision:
        return
    # Here, since they take a second to import, and mostly there is nothing to do.
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _revision(dsn: str) -> str | None:
    """The revision that Alembic noted in the database; None if it never ran there."""
    with psycopg.connect(dsn) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return row[0] if row else None
