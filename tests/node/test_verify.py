"""`verify` on a real node: its Jobs run in containers, and kube-router rejects packets."""

import os
import time

import pytest

from cluster.kubectl import Kubectl, LiveObject
from operations.verification import probes
from tenancy.defaults import IMAGE
from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.node.node import Node

TENANTS = f"""\
tenants:
  acme: {{instances: 2, size: small}}
  globex: {{size: small}}
{SIZES}"""
SERVERS = ("nats-acme-1", "nats-acme-2", "nats-globex-1")
OPEN: LiveObject = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "spec": {"podSelector": {}, "ingress": [{}]},
}
LIMIT_SECONDS = 6
"""Of a Job that is to fail, in place of a minute."""


@pytest.fixture
def project(new_project: NewProject) -> Project:
    """Two tenants with three servers, deployed."""
    project: Project = new_project(TENANTS)
    run = project.up()
    assert not run.failed, run.output
    return project


def test_it_shows_everything_of_servers_that_are_as_they_should_be(project: Project) -> None:
    began = time.monotonic()
    code, said = project.operations("verify", "--namespace", project.namespace)
    seconds = time.monotonic() - began
    assert code == 0, said
    for server in SERVERS:
        for check in ("publish and subscribe", "same tenant admitted", "another tenant refused"):
            assert f"✓ {server}: {check}" in said, said
    assert {line[0] for line in said.splitlines()} == {"✓"}, said
    # Two rounds of Jobs, of about 13 s. Each has 60 s, on a busy machine too.
    assert seconds < 90, said
    assert project.names("job") == []


def test_a_policy_that_admits_everybody_is_found(project: Project, node: Node) -> None:
    node.access.apply([OPEN | {"metadata": {"name": "open", "namespace": project.namespace}}])
    code, said = project.operations("verify", "acme", "--namespace", project.namespace)
    assert code == 5, said
    for server in SERVERS[:2]:
        assert f"✓ {server}: same tenant admitted" in said, said
        assert f"✗ {server}: another tenant refused" in said, said


def test_the_pods_of_one_tenant_are_refused_by_the_servers_of_another(project: Project) -> None:
    asked = {
        (own, server): probes.job(
            probes.Probe(
                name=f"{own}-asks-{server}",
                host=f"{server}.{project.namespace}.svc.cluster.local",
                tenant=own,
                is_admitted=own in server,
            ),
            image=IMAGE,
        )
        for own in ("acme", "globex")
        for server in SERVERS
    }
    assert probes.run(kubectl(project), project.namespace, [*asked.values()]) == {}
    # The same question with the contrary expected: the probes can tell.
    for (own, server), job in asked.items():
        job["metadata"]["name"] += "-contrary"
        contrary = probes.Probe(name="", host="", tenant=own, is_admitted=own not in server)
        [container] = job["spec"]["template"]["spec"]["containers"]
        [other] = probes.job(contrary, image=IMAGE)["spec"]["template"]["spec"]["containers"]
        container["command"] = other["command"]
    wrong = probes.run(kubectl(project), project.namespace, [*asked.values()])
    assert {name: problem.has_run for name, problem in wrong.items()} == {
        job["metadata"]["name"]: True for job in asked.values()
    }


def test_a_job_past_its_limit_ends_at_once_and_says_that_its_pod_ran(project: Project) -> None:
    probe = probes.Probe(name="late", host="", tenant="acme", is_admitted=True)
    job = probes.job(probe, image=IMAGE)
    job["spec"]["activeDeadlineSeconds"] = LIMIT_SECONDS
    # `sh` as the first process of a container ignores SIGTERM.
    [container] = job["spec"]["template"]["spec"]["containers"]
    container["command"] = ["sh", "-c", "sleep 600; exit"]
    began = time.monotonic()
    wrong = probes.run(kubectl(project), project.namespace, [job])
    seconds = time.monotonic() - began
    assert wrong["late"].words.startswith("the pod of the Job ran, but did not end within")
    assert not wrong["late"].has_run
    # Less than the grace of 30 s that a pod gets by default.
    assert seconds < LIMIT_SECONDS + 15
    project.kubectl("wait", "--for=delete", "pod", "--selector=job-name=late", "--timeout=20s")


def test_jobs_whose_image_is_missing_are_no_success(project: Project) -> None:
    code, said = project.operations(
        "verify", "globex", "--namespace", project.namespace, "--image", "nobody.invalid/nc:1"
    )
    assert code == 1, said
    for check in ("same tenant admitted", "another tenant refused"):
        assert f"- nats-globex-1: {check}: no pod of the Job ran to its end: the image" in said
    assert "✗" not in said
    assert project.names("job") == []


def kubectl(project: Project) -> Kubectl:
    """As `verify` uses it."""
    return Kubectl(project.target.context, {**os.environ, **project.target.env})
