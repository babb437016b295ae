"""The connection to the database, on a real Postgres."""

import pytest
from psycopg.sql import SQL

from controlplane.connection import ControlPlaneError, UnreachableError, connected


def test_no_statement_is_prepared_however_often_it_runs(dsn: str) -> None:
    with connected(dsn, "read") as connection:
        for _ in range(10):
            connection.execute(
                "SELECT count(*) FROM nats_instances WHERE tenant_id = %s", ("acme",)
            )
        prepared = connection.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert prepared == [], (
        "a pooler by transactions gives the session, with its prepared statements, to others"
    )


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        pytest.param("08006", UnreachableError, id="the connection is lost"),
        pytest.param("08P01", UnreachableError, id="PgBouncer has lost the server"),
        pytest.param("53300", UnreachableError, id="all connections are taken"),
        pytest.param("57P01", UnreachableError, id="the server stops"),
        pytest.param("57P03", UnreachableError, id="the server starts"),
        pytest.param("53100", ControlPlaneError, id="its disk is full"),
        pytest.param("57014", ControlPlaneError, id="the statement took too long"),
    ],
)
def test_a_database_that_may_be_back_in_seconds_is_told_from_one_that_refuses(
    dsn: str, state: str, kind: type[ControlPlaneError]
) -> None:
    """PgBouncer hands on by its own connection what the server, or it itself, ends with."""
    with pytest.raises(ControlPlaneError) as caught, connected(dsn, "read") as connection:
        connection.execute(SQL("DO $$ BEGIN RAISE 'over' USING ERRCODE = {}; END $$").format(state))
    assert type(caught.value) is kind
    assert str(caught.value) == "The database cannot be used: over."
