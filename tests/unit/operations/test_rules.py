"""`rules`: the rules of Prometheus for an inventory."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from monitoring.rule_file import rules
from operations.__main__ import app
from tenancy.inventory.validation import load

TENANTS = """\
tenants:
  acme: {}
  globex: {size: large}
sizes:
  large: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "4", memory: 8Gi}}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "tenants.yaml"
    file.write_text(TENANTS)
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rules", *arguments])


def test_the_rules_are_printed_as_a_file_of_prometheus(inventory: Path) -> None:
    result = run("--inventory", str(inventory), "--namespace", "eu-tenants")
    assert result.exit_code == 0
    printed = YAML(typ="safe").load(result.stdout)  # pyright: ignore[reportUnknownVariableType]
    assert printed == rules(load(inventory), "eu-tenants")
    assert "200000 * group by" in result.stdout, "globex has twice the CPU"


def test_programs_get_the_same_as_json(inventory: Path) -> None:
    result = run("--inventory", str(inventory), "--json")
    assert json.loads(result.stdout) == rules(load(inventory), "vrsky-tenants")


def test_a_wrong_inventory_has_no_rules(inventory: Path) -> None:
    inventory.write_text("tenants: {}\n")
    result = run("--inventory", str(inventory))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "tenants" in result.stderr
