"""A database that asks for a password: a wrong one is told, and none is ever shown or stored.

A server has one role `careful`, so these tests go to one process (tests/scheduling.py).
"""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.controlplane.rows import by_hand
from tests.e2e.conftest import NewProject
from tests.e2e.test_refusals import ONE_INSTANCE, TWO_INSTANCES


def test_a_wrong_password_is_told_in_one_line_and_never_shown(
    new_project: NewProject, password_dsn: str
) -> None:
    project = new_project(ONE_INSTANCE, dsn=make_conninfo(password_dsn, password="not-this-one"))
    run = project.up()
    assert run.failed, run.output
    assert 'password authentication failed for user "careful"' in run.output
    assert "Traceback" not in run.output
    assert "not-this-one" not in run.output + project.exported_state()
    assert project.names() == []


def test_the_connection_string_is_in_no_state_preview_or_output(
    new_project: NewProject, password_dsn: str
) -> None:
    project = new_project(TWO_INSTANCES, dsn=password_dsn)
    project.store_secret_dsn()
    seen = [project.preview(), project.up(), project.refresh()]
    project.write(ONE_INSTANCE)
    seen += [project.up(), project.destroy()]
    for run in seen:
        assert not run.failed, run.output
    configuration = (project.folder / "Pulumi.e2e.yaml").read_text()
    assert "databaseUrl" in configuration, "the secret must have come by the stack's configuration"
    everything = "\n".join([project.exported_state(), configuration, *(r.output for r in seen)])
    assert "TenantRecords" in everything, "the state must have been looked at"
    assert "canary" not in everything


@pytest.fixture
def password_dsn(dsn: str) -> str:
    """A database whose server asks the role `careful` for its password, `canary-7f3a`."""
    with psycopg.connect(by_hand(dsn)) as connection:
        connection.execute("DROP ROLE IF EXISTS careful")
        connection.execute(
            "CREATE ROLE careful LOGIN IN ROLE tenant_nats_provisioner PASSWORD 'canary-7f3a'"
        )
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        with open(row[0], "r+") as file:  # noqa: PTH123
            rules = file.read()
            if "careful" not in rules:
                file.seek(0)
                file.write(f"local all careful scram-sha-256\n{rules}")
        connection.execute("SELECT pg_reload_conf()")
    return make_conninfo(dsn, user="careful", password="canary-7f3a")
