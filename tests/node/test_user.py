"""`runAsUser: none` on a real kubelet: who runs the servers and the Jobs of `verify`, or nobody."""

import json

from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.node.node import USER, WITH_USER

TENANTS = f"""\
tenants:
  acme: {{size: small}}
{SIZES}"""


def test_they_run_as_whom_the_image_names_and_an_image_that_names_nobody_does_not_run(
    new_project: NewProject,
) -> None:
    project: Project = new_project(TENANTS)
    project.configure({"runAsUser": "none", "readyTimeout": "20s"})
    run = project.up()
    assert run.failed
    assert "container has runAsNonRoot and image will run as root" in waiting(project)

    labels = {"labels": {"team": "platform"}}
    project.configure({"image": WITH_USER, "readyTimeout": "3m", "pod": labels})
    run = project.up()
    assert not run.failed, run.output
    told = project.kubectl(
        "exec", "deployment/nats-acme-1", "--", "grep", "^Uid:", "/proc/1/status"
    )
    assert told.split() == ["Uid:", *[USER] * 4]

    asked = ("verify", "--namespace", project.namespace)
    settings = ("--settings", str(project.folder / "Pulumi.e2e.yaml"))
    code, said = project.operations(*asked, *settings)
    assert code == 0, said
    assert {line[0] for line in said.splitlines()} == {"✓"}, said
    assert "✓ nats-acme-1: another tenant refused" in said


def waiting(project: Project) -> str:
    """For what the containers of the server wait."""
    [pod] = json.loads(project.kubectl("get", "pods", "--output=json"))["items"]
    return json.dumps([each["state"] for each in pod["status"]["containerStatuses"]])
