"""The tables, as Alembic migrations.

The platform owns its schema: these create it where it is missing, in the local stack and the tests.
"""

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config


def migrate(dsn: str, revision: str = "head") -> None:
    """Bring the database at `dsn` to `revision`; what is applied already is left alone."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
