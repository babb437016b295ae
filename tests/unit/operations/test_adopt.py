"""What `adopt` says of a cluster with another domain; kubectl and the table are stand-ins."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cluster.kubectl import Kubectl
from operations.__main__ import app
from tenancy.names import dns_name
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tests.unit.takeover.test_survey import deployment, policy, service


@pytest.fixture(autouse=True)
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the old scripts made in a cluster whose domain is corp.example."""
    address = dns_name("acme", 1, "vrsky-tenants", "corp.example")
    row = RecordedInstance(
        tenant_id="acme", instance_number=1, dns_name=address, status="active", integrations=3
    )

    def get(*_: object) -> list[dict[str, Any]]:
        return [deployment(), service(), policy()]

    def snapshot(_: str, **__: object) -> Snapshot:
        return Snapshot(instances=(row,))

    monkeypatch.setattr(Kubectl, "get", get)
    monkeypatch.setattr("operations.adopt.take_snapshot", snapshot)
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@localhost/none")


def adopted(*options: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["adopt", "--json", *options])
    return result.exit_code, json.loads(result.stdout)


def test_its_rows_are_ours_and_the_stack_is_to_have_its_domain() -> None:
    code, told = adopted("--cluster-domain", "corp.example")
    assert code == 0
    assert told["tenants"][0]["obstacles"] == []
    assert told["settings"][:2] == [
        "pulumi config set namespace vrsky-tenants",
        "pulumi config set clusterDomain corp.example",
    ]
    said = CliRunner().invoke(app, ["adopt", "--cluster-domain", "corp.example"]).stdout
    assert "--cluster-domain corp.example --write tenants.yaml" in said


def test_the_printed_step_looks_at_the_same_place_with_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("the stack.yaml").write_text("config: {tenant-nats:clusterDomain: corp.example}\n")
    looked = ("--namespace", "vrsky-tenants", "--context", "$(id)", "--settings", "the stack.yaml")
    said = CliRunner().invoke(app, ["adopt", *looked]).stdout
    [step] = [line.strip() for line in said.splitlines() if "--write" in line]
    domain = ("--cluster-domain", "corp.example")
    assert shlex.split(step) == [
        "tenant-nats", "adopt", *looked, *domain, "--write", "tenants.yaml",
    ]  # fmt: skip
    group: Any = typer.main.get_command(app)
    carried = {option for option in step.split() if option.startswith("--")}
    known = {option for each in group.commands["adopt"].params for option in each.opts}
    assert known - carried == {"--patch", "--json"}


def test_without_the_domain_the_obstacle_names_the_option() -> None:
    code, told = adopted()
    assert code == 5
    [obstacle] = told["tenants"][0]["obstacles"]
    assert "give `--cluster-domain corp.example`" in obstacle["remedy"]
    assert not any("clusterDomain" in command for command in told["settings"])
