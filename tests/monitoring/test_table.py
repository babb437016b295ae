"""The queries of the database's exporter, on a real Postgres and with a reader's rights."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL
from ruamel.yaml import YAML
from typer.testing import CliRunner

from controlplane.store import InstanceRow
from monitoring.table import sql_exporter
from operations.__main__ import app
from tests.controlplane import test_other_names
from tests.controlplane.rows import execute, insert
from tests.controlplane.test_platforms import UUID, altered, of_type
from tests.monitoring.sql import METRICS, scraped


def row(tenant: str, number: int, status: str, namespace: str = "vrsky-tenants") -> InstanceRow:
    host = f"nats-{tenant}-{number}.{namespace}.svc.cluster.local:4222"
    return InstanceRow(number, host, status)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def platform(dsn: str) -> str:
    """Two tenants of one stack and one of another; two integrations have no instance."""
    insert(dsn, "acme", row("acme", 1, "active"), integrations=3)
    insert(dsn, "acme", row("acme", 2, "draining"), integrations=1)
    insert(dsn, "acme", row("acme", 3, "terminated"))
    insert(dsn, "globex", row("globex", 1, "provisioning"))
    insert(dsn, "hooli", row("hooli", 1, "active", "eu-tenants"), integrations=2)
    insert(dsn, "gone", row("gone", 1, "terminated"))
    for tenant in ("acme", "acme", "unknown", "gone"):
        execute(dsn, "INSERT INTO integrations (tenant_id) VALUES (%s)", tenant)
    return dsn


def test_every_row_is_exported_with_its_status(platform: str) -> None:
    assert scraped(platform, "tenant_nats_row") == {
        ("vrsky-tenants", "acme", "1", "active"): 1,
        ("vrsky-tenants", "acme", "2", "draining"): 1,
        ("vrsky-tenants", "acme", "3", "terminated"): 1,
        ("vrsky-tenants", "globex", "1", "provisioning"): 1,
        ("eu-tenants", "hooli", "1", "active"): 1,
        ("vrsky-tenants", "gone", "1", "terminated"): 1,
    }


def test_integrations_are_counted_on_each_instance_that_is_not_terminated(platform: str) -> None:
    assert scraped(platform, "tenant_nats_integrations") == {
        ("vrsky-tenants", "acme", "1"): 3,
        ("vrsky-tenants", "acme", "2"): 1,
        ("vrsky-tenants", "globex", "1"): 0,
        ("eu-tenants", "hooli", "1"): 2,
    }


def test_integrations_without_an_instance_are_counted_for_each_tenant_that_is_not_gone(
    platform: str,
) -> None:
    assert scraped(platform, "tenant_nats_integrations_unplaced") == {
        ("vrsky-tenants", "acme"): 2,
        ("vrsky-tenants", "globex"): 0,
        ("eu-tenants", "hooli"): 0,
    }


def test_an_integration_on_another_tenants_row_is_without_an_instance(platform: str) -> None:
    execute(
        platform,
        """
        INSERT INTO integrations (tenant_id, nats_instance_id)
        SELECT 'globex', id FROM nats_instances WHERE tenant_id = 'acme' AND instance_number = 1
        """,
    )
    on_instances = scraped(platform, "tenant_nats_integrations")
    assert on_instances["vrsky-tenants", "acme", "1"] == 3
    assert on_instances["vrsky-tenants", "globex", "1"] == 0
    unplaced = scraped(platform, "tenant_nats_integrations_unplaced")
    assert unplaced["vrsky-tenants", "globex"] == 1
    assert unplaced["vrsky-tenants", "acme"] == 2


def test_there_is_always_one_figure_when_the_tables_can_be_read(platform: str) -> None:
    assert scraped(platform, "tenant_nats_table_rows") == {(): 6 + 10}


@pytest.mark.parametrize("metric", METRICS)
def test_empty_tables_have_no_other_samples(dsn: str, metric: str) -> None:
    assert scraped(dsn, metric) == ({(): 0} if metric == "tenant_nats_table_rows" else {})


def test_no_connection_string_is_in_the_file() -> None:
    dsn = sql_exporter()["target"]["data_source_name"]
    assert dsn == "postgres://given-by-SQLEXPORTER_TARGET_DSN"


def test_a_platforms_own_types_are_read_as_text(dsn: str) -> None:
    """An enum without our word `terminated`, and ids that are uuid in one table only."""
    altered(
        dsn,
        *of_type("uuid")[:1],
        "CREATE TYPE status AS ENUM ('active', 'gone')",
        "ALTER TABLE nats_instances ALTER status TYPE status USING status::status",
    )
    insert(dsn, UUID, row(UUID, 1, "active"), integrations=2)
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES (%s)", UUID)
    assert scraped(dsn, "tenant_nats_row") == {("vrsky-tenants", UUID, "1", "active"): 1}
    assert scraped(dsn, "tenant_nats_integrations") == {("vrsky-tenants", UUID, "1"): 2}
    assert scraped(dsn, "tenant_nats_integrations_unplaced") == {("vrsky-tenants", UUID): 1}


theirs, hostile = test_other_names.theirs, test_other_names.hostile


def test_a_platforms_own_tables_and_words_give_series_with_ours(
    hostile: str, tmp_path: Path
) -> None:
    """Whatever the login's search path finds first."""
    settings = tmp_path / "Pulumi.prod.yaml"
    settings.write_text(
        "config: {tenant-nats:database: {schema: NatsHub, tables: {instances: Server, "
        "integrations: order}, statuses: {terminated: gone, draining: going away}}}\n"
    )
    printed = CliRunner().invoke(app, ["sql-exporter", "--settings", str(settings)])
    assert printed.exit_code == 0, printed.output
    execute(hostile, 'ALTER TABLE "NatsHub"."Server" DROP CONSTRAINT nats_instances_status_check')
    for number, status in enumerate(("active", "going away", "gone"), 1):
        execute(
            hostile,
            'INSERT INTO "NatsHub"."Server" (tenant_id, instance_number, dns_name, status) '
            "VALUES ('acme', %s, %s, %s)",
            number,
            row("acme", number, "active").dns_name,
            status,
        )
    execute(
        hostile,
        'INSERT INTO "NatsHub"."order" (tenant_id, nats_instance_id) '
        'SELECT tenant_id, id FROM "NatsHub"."Server"',
    )
    content: dict[str, Any] = YAML(typ="safe").load(printed.stdout)
    found: dict[str, list[Any]] = {}
    with psycopg.connect(hostile) as connection:
        for metric in content["collectors"][0]["metrics"]:
            rows = connection.execute(SQL(metric["query"])).fetchall()
            found[metric["metric_name"]] = sorted(rows)
    place = ("vrsky-tenants", "acme")
    assert found == {
        "tenant_nats_row": [
            (*place, "1", "active", 1), (*place, "2", "draining", 1), (*place, "3", "terminated", 1)
        ],
        "tenant_nats_integrations": [(*place, "1", 1), (*place, "2", 1)],
        "tenant_nats_table_rows": [(6,)],
        "tenant_nats_integrations_unplaced": [(*place, 0)],
    }  # fmt: skip


def test_the_default_of_the_command_is_the_file() -> None:
    printed: dict[str, Any] = YAML(typ="safe").load(
        CliRunner().invoke(app, ["sql-exporter"]).stdout.replace('"', "")
    )
    assert printed["collectors"] == sql_exporter()["collectors"]
