"""That hundreds of dynamic resources work in one program, on the real engine and a real database.

A provider that holds state ends in a RecursionError before the 500th: the SDK wraps its pickler
once more for each. One that is pickled by value did so at 313.
"""

from pathlib import Path

import pytest

from tests.controlplane.rows import execute
from tests.e2e.project import Project, Target
from tests.sweeps import ROUNDS

TENANTS = 1000 if ROUNDS else 600
PROGRAM = f"""\
from controlplane.records import InstanceRecord, TenantRecords
from tenancy.names import dns_name, domain

for number in range({TENANTS}):
    tenant = f"tenant-{{number}}"
    address = dns_name(tenant, 1, "many")
    records = [InstanceRecord(instance_number=1, dns_name=address)]
    TenantRecords(
        f"{{tenant}}-records", tenant_id=tenant, state="active", instances=records,
        domain=domain("many"), capacity=50, placement="pack",
    )
"""


@pytest.mark.sweep
def test_hundreds_of_tenants_in_one_program(target: Target, dsn: str, tmp_path: Path) -> None:
    project = Project(
        target, tmp_path / "project", namespace="many", dsn=dsn, settings={}, program=PROGRAM
    )
    assert not project.up().failed
    [(count,)] = execute(
        dsn, "SELECT count(DISTINCT tenant_id) FROM nats_instances WHERE status = 'active'"
    )
    assert count == TENANTS
    again = project.up()
    assert not again.failed, again.output
    assert again.changes == []
