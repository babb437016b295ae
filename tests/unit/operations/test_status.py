"""What `status` prints about what it could read, and about what it could not."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cluster.kubectl import ClusterError, Kubectl
from operations.__main__ import app
from tenancy.names import dns_name
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tests.unit.operations.cells import cell, tenants

CLUSTER = [
    {"kind": "Deployment", "metadata": {"name": "nats-acme-1"}, "status": {"readyReplicas": 1}},
    {"kind": "Service", "metadata": {"name": "nats-acme-1"}},
]
NO_CLUSTER = "The cluster could not be looked at: refused."
NO_TABLE = "The table could not be looked at: No database is named"


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory of one tenant, with neither a cluster nor a database to look at."""
    file = tmp_path / "tenants.yaml"
    file.write_text("tenants:\n  acme: {}\n")
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def refuse(*_: object) -> list[dict[str, Any]]:
        raise ClusterError("refused")

    monkeypatch.setattr(Kubectl, "get", refuse)
    return file


@pytest.fixture
def cluster(inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster in which the tenant's server is ready."""
    del inventory

    def get(*_: object) -> list[dict[str, Any]]:
        return CLUSTER

    monkeypatch.setattr(Kubectl, "get", get)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with the tenant's row."""
    address = dns_name("acme", 1, "vrsky-tenants")
    row = RecordedInstance(
        tenant_id="acme", instance_number=1, dns_name=address, status="active", integrations=3
    )

    def snapshot(_: str, **__: object) -> Snapshot:
        return Snapshot(instances=(row,))

    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@localhost/none")
    monkeypatch.setattr("operations.status.take_snapshot", snapshot)


def status(inventory: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["status", "--inventory", str(inventory), *more])


def last_line(result: Result) -> str:
    return result.stdout.splitlines()[-1]


def test_nothing_is_said_to_agree_if_only_the_inventory_could_be_read(inventory: Path) -> None:
    result = status(inventory)
    assert result.exit_code == 1
    assert last_line(result) == "1 instance: only the inventory could be read."
    assert NO_CLUSTER in result.stderr
    assert NO_TABLE in result.stderr


@pytest.mark.usefixtures("cluster")
def test_if_one_of_the_two_was_read_all_agree_as_far_as_could_be_seen(inventory: Path) -> None:
    result = status(inventory)
    assert result.exit_code == 1
    assert last_line(result) == "1 instance: all agree, as far as could be seen."


@pytest.mark.usefixtures("cluster", "table")
def test_if_everything_was_read_all_agree(inventory: Path) -> None:
    result = status(inventory)
    assert (result.exit_code, last_line(result)) == (0, "1 instance: all agree.")


@pytest.mark.usefixtures("cluster", "table")
def test_all_files_of_a_cell_are_one_inventory(inventory: Path, tmp_path: Path) -> None:
    cell(tmp_path, {"001": tenants(acme=""), "002": tenants(globex="")})
    result = status(tmp_path / "inventory/eu", "--json")
    assert result.exit_code == 5
    told = json.loads(result.stdout)["instances"]
    assert [(each["tenant"], each["server"]) for each in told] == [
        ("globex", "missing"),
        ("acme", "ready"),
    ]
    (tmp_path / "inventory/eu/003.yaml").write_text(inventory.read_text())
    for command in ("status", "verify"):
        refused = CliRunner().invoke(app, [command, "--inventory", str(tmp_path / "inventory/eu")])
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "tenant acme: " in refused.stderr


def test_json_has_what_could_not_be_read(inventory: Path) -> None:
    result = status(inventory, "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    told = json.loads(result.stdout)
    assert [each["server"] for each in told["instances"]] == ["unseen"]
    assert told["problems"][0] == NO_CLUSTER
    assert told["problems"][1].startswith(NO_TABLE)


@pytest.mark.usefixtures("cluster", "table")
def test_json_has_no_problem_if_everything_was_read(inventory: Path) -> None:
    told = json.loads(status(inventory, "--json").stdout)
    assert (told["problems"], [each["row"] for each in told["instances"]]) == ([], ["active"])


@pytest.mark.usefixtures("cluster", "table")
def test_rows_of_another_cluster_domain_are_explained_by_the_option_that_is_missing(
    inventory: Path, tmp_path: Path
) -> None:
    result = status(inventory, "--cluster-domain", "corp.example")
    assert result.exit_code == 5
    assert last_line(result) == (
        "1 row has the cluster domain cluster.local. If that is the stack's `clusterDomain`, "
        "give `--cluster-domain cluster.local`, or `--settings Pulumi.STACK.yaml`."
    )
    settings = tmp_path / "Pulumi.prod.yaml"
    settings.write_text("config: {tenant-nats:clusterDomain: corp.example}\n")
    assert status(inventory, "--settings", str(settings)).exit_code == 5
    both = ("--settings", str(settings), "--cluster-domain", "cluster.local")
    assert status(inventory, *both).exit_code == 0
    settings.write_text("config: {tenant-nats:clusterDomain: Corp}\n")
    refused = status(inventory, "--settings", str(settings))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "config.tenant-nats:clusterDomain is " in refused.stderr


@pytest.mark.parametrize("command", ["status", "verify", "adopt"])
def test_an_option_that_is_no_cluster_domain_is_wrong_usage(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--cluster-domain", "corp.example."])
    assert result.exit_code == 2
    assert "for example cluster.local" in " ".join(result.stderr.replace("│", " ").split())
