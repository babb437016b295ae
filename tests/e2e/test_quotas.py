"""A namespace with ResourceQuotas, which the real API server enforces."""

import json
from collections.abc import Mapping

from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.waiting import wait_until

TWO = f"tenants:\n  acme: {{size: small}}\n  globex: {{size: small}}\n{SIZES}"
THREE = TWO.replace("globex: {size: small", "globex: {instances: 2, size: small")
FOR_TWO = {
    "requests.cpu": "40m",
    "requests.memory": "192Mi",
    "limits.cpu": "400m",
    "limits.memory": "256Mi",
    "pods": "2",
    "services": "2",
    "configmaps": "3",  # Kubernetes has one of its own in each namespace
    "count/deployments.apps": "2",
    "count/networkpolicies.networking.k8s.io": "3",
}
"""Exactly what two servers with exporters ask for."""


def test_a_plan_that_fits_exactly_goes_through_and_one_more_server_is_refused_whole(
    new_project: NewProject,
) -> None:
    project = rationed(new_project, TWO, FOR_TWO)
    run = project.up()
    assert not run.failed, run.output
    assert "ResourceQuota" not in run.output
    wait_until(lambda: used(project, "pods") == "2")
    project.write(THREE)
    previewed = project.preview()
    assert not previewed.failed, previewed.output
    before = project.names()
    refused = project.up("--continue-on-error")
    assert refused.failed
    assert refused.changed == set()
    for run in (previewed, refused):
        assert "ResourceQuota team allows 40m requests.cpu; this plan needs 60m" in run.output
        assert "team allows 3 configmaps; this plan needs 3, others use 1" in run.output
        assert "team allows 2 count/deployments.apps; this plan needs 3" in run.output
        assert "networkpolicies" not in run.output, "there are as many as before"
    assert project.names() == before
    limit(project, {key: "1Gi" if "memory" in key else "4" for key in FOR_TWO})
    assert not project.up().failed


def test_a_server_that_restarts_beyond_a_quota_stays_away_and_that_was_told_before(
    new_project: NewProject,
) -> None:
    project = rationed(new_project, TWO, FOR_TWO)
    assert not project.up().failed
    wait_until(lambda: used(project, "pods") == "2")
    project.configure({"readyTimeout": "5s"})
    limit(project, {"pods": "1"})
    project.configure({"image": "nats:2.15.0-alpine"})
    for run in (project.preview(), project.up("--continue-on-error")):
        assert "team allows 1 pods; this plan needs 2. A server that restarts may not" in run.output
    assert run.failed
    wait_until(lambda: len(project.objects("pod")) == 1)


def test_a_plan_that_does_not_grow_is_not_refused(new_project: NewProject) -> None:
    project = rationed(new_project, THREE, {"pods": "5"})
    assert not project.up().failed
    wait_until(lambda: used(project, "pods") == "3")
    limit(project, {"pods": "2"})
    project.configure({"drain": "0s"})
    project.write(TWO)
    run = project.up()
    assert not run.failed, run.output
    assert (
        "team allows 2 pods; this plan needs 3, 1 of it until this `up` has removed" in run.output
    )
    wait_until(lambda: used(project, "pods") == "2")
    assert "ResourceQuota" not in project.up().output


def test_what_others_use_is_theirs_and_a_quota_of_a_priority_is_told(
    new_project: NewProject,
) -> None:
    project = rationed(new_project, TWO, {"pods": "3"})
    manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "urgent"},
        "spec": {
            "hard": {"pods": "0"},
            "scopeSelector": {
                "matchExpressions": [
                    {"scopeName": "PriorityClass", "operator": "In", "values": ["urgent"]}
                ]
            },
        },
    }
    apply(project, manifest)
    for name in ("one", "two"):
        project.kubectl("run", name, "--image=worker:1")
    wait_until(lambda: used(project, "pods") == "2")
    run = project.up()
    assert run.failed
    assert "team allows 3 pods; this plan needs 2, others use 2." in run.output
    assert "ResourceQuota urgent (scope PriorityClass) was not judged" in run.output
    assert project.names("deployment") == []
    project.kubectl("delete", "pod", "two")
    wait_until(lambda: used(project, "pods") == "1")
    assert not project.up().failed


def rationed(new_project: NewProject, inventory: str, hard: dict[str, str]) -> Project:
    """A project in a namespace that has a quota from the start."""
    project = new_project(inventory, namespaceMode="existing")
    project.kubectl("create", "namespace", project.namespace)
    wait_until(lambda: "default" in project.kubectl("get", "serviceaccounts"))
    limit(project, hard)
    return project


def limit(project: Project, hard: dict[str, str]) -> None:
    """Set the quota `team`, and wait until the controller has counted what is used of it."""
    project.kubectl("delete", "resourcequota", "team", "--ignore-not-found")
    apply(
        project,
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team"},
            "spec": {"hard": hard},
        },
    )
    wait_until(lambda: all(used(project, key) for key in hard))


def used(project: Project, resource: str) -> str:
    """What the quota says is used; empty until it is counted."""
    quota = json.loads(project.kubectl("get", "resourcequota", "team", "--output=json"))
    return quota.get("status", {}).get("used", {}).get(resource, "")


def apply(project: Project, manifest: Mapping[str, object]) -> None:
    file = project.folder / "manifest.json"
    file.write_text(json.dumps(manifest))
    project.kubectl("apply", f"--filename={file}")
