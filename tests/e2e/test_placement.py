"""Integrations belong to instances: the reference's scenarios, each one edit and one `up`."""

import json
import time
from collections.abc import Sequence

import psycopg

from sandbox import database
from tests.controlplane.rows import placed
from tests.e2e.conftest import NewProject
from tests.e2e.project import Operation, Project, Run

ACME = """\
tenants:
  acme: {%s, size: small}
  globex: {size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""
ONE, TWO = ACME % "instances: 1", ACME % "instances: 2"


def integrate(project: Project, count: int, *, number: int | None = None) -> None:
    """Make integrations of acme as the platform does, on an instance or on none."""
    project.execute(
        "INSERT INTO integrations (tenant_id, nats_instance_id) SELECT 'acme', ("
        "SELECT id FROM nats_instances WHERE tenant_id = 'acme' AND instance_number = %s) "
        "FROM generate_series(1, %s)",
        number,
        count,
    )


def assert_done(run: Run, *changed: str) -> None:
    assert not run.failed, run.output
    assert run.changed == set(changed), run.output


def test_the_reference_scenarios_grow_rebalance_and_shrink(new_project: NewProject) -> None:
    project = new_project(ONE, drain="0s")
    project.up()
    integrate(project, 50, number=1)
    integrate(project, 3)
    full = project.up()
    assert_done(full)
    assert "acme: 3 integrations have no instance, since there is no room (1 x 50)" in full.output

    # Scenario 1: past 50, a second instance takes what has none.
    project.write(ACME % "integrations: 53")
    preview = project.preview()
    assert "acme: 3 integrations to place" in preview.output
    assert placed(project.dsn) == {1: 50, None: 3}, "a preview moves nothing"
    grown = project.up()
    assert_done(
        grown,
        "create ConfigMap nats-acme-2-config",
        "create Deployment nats-acme-2-deployment",
        "create Service nats-acme-2-service",
        "update TenantRecords acme-records",
    )
    assert_finished_before(grown, "create Deployment nats-acme-2-deployment", "TenantRecords")
    assert placed(project.dsn) == {1: 50, 2: 3}
    assert project.preview().changes == []

    # Scenario 2: the load of one is shared by two.
    project.execute(
        "DELETE FROM integrations WHERE id IN "
        "(SELECT id FROM integrations ORDER BY id DESC LIMIT 3)"
    )
    project.write(ACME % "instances: 2, placement: spread")
    assert "acme: 25 move from 1 to 2" in project.preview().output
    assert_done(project.up(), "update TenantRecords acme-records")
    assert placed(project.dsn) == {1: 25, 2: 25}
    assert_done(project.up())

    # Scenario 3: back to one.
    project.write(ONE)
    assert "acme: 25 move from 2 to 1" in project.preview().output
    shrunk = project.up()
    assert_done(
        shrunk,
        "update TenantRecords acme-records",
        "delete ConfigMap nats-acme-2-config",
        "delete Deployment nats-acme-2-deployment",
        "delete Service nats-acme-2-service",
    )
    assert_finished_before(shrunk, "update TenantRecords acme-records", "Deployment")
    assert placed(project.dsn) == {1: 50}
    assert project.rows() == [("acme", 1, "active"), ("globex", 1, "active")]
    assert_done(project.up())


def test_what_does_not_fit_is_one_line_and_nothing_happens(new_project: NewProject) -> None:
    project = new_project(TWO)
    project.up()
    integrate(project, 40, number=1)
    integrate(project, 20, number=2)
    before = project.names(), project.rows(), placed(project.dsn)
    project.write(ONE)
    for run in (project.preview(), project.up()):
        assert run.failed
        assert run.changed == set()
        assert (
            "acme has 60 integrations, more than `instances: 1` holds (50 each): "
            "keep `instances: 2`"
        ) in run.output
        assert "Traceback" not in run.output
    assert (project.names(), project.rows(), placed(project.dsn)) == before


def test_workers_have_time_to_leave_before_their_server_goes(new_project: NewProject) -> None:
    project = new_project(TWO, drain="8s")
    project.up()
    integrate(project, 5, number=2)
    project.write(ONE)
    with psycopg.connect(database.worker(project.dsn), autocommit=True) as worker:
        worker.execute("LISTEN integration_moved")
        process = project.begin_up()
        told = [json.loads(each.payload) for each in worker.notifies(timeout=60, stop_after=5)]
        moved = time.monotonic()
        assert {each["tenant_id"] for each in told} == {"acme"}
        assert len({each["integration_id"] for each in told}) == 5
        assert project.rows()[:2] == [("acme", 1, "active"), ("acme", 2, "draining")]
        assert "Deployment/nats-acme-2" in project.names("deployment")
        while ("acme", 2, "draining") in project.rows():
            time.sleep(0.05)
        assert time.monotonic() - moved >= 6
    assert process.wait(120) == 0, project.said()
    assert project.names("deployment") == ["Deployment/nats-acme-1", "Deployment/nats-globex-1"]


def test_an_edit_that_is_taken_back_after_it_failed_half_way_leaves_no_trace(
    new_project: NewProject,
) -> None:
    """The engine remembers what it last wrote down, which is what the file says again."""
    project = new_project(TWO)
    project.up()
    project.execute("UPDATE nats_instances SET status = 'draining' WHERE instance_number = 2")
    project.execute(
        "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
        "SELECT tenant_id, 3, replace(dns_name, '-1.', '-3.'), 'active' FROM nats_instances "
        "WHERE tenant_id = 'acme' AND instance_number = 1"
    )
    assert "acme: instance 2 is draining, instance 3 to retire" in project.preview().output
    assert_done(project.up(), "update TenantRecords acme-records")
    assert project.rows() == [
        ("acme", 1, "active"),
        ("acme", 2, "active"),
        ("globex", 1, "active"),
    ]
    assert project.up().changes == []


def test_a_tenant_leaves_in_two_edits_and_comes_back(new_project: NewProject) -> None:
    project = new_project(TWO)
    project.up()
    integrate(project, 2, number=1)
    integrate(project, 1)
    live = project.names(), project.rows()

    gone = TWO.replace("  acme: {instances: 2, size: small}\n", "")
    project.write(gone)
    assert_refused(
        [project.preview(), project.up()],
        "acme is no longer in it and still has 2 instances and 3 integrations: put `acme` back, or "
        "keep it with `state: decommissioned` until that is deployed",
    )
    decommissioned = TWO.replace("instances: 2,", "instances: 2, state: decommissioned,")
    project.write(decommissioned)
    assert_refused(
        [project.preview(), project.up()],
        "acme is to be decommissioned and still has 3 integrations",
    )
    assert (project.names(), project.rows()) == live

    project.execute("DELETE FROM integrations")
    run = project.up()
    assert not run.failed, run.output
    assert "update TenantRecords acme-records" in run.changed
    assert "delete NetworkPolicy acme-policy" in run.changed
    assert {name for name in run.changed if "globex" in name} == set()
    assert_finished_before(run, "update TenantRecords acme-records", "Deployment")
    policy = Operation("delete", "NetworkPolicy", "acme-policy")
    for number in (1, 2):
        server = Operation("delete", "Deployment", f"nats-acme-{number}-deployment")
        assert run.order.index(("finished", server)) < run.order.index(("started", policy))
    terminated = [("acme", 1, "terminated"), ("acme", 2, "terminated"), ("globex", 1, "active")]
    assert project.rows() == terminated
    assert [name for name in project.names() if "acme" in name] == []
    assert project.up().changes == []
    assert not project.refresh().failed
    assert project.up().changes == []

    project.write(gone)
    assert_done(project.up(), "delete TenantRecords acme-records")
    assert project.rows() == terminated

    ids = project.execute("SELECT id FROM nats_instances WHERE tenant_id = 'acme' ORDER BY id")
    integrate(project, 1)
    project.write(ONE)
    back = project.up()
    assert not back.failed, back.output
    assert project.rows() == [
        ("acme", 1, "active"),
        ("acme", 2, "terminated"),
        ("globex", 1, "active"),
    ]
    assert placed(project.dsn) == {1: 1}
    again = project.execute("SELECT id FROM nats_instances WHERE tenant_id = 'acme' ORDER BY id")
    assert again == ids
    assert project.up().changes == []


def assert_refused(runs: Sequence[Run], words: str) -> None:
    for run in runs:
        assert run.failed
        assert words in run.output
        assert "Traceback" not in run.output
        assert run.changed == set()


def assert_finished_before(run: Run, first: str, then: str) -> None:
    """That `first` was done when the first change of the kind `then` began."""
    kind, type_name, name = first.split()
    done = run.order.index(("finished", Operation(kind, type_name, name)))
    begun = min(run.order.index(("started", step)) for step in run.changes if step.type == then)
    assert done < begun
