"""What the database itself enforces, whoever writes to it: as migrated, on a real Postgres."""

import json
from typing import Any

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from controlplane.schema import FOLDER, HEAD
from controlplane.store import InstanceRow
from sandbox import database
from tenancy.rows.lifecycle import STATUSES, TRANSITIONS, Status
from tests.controlplane.rows import ONE, TWO, by_hand, execute, insert, table


def test_the_last_revision_by_its_files_name_is_the_one_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_the_database_allows_the_transitions_of_the_code_and_no_other(
    dsn: str, before: Status, after: Status
) -> None:
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, before))
    if after == before or after in TRANSITIONS[before]:
        execute(dsn, "UPDATE nats_instances SET status = %s", after)
        assert table(dsn)[0][3] == after
    else:
        words = f"the status of acme instance 1 cannot go from {before} to {after}"
        with pytest.raises(psycopg.errors.CheckViolation, match=words):
            execute(dsn, "UPDATE nats_instances SET status = %s", after)


def test_a_status_that_is_none_is_refused(dsn: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "asleep"))


@pytest.mark.parametrize(
    ("status", "is_found"),
    [("provisioning", False), ("active", True), ("draining", True), ("terminated", False)],
)
def test_an_integration_finds_its_server_while_there_is_one(
    dsn: str, status: str, is_found: bool
) -> None:
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "draining"), integrations=1)
    # By way of what may follow `draining`; `provisioning` follows `terminated` only.
    for step in ("terminated", "provisioning") if status == "provisioning" else (status,):
        execute(dsn, "UPDATE nats_instances SET status = %s", step)
    found = execute(dsn, "SELECT tenant_id, instance_number, url FROM integration_servers")
    assert found == ([("acme", 1, f"nats://{ONE.dns_name}")] if is_found else [])


def test_an_integration_is_never_sent_to_another_tenants_server(dsn: str) -> None:
    row_id = insert(dsn, "acme", ONE)
    execute(
        dsn, "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('globex', %s)", row_id
    )
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES ('globex')")
    assert execute(dsn, "SELECT * FROM integration_servers") == []


def test_a_terminated_instance_takes_no_integration(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "terminated"))
    with pytest.raises(psycopg.errors.CheckViolation, match="terminated and takes no integration"):
        execute(
            dsn,
            "INSERT INTO integrations (tenant_id, nats_instance_id) SELECT 'acme', id "
            "FROM nats_instances",
        )


def test_a_tenant_finds_all_its_active_servers_and_no_other(dsn: str) -> None:
    insert(dsn, "acme", ONE)
    insert(dsn, "acme", InstanceRow(2, TWO.dns_name, "draining"))
    insert(dsn, "globex", InstanceRow(1, "nats-globex-1.x.svc.cluster.local:4222", "active"))
    servers = execute(dsn, "SELECT * FROM tenant_servers WHERE tenant_id = 'acme'")
    assert servers == [("acme", 1, f"nats://{ONE.dns_name}")]


def told_until_now(dsn: str, listener: psycopg.Connection) -> list[Any]:
    """The notifications of moves; they come in the order of the commits."""
    execute(dsn, "NOTIFY integration_moved, 'end'")
    told: list[Any] = []
    for each in listener.notifies(timeout=60):
        if each.payload == "end":
            return told
        told.append(json.loads(each.payload))
    raise AssertionError("no notification of the end has come")


def test_a_move_is_notified_once_it_is_committed_with_ids_only(dsn: str) -> None:
    first, second = insert(dsn, "acme", ONE), insert(dsn, "acme", TWO)
    with psycopg.connect(database.worker(dsn), autocommit=True) as listener:
        listener.execute("LISTEN integration_moved")
        [(integration,)] = execute(
            dsn,
            "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s) "
            "RETURNING id",
            first,
        )
        with psycopg.connect(by_hand(dsn)) as mover:
            # Told: the placement above, and one move. Not told: what changes nothing, and what is
            # rolled back.
            mover.execute("UPDATE integrations SET nats_instance_id = %s", (first,))
            mover.execute("UPDATE integrations SET nats_instance_id = %s", (second,))
            assert len(told_until_now(dsn, listener)) == 1
        execute(dsn, "INSERT INTO integrations (tenant_id) VALUES ('acme')")
        with psycopg.connect(by_hand(dsn)) as mover:
            mover.execute("UPDATE integrations SET nats_instance_id = %s", (first,))
            mover.rollback()
        told = told_until_now(dsn, listener)
    assert told == [{"tenant_id": "acme", "integration_id": integration}]
