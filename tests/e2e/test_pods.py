"""What a changed setting of the pods does, on the real engine and API server."""

import json
from typing import Any

from tests.e2e.conftest import NewProject
from tests.e2e.project import Project

SMALL = "{requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}%s}"
TENANTS = "tenants:\n  acme: {size: small}\n  globex: {size: other}\nsizes:\n"
BOTH = {
    "update Deployment nats-acme-1-deployment",
    "update Deployment nats-globex-1-deployment",
}
PROVIDER = {"update pulumi-python default"}
"""The engine gives the provider of the rows every setting of the stack; no row changes."""


def inventory(of_other: str = "") -> str:
    return f"{TENANTS}  small: {SMALL % ''}\n  other: {SMALL % of_other}\n"


def pods(project: Project) -> dict[str, Any]:
    """Each server's pod by its Deployment's name."""
    found = json.loads(project.kubectl("get", "pods", "--output=json"))["items"]
    return {each["metadata"]["labels"]["app.kubernetes.io/instance"]: each for each in found}


def test_a_setting_of_the_pods_restarts_every_server_once_and_that_of_a_size_its_own(
    new_project: NewProject,
) -> None:
    project = new_project(inventory())
    run = project.up()
    assert not run.failed, run.output
    before = pods(project)

    setting = {"labels": {"team": "platform"}, "spread": "nodes", "nodeLostSeconds": 30}
    project.configure({"pod": setting, "runAsUser": "none"})
    assert project.preview().changed == BOTH | PROVIDER
    run = project.up()
    assert (run.failed, run.changed) == (False, BOTH | PROVIDER), run.output
    between = pods(project)
    assert between.keys() == before.keys()
    for name, pod in between.items():
        assert pod["metadata"]["uid"] != before[name]["metadata"]["uid"], "it has restarted"
        assert pod["metadata"]["labels"]["team"] == "platform"
        assert "runAsUser" not in pod["spec"]["securityContext"]
        assert {each["tolerationSeconds"] for each in pod["spec"]["tolerations"]} == {30}
    assert project.up().changed == set()

    project.write(inventory(", tolerations: [{key: large, operator: Exists}]"))
    other = {"update Deployment nats-globex-1-deployment"}
    assert project.preview().changed == other
    run = project.up()
    assert (run.failed, run.changed) == (False, other), run.output
    after = pods(project)
    uids = {name: [each[name]["metadata"]["uid"] for each in (between, after)] for name in after}
    assert [len(set(each)) for each in (uids["nats-acme-1"], uids["nats-globex-1"])] == [1, 2]

    # The API server copies the name of the account into a second field.
    project.kubectl("create", "serviceaccount", "nats")
    for account in ({"serviceAccountName": "nats"}, {}):
        project.configure({"pod": setting | account})
        run = project.up()
        assert (run.failed, run.changed) == (False, BOTH | PROVIDER), run.output
        accounts = {each["spec"]["serviceAccountName"] for each in pods(project).values()}
        assert accounts == {account.get("serviceAccountName", "default")}

    project.write(inventory(", tolerations: [{operator: Exists}]"))
    run = project.up()
    assert run.failed
    assert (
        "sizes.other.tolerations[0] (*:*) tolerates a lost node too, and the stack's "
        "pod.nodeLostSeconds is 30"
    ) in run.output
    assert run.changes == []
