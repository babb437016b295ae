"""The records' provider killed, cut off or raising at every point of its work.

On the real engine and a real Postgres; the program is tenants' records and no server, since nothing
else has to do with the database. What has been broken is repaired the same way each time, by
`tenant-nats recover` and `up`, and ends in the state that no fault would have left.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenancy.edit.steps import PreviewError, preview_steps
from tests.conftest import NewDatabase
from tests.controlplane.rows import execute, placed
from tests.e2e.project import Project, Target
from tests.sweeps import swept

PROGRAM = """\
import json
from pathlib import Path

from controlplane.records import InstanceRecord, TenantRecords
from tenancy.names import dns_name, domain

for tenant, numbers in json.loads(Path("numbers.json").read_text()).items():
    TenantRecords(
        f"{tenant}-records", tenant_id=tenant, state="active", domain=domain("faults"),
        capacity=50, placement="pack",
        instances=[
            InstanceRecord(instance_number=number, dns_name=dns_name(tenant, number, "faults"))
            for number in numbers
        ],
    )
"""

POINTS = (
    "before-connecting",
    "after-begin",
    "after-the-first-statement",
    "while-reading",
    "after-commit",
)
STEPS: tuple[tuple[str, list[int]], ...] = (
    ("create", [1, 2]),
    ("update", [1]),
    ("read", [1]),
    ("update", [1, 2]),
    ("delete", []),
)
"""An operation at a time, and the instances that every tenant is to have when it is done."""

Life = Mapping[str, list[str]]
"""By tenant what is to happen to it in each of the `STEPS`: `kind point`."""


def killed(start: int) -> Life:
    """One tenant, which is killed in each step, each time at another point.

    One such life meets every point and every operation; five meet each point in each step.
    """
    return {"acme": [f"kill {POINTS[(start + step) % len(POINTS)]}" for step in range(len(STEPS))]}


def broken(start: int) -> Life:
    """A tenant for each point, cut off or raising there by turns; two such lives meet everything.

    What is killed takes the others with it. These do not, so they can be broken side by side.
    """
    kinds = ("cut", "raise")
    return {
        f"at-{point}": [
            f"{kinds[(start + place + step) % 2]} {point}" for step in range(len(STEPS))
        ]
        for place, point in enumerate(POINTS)
    }


@dataclass
class Stack:
    """The records of several tenants, and what is to happen to each."""

    project: Project
    faults: Path
    life: Life

    def want(self, numbers: list[int]) -> None:
        wanted = dict.fromkeys(self.life, numbers) if numbers else {}
        (self.project.folder / "numbers.json").write_text(json.dumps(wanted))

    def break_all(self, step: int) -> None:
        """Run until everything that is to happen has happened, the engine in between unrepaired."""
        operation, _ = STEPS[step]
        for tenant, faults in self.life.items():
            (self.faults / tenant).write_text(f"{faults[step]} {operation}")
        for _ in self.life:
            run = self.project.refresh() if operation == "read" else self.project.up()
            if not self.pending():
                break
            assert run.failed, run.output
        assert self.pending() == [], "every fault must have happened"

    def pending(self) -> list[str]:
        return [file.name for file in self.faults.iterdir()]

    def repair(self) -> None:
        """What the runbook says."""
        code, output = self.project.recover()
        assert code == 0, output
        up = self.project.up()
        assert not up.failed, up.output


@pytest.mark.sweep
@pytest.mark.parametrize(
    "life",
    [
        *swept([pytest.param(killed(n), id=f"killed {n}") for n in range(len(POINTS))], 1),
        *swept([pytest.param(broken(n), id=f"cut and raising {n}") for n in range(2)], 1),
    ],
)
def test_faults_of_the_provider_leave_nothing_that_recover_and_up_do_not_put_right(
    target: Target, new_database: NewDatabase, tmp_path: Path, life: Life
) -> None:
    stack = new_stack(target, new_database(), tmp_path, life)
    for step, (operation, numbers) in enumerate(STEPS):
        if step == 1:
            stack.project.execute(
                "INSERT INTO integrations (tenant_id, nats_instance_id) SELECT tenant_id, id "
                "FROM nats_instances, generate_series(1, 3) WHERE instance_number = 2"
            )
        if operation == "delete":
            stack.project.execute("DELETE FROM integrations")
        stack.want(numbers)
        stack.break_all(step)
        stack.repair()
        assert execute(
            stack.project.dsn,
            "SELECT tenant_id, instance_number, dns_name, status FROM nats_instances ORDER BY 1, 2",
        ) == [
            (tenant, number, f"nats-{tenant}-{number}.faults.svc.cluster.local:4222", "active")
            for tenant in sorted(life)
            for number in numbers
        ]
        for tenant in life:
            on_one = {} if operation in ("create", "delete") else {1: 3}
            assert placed(stack.project.dsn, tenant) == on_one
        preview = stack.project.preview()
        assert preview.changes == [], preview.output


def test_rows_that_the_provider_cannot_look_at_are_reported_once_and_make_the_guard_refuse(
    target: Target, new_database: NewDatabase, tmp_path: Path
) -> None:
    """The program has seen the database, and the provider then finds it gone: here, always."""
    stack = new_stack(target, new_database(), tmp_path, {"acme": [], "globex": []})
    stack.want([1])
    stack.project.use_database("postgresql://nobody@127.0.0.1:1/platform")
    preview = stack.project.pulumi("preview", "--json")
    said = [
        each["message"]
        for each in json.loads(preview)["diagnostics"]
        if "could not look at rows of tenant" in each["message"]
    ]
    assert len(said) == 1, "it waits for the database once, and not for each tenant"
    with pytest.raises(PreviewError, match="did not see all, so it proves nothing"):
        preview_steps(preview)


def new_stack(target: Target, dsn: str, tmp_path: Path, life: Life) -> Stack:
    """A stack of PROGRAM, with what breaks it on the path of every Python that it starts."""
    folder, faults = tmp_path / "project", tmp_path / "faults"
    project = Project(target, folder, namespace="faults", dsn=dsn, settings={}, program=PROGRAM)
    faults.mkdir()
    injection = Path(__file__).parent / "injection"
    project.env |= {"PYTHONPATH": str(injection), "TENANT_NATS_FAULTS": str(faults)}
    return Stack(project, faults, life)
