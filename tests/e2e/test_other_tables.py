"""A stack whose platform renames its tables, and whose password comes from a command."""

from pathlib import Path

from psycopg.conninfo import make_conninfo

from tests.controlplane.rows import execute
from tests.controlplane.test_other_names import MOVED, SERVERS
from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES

TWO = "tenants:\n  acme: {size: small}\n  globex: {size: small}\n" + SIZES
THREE = TWO.replace("  globex", "  hooli: {size: small}\n  globex")
PASSWORD = "hunter2"


def test_a_platform_renames_its_tables_and_the_next_up_changes_nothing(
    new_project: NewProject, tmp_path: Path
) -> None:
    project = new_project(TWO)
    assert not project.up().failed
    for statement in MOVED:
        execute(project.dsn, statement)
    execute(project.dsn, 'GRANT USAGE ON SCHEMA "NatsHub" TO tenant_nats_owner, provisioner')
    refused = project.up()
    assert refused.failed
    assert "no table public.nats_instances" in refused.output
    assert "Traceback" not in refused.output

    tables = {"instances": "Server", "integrations": "order"}
    project.configure({"database": {"schema": "NatsHub", "tables": tables}})
    command = tmp_path / "url.sh"
    dsn = make_conninfo(project.dsn, password=PASSWORD)
    command.write_text(f'#!/bin/sh\necho run >>"$0.runs"\necho "{dsn}"\n')
    command.chmod(0o755)
    del project.env["DATABASE_URL"]
    project.env["DATABASE_URL_COMMAND"] = str(command)
    renamed = project.up()
    # The engine notes the configuration of the provider, which is no object and no row.
    noted = {"update pulumi-python default"}
    assert (renamed.failed, renamed.changed - noted) == (False, set()), renamed.output

    runs = Path(f"{command}.runs")
    runs.unlink()
    project.write(THREE)
    grown = project.up()
    assert "create TenantRecords hooli-records" in grown.changed, grown.output
    assert runs.read_text().count("run") == 2, "once for the program, and once for the provider"
    assert execute(project.dsn, SERVERS) == [
        (tenant, 1, "active") for tenant in ("acme", "globex", "hooli")
    ]
    told = renamed.output + grown.output
    for file in project.state.rglob("*"):
        told += file.read_text(errors="replace") if file.is_file() else ""
    assert PASSWORD not in told

    command.write_text(f"#!/bin/sh\necho {PASSWORD} >&2\nexit 7\n")
    failed = project.up()
    assert failed.failed
    assert "of DATABASE_URL_COMMAND ended with exit code 7; run it by hand" in failed.output
    assert PASSWORD not in failed.output
    command.write_text(f'#!/bin/sh\necho "{dsn}"\n')
    assert not project.destroy().failed
    assert execute(project.dsn, SERVERS) == []
