"""An engine that is killed, what it leaves, and that `tenant-nats recover` and `up` put it right.

Invariant 6: after a crash at any point, one documented command and `up` end in the state that no
crash would have left: no duplicate, no orphan, in the cluster or the database.
"""

import json
import os
import random
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tenancy.inventory.validation import load
from tenancy.plan.plan import Plan, expand
from tests.controlplane.rows import by_hand
from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.sweeps import swept
from tests.waiting import wait_until

FIVE_TENANTS = f"""\
tenants:
  acme: {{instances: 2, size: small}}
  globex: {{size: small}}
  hooli: {{size: small}}
  initech: {{size: small}}
  stark: {{size: small}}
  umbrella: {{size: huge}}
{SIZES}"""
"""The server of the sixth never becomes ready, so that an `up` goes on until it is killed."""
SIX_TENANTS = FIVE_TENANTS.replace("umbrella: {size: huge}", "umbrella: {size: small}")
WAITING = f"tenants:\n  acme: {{size: small}}\n  globex: {{size: huge}}\n{SIZES}"
"""The Deployment of globex is made and never becomes ready, so an `up` waits for it."""
READY = WAITING.replace("size: huge", "size: small")
WITHOUT_GLOBEX = READY.replace("  globex: {size: small}\n", "")
GLOBEX_LEAVES = READY.replace("globex: {", "globex: {state: decommissioned, ")
LOCKED = "LOCK TABLE nats_instances IN EXCLUSIVE MODE"

_OURS = ("configmap", "deployment", "service", "networkpolicy")


def plan_of(project: Project) -> Plan:
    return expand(load(project.folder / "tenants.yaml"), namespace=project.namespace)


def planned_objects(plan: Plan) -> list[str]:
    names = ["NetworkPolicy/tenant-nats-closed"]
    for tenant in plan.tenants:
        names.append(f"NetworkPolicy/tenant-nats-isolation-{tenant.id}")
        for instance in tenant.instances:
            names += [f"Deployment/{instance.name}", f"Service/{instance.name}"]
            names.append(f"ConfigMap/{instance.config_map_name}")
    return sorted(names)


def planned_rows(plan: Plan) -> list[tuple[str, int, str]]:
    return sorted(
        (instance.tenant, instance.number, "active")
        for tenant in plan.tenants
        for instance in tenant.instances
    )


def kill(engine: subprocess.Popen[bytes]) -> None:
    """What a kill -9, or the machine's out-of-memory killer, does to the engine and nobody else."""
    engine.kill()
    engine.wait()


def kill_while(project: Project, is_so: Callable[[], bool]) -> None:
    engine = project.begin_up()
    wait_until(is_so)
    kill(engine)


def waits_for_globex(project: Project) -> Callable[[], bool]:
    """Whether all but globex is done, whose Deployment is there and noted as being made.

    And whether the state was written a second ago: a kill while the engine writes leaves files that
    only `recover` clears, so that a plain `pulumi cancel` fails. Random kills meet that moment.
    """

    def is_so() -> bool:
        there = "Deployment/nats-globex-1" in project.names("deployment")
        is_settled = time.time_ns() - project.written() > 1_000_000_000
        return there and is_settled and ("acme", 1, "active") in project.rows()

    return is_so


def uid(project: Project, name: str) -> str:
    return project.kubectl("get", name, "-o", "jsonpath={.metadata.uid}")


def revision(deployment: Any) -> str:
    """How many pod templates a Deployment has had: 1 as long as its server was never rolled."""
    return deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]


def pending(project: Project) -> list[dict[str, Any]]:
    deployment = json.loads(project.pulumi("stack", "export"))["deployment"]
    return deployment.get("pending_operations", [])


def assert_as_if_nothing_had_happened(project: Project) -> None:
    plan = plan_of(project)
    run = project.up()
    assert not run.failed, run.output
    assert project.names(*_OURS) == planned_objects(plan)
    assert sorted(project.rows()) == planned_rows(plan)
    assert pending(project) == []
    assert project.preview().changes == []


