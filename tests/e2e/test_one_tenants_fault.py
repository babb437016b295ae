"""What one tenant lacks holds up no other tenant, and what depends on it is never removed."""

import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest

from controlplane.store import InstanceRow
from tests.controlplane.rows import by_hand, execute, insert
from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project

BEFORE = f"""\
tenants:
  acme: {{instances: 2, size: small}}
  globex: {{size: small}}
  hooli: {{size: small}}
{SIZES}"""


def after(globex: str) -> str:
    """Acme shrinks, globex is edited, hooli leaves, wayne is new."""
    return f"""\
tenants:
  acme: {{size: small}}
  globex: {{{globex}}}
  hooli: {{size: small, state: decommissioned}}
  wayne: {{size: small}}
{SIZES}"""


@contextmanager
def nothing(_: Project) -> Generator[None]:
    """The edit itself is the fault."""
    yield


@contextmanager
def locked_row(project: Project) -> Generator[None]:
    """A row that has to be put right, and that somebody holds."""
    execute(project.dsn, "UPDATE nats_instances SET status = 'draining' WHERE tenant_id = 'globex'")
    with psycopg.connect(by_hand(project.dsn)) as somebody:
        somebody.execute("SELECT 1 FROM nats_instances WHERE tenant_id = 'globex' FOR UPDATE")
        yield


@contextmanager
def strangers_row(project: Project) -> Generator[None]:
    insert(project.dsn, "globex", InstanceRow(2, "nats.example.com:4222", "active"))
    yield


@contextmanager
def strangers_service(project: Project) -> Generator[None]:
    project.kubectl("create", "service", "clusterip", "nats-globex-2", "--tcp=4222")
    yield


@contextmanager
def relabelled_policy(project: Project) -> Generator[None]:
    """Somebody has made a policy their own, on which a whole tenant depends."""
    project.kubectl(
        "label", "networkpolicy/tenant-nats-isolation-globex", "app.kubernetes.io/part-of-"
    )
    yield


@pytest.mark.parametrize(
    ("globex", "fault", "words"),
    [
        ("size: huge", nothing, "timed out waiting for the condition"),
        ("size: small", locked_row, "Another transaction has held rows"),
        ("size: small, instances: 2", strangers_row, "this program did not make"),
        ("size: small, instances: 2", strangers_service, "Service nats-globex-2"),
        ("size: small, egress: open", relabelled_policy, "tenant-nats-isolation-globex"),
    ],
    ids=[
        "no node holds its server",
        "a locked row",
        "a stranger's row",
        "a stranger's Service",
        "a stranger's policy",
    ],
)
def test_it_holds_up_no_other_tenant(
    new_project: NewProject,
    globex: str,
    fault: Callable[[Project], AbstractContextManager[None]],
    words: str,
) -> None:
    project = new_project(BEFORE)
    assert not project.up().failed
    project.configure({"readyTimeout": "10s", "drain": "0s"})
    project.write(after(globex))
    with fault(project):
        foreign = strangers(project)
        previewed = project.preview()
        assert not previewed.failed, previewed.output
        for _ in range(2):
            run = project.up("--continue-on-error")
            assert run.failed, "it ends red"
            assert words in run.output
        assert strangers(project) == foreign, "what is somebody else's is as it was"
    there = project.names("deployment")
    assert {"Deployment/nats-acme-1", "Deployment/nats-wayne-1"} <= {*there}
    assert {"Deployment/nats-acme-2", "Deployment/nats-hooli-1"}.isdisjoint(there)
    # What globex had stays, whatever failed: its server, its policy, its row.
    assert "Deployment/nats-globex-1" in there
    assert "NetworkPolicy/tenant-nats-isolation-globex" in project.names("networkpolicy")
    assert [row for row in project.rows() if row[0] != "globex"] == [
        ("acme", 1, "active"),
        ("hooli", 1, "terminated"),
        ("wayne", 1, "active"),
    ]
    assert ("globex", 1) in [row[:2] for row in project.rows()]


def strangers(project: Project) -> list[tuple[str, str]]:
    """The objects of our names and without our label, each with all that it says."""
    return [
        (each["metadata"]["name"], json.dumps(each))
        for each in project.objects("service", "networkpolicy")
        if "app.kubernetes.io/part-of" not in each["metadata"].get("labels", {})
    ]
