"""That a thousand dynamic resources work in one program, on the real engine and a real database.

A provider that holds state, or is pickled by value, ends in a RecursionError at about 313 of them.
"""

from pathlib import Path

import pytest
from pulumi import automation

from sandbox.layout import PROJECT
from tests.controlplane.rows import execute
from tests.e2e.project import Target

PROGRAM = """\
from controlplane.records import InstanceRecord, TenantRecords
from tenancy.names import dns_name, domain

for number in range(1000):
    tenant = f"tenant-{number}"
    address = dns_name(tenant, 1, "many")
    records = [InstanceRecord(instance_number=1, dns_name=address)]
    TenantRecords(
        f"{tenant}-records", tenant_id=tenant, state="active", instances=records,
        domain=domain("many"), capacity=50, placement="pack",
    )
"""


@pytest.fixture
def stack(target: Target, dsn: str, tmp_path: Path) -> automation.Stack:
    for name in ("Pulumi.yaml", ".venv", "tenancy", "controlplane"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "state").mkdir()
    env = {
        **target.env,
        "DATABASE_URL": dsn,
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "e2e",
    }
    options = automation.LocalWorkspaceOptions(env_vars=env)
    return automation.create_stack("many", work_dir=str(tmp_path), opts=options)


def test_a_thousand_tenants_in_one_program(stack: automation.Stack, dsn: str) -> None:
    stack.up(parallel=32)
    [(count,)] = execute(
        dsn, "SELECT count(DISTINCT tenant_id) FROM nats_instances WHERE status = 'active'"
    )
    assert count == 1000
    changes = stack.up().summary.resource_changes
    assert changes == {"same": 1001}
