"""The connection to the database, on a real Postgres."""

from controlplane.connection import connected


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
