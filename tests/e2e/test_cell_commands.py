"""Commands that ask the engine, for the stacks of a cell: `deployed`, `drift` and `recover`."""

import json
import subprocess
from typing import Any

from tests.e2e.cell import CELL, Cell


def commit(cell: Cell) -> None:
    """Record the inventories; what is linked into the folder is no part of the repository."""
    folder = cell.any.folder
    who = ("-c", "user.name=e2e", "-c", "user.email=e2e", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / ".git" / "info" / "exclude").write_text("*\n")
    for command in (["add", "--force", "inventory"], [*who, "commit", "--quiet", "-m", "an edit"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_what_a_shard_has_and_what_differs_in_a_cell_are_told(cell: Cell) -> None:
    cell.write("001", "acme")
    cell.write("002", "hooli")
    commit(cell)
    cell.up("base", "001", "002")
    first = (cell.folder / "001.yaml").read_text()
    cell.write("001", "acme", "globex")
    commit(cell)
    run = cell.any.operations
    shard = f"{CELL}-001"
    assert run("deployed", f"inventory/{CELL}/001.yaml", "--stack", shard) == (0, first)
    cell.up("001")
    code, said = run("deployed", f"inventory/{CELL}/001.yaml", "--stack", shard)
    assert (code, said) == (0, (cell.folder / "001.yaml").read_text())

    nothing = f"Nothing in the 3 stacks of {CELL} differs from what they say.\n"
    assert run("drift", "--cell", CELL, "--report", "drift.md") == (0, nothing)
    assert (cell.any.folder / "drift.md").read_text() == ""
    assert run("drift", "--stack", shard) == (
        0,
        f"Nothing in {shard} differs from what the stack says.\n",
    )

    cell.any.kubectl("delete", "service", "nats-hooli-1")
    cell.any.kubectl("delete", "limitrange", "--all")
    cell.write("003", "initech")
    code, said = run("drift", "--cell", CELL, "--at-once", "2", "--report", "drift.md")
    assert code == 1, said
    assert "- create Service `nats-hooli-1-service`" in said.partition(f"in {CELL}-002")[2], said
    base = said.partition(f"in {CELL}-base")[2].partition(f"in {CELL}-002")[0]
    assert "- create LimitRange" in base
    unread = said.partition("could not be checked")[2]
    assert f"- {CELL}-003: " in unread, "its stack was never made"
    assert (cell.any.folder / "drift.md").read_text() == said


def test_recover_of_a_shard_records_what_its_dead_engine_made_and_tells_programs(
    cell: Cell,
) -> None:
    """While the other shard has objects in the namespace that this state lacks too."""
    cell.write("001", "acme", "globex")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    before = cell.identities()
    member = cell.member("001")

    def interrupt(deployment: dict[str, Any]) -> None:
        """As if the engine had died after it made a Service, and before it wrote that down."""
        resources: list[dict[str, Any]] = deployment["resources"]
        [made] = [each for each in resources if each["urn"].endswith("::nats-globex-1-service")]
        deployment["resources"] = [each for each in resources if each is not made]
        for each in deployment["resources"]:
            dependencies: list[str] = each.get("dependencies") or []
            each["dependencies"] = [urn for urn in dependencies if urn != made["urn"]]
            by_property: dict[str, list[str]] = each.get("propertyDependencies") or {}
            each["propertyDependencies"] = {
                key: [urn for urn in urns if urn != made["urn"]]
                for key, urns in by_property.items()
                if urns
            }
        note = {key: made[key] for key in ("urn", "type", "custom", "parent", "inputs", "provider")}
        deployment["pending_operations"] = [{"type": "creating", "resource": note}]

    member.edit_state(interrupt)
    code, said = member.recover("--json")
    assert code == 0, said
    told = json.loads(said)
    assert told["exit_code"] == 0
    assert told["done"] == [
        "Interrupted while creating nats-globex-1-service: Service "
        f"{cell.namespace}/nats-globex-1 is there, and recorded now."
    ]
    again = member.up()
    assert not again.failed, again.output
    assert cell.identities() == before
    settings = sorted(file.name for file in cell.any.folder.glob("Pulumi.*"))
    assert settings == [f"Pulumi.{CELL}.yaml", "Pulumi.yaml"]


def test_recover_tells_of_a_tenant_that_is_in_no_state_of_its_shard_and_takes_nothing(
    cell: Cell,
) -> None:
    """It may well be in that of another shard, as in the middle of a move."""
    cell.write("001", "acme")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    before = cell.identities()
    cell.write("002", "hooli", "acme")
    code, said = cell.member("002").recover("--json")
    assert code == 0, said
    [line] = json.loads(said)["done"]
    assert line == (
        "acme has 4 objects that this state lacks. An `up` leaves alone what another stack of the "
        "cell has in its state, and takes over what no state has."
    )
    assert not any("acme" in urn for urn in cell.member("002").recorded())
    assert cell.identities() == before