@pytest.mark.sweep
@pytest.mark.parametrize("kills", swept([5], 1))
def test_an_up_that_is_killed_again_and_again_ends_well(
    new_project: NewProject, kills: int, drawn: random.Random
) -> None:
    """Each `up` goes on where the one before was killed, so one life meets every phase."""
    project = new_project(FIVE_TENANTS)
    for number in range(kills):
        kill_after(project, (number + drawn.random()) / kills, pause=drawn.uniform(0, 0.3))
        code, said = project.recover()
        print(f"--- {number + 1}. of {kills}\n{said}")  # noqa: T201
        assert code == 0, said
        wait_until(lambda: project.processes() == [])
    project.write(SIX_TENANTS)
    assert_as_if_nothing_had_happened(project)


@pytest.mark.sweep
@pytest.mark.parametrize("moment", swept(range(10), 1))
def test_an_up_that_is_killed_once_ends_well(
    new_project: NewProject, moment: int, drawn: random.Random
) -> None:
    project = new_project(FIVE_TENANTS)
    kill_after(project, (moment + drawn.random()) / 10, pause=drawn.uniform(0, 0.3))
    code, said = project.recover()
    assert code == 0, said
    wait_until(lambda: project.processes() == [])
    project.write(SIX_TENANTS)
    assert_as_if_nothing_had_happened(project)


def kill_after(project: Project, share: float, *, pause: float) -> None:
    """Kill an `up` when the state has this share of what it can have, and a little later.

    At the soonest when it has written something: until then, for half of its time, the program is
    being loaded, and a kill leaves but a lock.
    """
    plan = plan_of(project)
    # And the namespace and its LimitRange; less the Deployment and the records of umbrella.
    most = len(planned_objects(plan)) + len(plan.tenants) + 2 - 2
    written = project.written()
    engine = project.begin_up()
    wait_until(
        lambda: (
            engine.poll() is not None
            or (project.written() != written and len(project.recorded()) >= share * most)
        )
    )
    time.sleep(pause)
    assert engine.poll() is None, project.said()
    kill(engine)


def test_what_was_made_but_not_recorded_is_recorded_and_not_made_again(
    new_project: NewProject,
) -> None:
    project = new_project(WAITING)
    kill_while(project, waits_for_globex(project))
    made = uid(project, "deployment/nats-globex-1")
    code, said = project.recover()
    assert code == 0, said
    assert "The lock of a dead engine is removed: pid " in said
    assert "Processes that a dead engine left are ended: " in said
    assert f"Deployment {project.namespace}/nats-globex-1 is there, and recorded now." in said
    assert project.recover() == (0, "There is nothing to recover.\n")
    project.write(READY)
    assert_as_if_nothing_had_happened(project)
    assert uid(project, "deployment/nats-globex-1") == made


def test_what_somebody_let_the_engine_forget_is_told_and_goes_when_they_say_so(
    new_project: NewProject,
) -> None:
    project = new_project(WAITING)
    kill_while(project, waits_for_globex(project))
    project.pulumi("cancel", "--yes")
    project.pulumi("refresh", "--yes", "--clear-pending-creates")
    project.write(WITHOUT_GLOBEX)
    found = f"Deployment {project.namespace}/nats-globex-1"
    # It could be of another stack in this namespace, so somebody has to say that it is not.
    code, said = project.recover()
    assert code == 0, said
    assert f"nothing asks for it: {found}." in said
    [command] = re.findall(r": (kubectl .*delete .*)", said)
    environment = {**os.environ, **project.env, "KUBECONFIG": project.target.kubeconfig}
    subprocess.run(shlex.split(command), env=environment, check=True)
    assert_as_if_nothing_had_happened(project)
    assert project.recover() == (0, "There is nothing to recover.\n")


