"""A changed setting restarts all servers at once, or those of one tenant after the other's."""

import os
import signal
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest

from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project, Run, Settings
from tests.waiting import wait_until

OLDER, NEWER = "nats:2.15.0-alpine", "nats:2.15.1-alpine"
THREE = f"""\
tenants:
  acme: {{size: small}}
  globex: {{instances: 2, size: small}}
  hooli: {{size: small}}
{SIZES}"""
SERVERS = ("nats-acme-1", "nats-globex-1", "nats-globex-2", "nats-hooli-1")
Moments = list[set[str]]
"""The servers without a ready pod, at each moment that the API server told a change of."""


@pytest.mark.parametrize("rollout", ["serial", "parallel"])
def test_two_tenants_are_without_a_server_at_once_only_in_parallel(
    new_project: NewProject, rollout: str
) -> None:
    project = new_project(THREE, rollout=rollout, image=OLDER)
    assert not project.up().failed
    project.configure({"image": NEWER})
    with watching(project) as moments:
        run = project.up()
        assert not run.failed, run.output
    assert images(project) == dict.fromkeys(SERVERS, NEWER)
    if rollout == "serial":
        # What the API server tells may leave out a restart that is over at once, so this shows no
        # overlap, and the engine's own order below shows one.
        assert all(len({tenant_of(each) for each in down}) <= 1 for down in moments())
    restarts = spans(run, "update")
    assert set(restarts) == {f"{server}-deployment" for server in SERVERS}
    assert bool(overlapping(restarts)) == (rollout == "parallel")
    assert project.up().changed == set()


def test_a_preview_tells_which_servers_a_setting_restarts(
    new_project: NewProject, tmp_path: Path
) -> None:
    project = new_project(THREE, image=OLDER)
    assert not project.up().failed
    file = tmp_path / "preview.json"

    def judged(settings: Settings) -> str:
        project.configure(settings)
        file.write_text(project.pulumi("preview", "--json", "--show-sames"))
        code, said = project.operations("guard", "--head", "tenants.yaml", "--preview", str(file))
        assert code == 0, said
        return said

    nothing = "Nothing here needs an approval."
    assert judged({"service": {"labels": {"team": "a"}}}).strip() == nothing
    said = judged({"image": NEWER, "pod": {"nodeSelector": {"pool": "nats"}}})
    assert said.split("\n")[:2] == [
        "4 servers of 3 tenants restart, since their pods change (nats.image, nodeSelector): all "
        "at once, or with `rollout` `serial` one tenant after the other.",
        nothing,
    ]


def test_a_tenant_whose_server_does_not_come_back_holds_up_none_after_it(
    new_project: NewProject,
) -> None:
    project = new_project(THREE, rollout="serial", image=OLDER)
    assert not project.up().failed
    project.configure({"image": NEWER, "readyTimeout": "10s", "drain": "0s"})
    edited = THREE.replace("acme: {", "acme: {state: decommissioned, ")
    edited = edited.replace("instances: 2, size: small", "instances: 2, size: huge")
    project.write(edited.replace("  hooli", "  wayne: {size: small}\n  hooli"))
    run = project.up("--continue-on-error")
    assert run.failed, "it ends red"
    assert "nats-globex-1-deployment" in run.output
    assert images(project) == {
        "nats-globex-1": NEWER,
        "nats-globex-2": NEWER,
        "nats-hooli-1": NEWER,
        "nats-wayne-1": NEWER,
    }
    assert not overlapping(spans(run, "update")), "each tenant waits for the one before"
    [(_, new), *_] = spans(run, "create").values()
    assert new < spans(run, "update")["nats-hooli-1-deployment"][0], "a new tenant waits for none"
    assert [row for row in project.rows() if row[0] != "globex"] == [
        ("acme", 1, "terminated"),
        ("hooli", 1, "active"),
        ("wayne", 1, "active"),
    ]


def test_without_continue_on_error_it_stops_at_the_first_that_does_not_come_back(
    new_project: NewProject,
) -> None:
    project = new_project(THREE, rollout="serial", image=OLDER)
    assert not project.up().failed
    project.configure({"image": NEWER, "readyTimeout": "10s"})
    project.write(THREE.replace("acme: {size: small", "acme: {size: huge"))
    assert project.up().failed
    expected = dict.fromkeys(SERVERS, OLDER) | {"nats-acme-1": NEWER}
    assert images(project) == expected


def test_one_that_is_stopped_half_way_goes_on_at_the_next_up(new_project: NewProject) -> None:
    project = new_project(THREE, rollout="serial", image=OLDER)
    assert not project.up().failed
    project.configure({"image": NEWER})
    project.write(THREE.replace("globex: {instances: 2, size: small", "globex: {size: huge"))
    engine = project.begin_up()
    wait_until(lambda: images(project)["nats-globex-1"] == NEWER)
    os.killpg(engine.pid, signal.SIGINT)
    assert engine.wait(60) != 0, project.said()
    stopped = images(project)
    assert (stopped["nats-acme-1"], stopped["nats-hooli-1"]) == (NEWER, OLDER)
    project.write(THREE)
    run = project.up()
    assert not run.failed, run.output
    assert images(project) == dict.fromkeys(SERVERS, NEWER)
    assert not [each for each in run.changed if "acme" in each]


@contextmanager
def watching(project: Project) -> Generator[Callable[[], Moments]]:
    """Watch the Deployments meanwhile; what is yielded tells the moments until then."""
    log = project.folder / "watched"
    with log.open("wb") as file:
        watch = subprocess.Popen(
            [project.target.kubectl, f"--kubeconfig={project.target.kubeconfig}",
             f"--namespace={project.namespace}", "get", "deployments", "--watch",
             '--output=jsonpath={.metadata.name}={.status.availableReplicas}{"\\n"}'],
            stdout=file,
        )  # fmt: skip
    try:
        wait_until(lambda: len(log.read_text().split()) >= len(SERVERS))
        yield lambda: moments_in(log)
    finally:
        watch.kill()
        watch.wait()


def moments_in(log: Path) -> Moments:
    down: set[str] = set()
    moments: Moments = []
    for line in log.read_text().split():
        name, _, available = line.partition("=")
        down = down - {name} if available == "1" else down | {name}
        moments.append(down)
    return moments


def tenant_of(server: str) -> str:
    return server.split("-")[1]


def images(project: Project) -> dict[str, str]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in project.objects("deployment")
    }


def spans(run: Run, kind: str) -> dict[str, tuple[int, int]]:
    """When each Deployment was begun and done with, as places in the order of the run."""
    begun: dict[str, int] = {}
    done: dict[str, int] = {}
    for place, (moment, step) in enumerate(run.order):
        if step.type == "Deployment" and step.kind == kind:
            (begun if moment == "started" else done)[step.name] = place
    return {name: (place, done.get(name, len(run.order))) for name, place in begun.items()}


def overlapping(those: dict[str, tuple[int, int]]) -> list[tuple[str, str]]:
    return [
        (one, other)
        for one, other in combinations(those, 2)
        if tenant_of(one) != tenant_of(other)
        if those[one][0] < those[other][1] and those[other][0] < those[one][1]
    ]
