"""A worker of a tenant that lists keys and has a certificate, at a real server."""

from pathlib import Path

from controlplane.store import InstanceRow
from sandbox import database
from tests.controlplane.rows import execute, insert
from tests.nats.certificates import new_authority
from tests.nats.keys import new_key
from tests.nats.server import planned_tenants, running
from tests.workers.conftest import Command
from tests.workers.program import working


def test_a_worker_shows_its_key_and_checks_the_certificate(
    command: Command, dsn: str, tmp_path: Path
) -> None:
    key, authority = new_key(), new_authority()
    seed, trusted = tmp_path / "worker.seed", tmp_path / "ca.crt"
    seed.write_text(f"{key.seed}\n")
    trusted.write_text(authority.pem())
    authority.issue(tmp_path)
    tenant = {"tls": {"secretName": "acme-tls"}, "clients": {"nkeys": (key.public,)}}
    [plan] = planned_tenants({"acme": tenant})
    environment = {"NATS_NKEY_SEED_FILE": str(seed), "NATS_CA_FILE": str(trusted)}
    with running(plan.config, tmp_path) as server:
        address = f"127.0.0.1:{server.client_port}"
        insert(dsn, "acme", InstanceRow(1, address, "active"), integrations=1)
        execute(dsn, "UPDATE nats_instances SET tls = true")
        with working(command, database.worker(dsn), tmp_path, environment=environment) as worker:
            worker.wait_for("joined", url=f"tls://{address}")
            assert worker.stop() == 0
            assert key.seed not in worker.output()