def test_a_state_that_was_made_to_forget_every_object_gets_them_back(
    new_project: NewProject,
) -> None:
    project = new_project(WAITING)
    kill_while(project, waits_for_globex(project))
    made = [each["metadata"]["uid"] for each in project.objects(*_OURS)]

    def forget(deployment: dict[str, Any]) -> None:
        del deployment["pending_operations"]
        deployment["resources"] = [
            {**each, "dependencies": [], "propertyDependencies": {}}
            for each in deployment["resources"]
            if not each["type"].startswith("kubernetes:")
        ]

    # What `--clear-pending-creates` leaves, and beyond: the state of a backup.
    project.edit_state(forget)
    code, said = project.recover()
    assert code == 0, said
    assert f"Made, but not recorded: Deployment {project.namespace}/nats-globex-1" in said
    project.write(READY)
    assert_as_if_nothing_had_happened(project)
    assert [each["metadata"]["uid"] for each in project.objects(*_OURS)] == made


def test_a_state_that_was_lost_is_made_anew_from_what_is_there(new_project: NewProject) -> None:
    project = new_project(READY)
    assert not project.up().failed
    made = [each["metadata"]["uid"] for each in project.objects(*_OURS)]
    project.pulumi("stack", "import", stdin='{"version": 3, "deployment": {}}')
    code, said = project.recover()
    assert (code, "Not recovered: the state is empty, but " in said) == (1, True), said
    assert "run `pulumi up` once" in said
    # Here the plugin records what is there; one that says `already exists` leaves it to `recover`.
    run = project.up()
    assert not run.failed or "already exists" in run.output, run.output
    code, said = project.recover()
    assert code == 0, said
    assert_as_if_nothing_had_happened(project)
    assert [each["metadata"]["uid"] for each in project.objects(*_OURS)] == made
    assert {revision(each) for each in project.objects("deployment")} == {"1"}, "no server restarts"
    project.write(READY.replace("acme: {size: small}", "acme: {size: small, instances: 2}"))
    assert_as_if_nothing_had_happened(project)


def test_rows_that_nobody_had_written_yet_are_never_written(new_project: NewProject) -> None:
    project = new_project(READY)
    with psycopg.connect(by_hand(project.dsn)) as somebody:
        somebody.execute(LOCKED)
        kill_while(project, lambda: len(waiting_for_a_lock(project)) == 2)
        project.write(WITHOUT_GLOBEX)
        code, said = project.recover()
    assert code == 0, said
    assert "creating globex-records: TenantRecords globex is not there" in said
    # The plugins were at it still. Nobody may write a row after `recover` has looked.
    wait_until(lambda: project.processes() == [])
    assert project.rows() == []
    assert_as_if_nothing_had_happened(project)


def test_rows_of_which_the_engine_did_not_hear_are_recorded_and_leave_in_two_edits(
    new_project: NewProject,
) -> None:
    project = new_project(READY)
    with psycopg.connect(by_hand(project.dsn)) as somebody:
        somebody.execute(LOCKED)
        kill_while(project, lambda: len(waiting_for_a_lock(project)) == 2)
        # As if both had come through; two statements that the plugins would have run.
        project.kill_all()
        somebody.execute(
            "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
            "SELECT name, 1, format('nats-%%s-1.%%s.svc.cluster.local:4222', name, %s::text), "
            "'active' FROM unnest(ARRAY['acme', 'globex']) AS name",
            (project.namespace,),
        )
        somebody.commit()
        project.write(WITHOUT_GLOBEX)
        code, said = project.recover()
    # Both are live, so the program refuses to let one go just like that; what was found is kept.
    assert code == 1, said
    for tenant in ("acme", "globex"):
        found = f"TenantRecords {tenant} is there, and recorded now"
        assert f"creating {tenant}-records: {found}" in said
    assert "Not all is recovered: " in said
    assert "put `globex` back, or keep it with `state: decommissioned`" in said
    project.write(GLOBEX_LEAVES)
    assert project.recover() == (0, "There is nothing to recover.\n")
    assert not project.up().failed
    assert project.rows() == [("acme", 1, "active"), ("globex", 1, "terminated")]
    project.write(WITHOUT_GLOBEX)
    assert not project.up().failed
    assert project.names(*_OURS) == planned_objects(plan_of(project))
    assert project.preview().changes == []


def waiting_for_a_lock(project: Project) -> list[tuple[Any, ...]]:
    return project.execute(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()"
    )


def test_a_configuration_that_was_being_replaced_ends_as_one(new_project: NewProject) -> None:
    project = new_project(READY)
    assert not project.up().failed
    note = {"type": "creating", "resource": make_next_configuration(project, 7)}
    project.edit_state(lambda deployment: deployment.update(pending_operations=[note]))
    found = f"ConfigMap {project.namespace}/{configuration_of_acme(project)}"
    code, said = project.recover()
    assert code == 0, said
    assert f"{found} is there" in said
    assert_as_if_nothing_had_happened(project)
    # Again, and somebody has let the engine forget: it is still no orphan.
    make_next_configuration(project, 8)
    found = f"ConfigMap {project.namespace}/{configuration_of_acme(project)}"
    code, said = project.recover()
    assert code == 0, said
    assert f"Made, but not recorded: {found}; recorded now." in said
    assert_as_if_nothing_had_happened(project)


def make_next_configuration(project: Project, max_connections: int) -> dict[str, Any]:
    """Edit the size of acme and make its next ConfigMap; returns what the engine had noted."""
    limits = f"64Mi}}, maxConnections: {max_connections}}}\n  huge"
    project.write(READY.replace("64Mi}}\n  huge", limits))
    [old] = [
        each
        for each in json.loads(project.pulumi("stack", "export"))["deployment"]["resources"]
        if each["urn"].endswith("::nats-acme-1-config")
    ]
    new = {**old, "inputs": json.loads(json.dumps(old["inputs"]))}
    new["inputs"]["metadata"]["name"] = configuration_of_acme(project)
    new["inputs"]["data"] = {"nats.conf": plan_of(project).tenants[0].instances[0].config}
    manifest = project.folder / "config-map.json"
    manifest.write_text(json.dumps(new["inputs"]))
    project.kubectl("apply", "-f", str(manifest))
    del new["id"], new["outputs"]
    return new


def configuration_of_acme(project: Project) -> str:
    return plan_of(project).tenants[0].instances[0].config_map_name


def test_an_engine_that_lives_is_named_and_left_alone(new_project: NewProject) -> None:
    project = new_project(WAITING)
    engine = project.begin_up()
    wait_until(waits_for_globex(project))
    second = project.up_with_preview()
    assert "the stack is currently locked by 1 lock(s)" in second
    assert f"(pid {engine.pid})" in second
    before = project.exported_state()
    code, said = project.recover("--engine-is-dead")
    assert code == 3
    assert f"pid {engine.pid} of " in said
    assert "Nothing was done" in said
    assert engine.poll() is None
    assert project.exported_state() == before
    kill(engine)


def test_a_lock_of_another_machine_is_left_alone_until_somebody_knows(
    new_project: NewProject,
) -> None:
    project = new_project(WITHOUT_GLOBEX)
    lock = project.lock(pid=1, username="ci", hostname="another-machine")
    code, said = project.recover()
    assert code == 4
    assert "pid 1 of ci on another-machine" in said
    assert lock.exists()
    code, said = project.recover("--engine-is-dead")
    assert code == 0, said
    assert not lock.exists()


def test_a_file_cut_short_does_not_stop_the_recovery(new_project: NewProject) -> None:
    project = new_project(WITHOUT_GLOBEX)
    project.lock()
    for file in project.state.glob(".pulumi/stacks/*/e2e.json.attrs"):
        file.write_text("")
    code, said = project.recover()
    assert code == 0, said
    assert "e2e.json.attrs" in said
    assert project.recover() == (0, "There is nothing to recover.\n")


def test_on_a_healthy_stack_there_is_nothing_to_recover(new_project: NewProject) -> None:
    project = new_project(WITHOUT_GLOBEX)
    assert not project.up().failed
    project.write(READY)  # an edit that nobody has deployed yet is no leftover
    before = project.exported_state()
    assert project.recover() == (0, "There is nothing to recover.\n")
    assert project.exported_state() == before
