"""What one tenant lacks holds up no other tenant, and what depends on it is never removed."""

import json
import subprocess
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest

from controlplane.store import InstanceRow
from tests.controlplane.rows import by_hand, execute, insert
from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.waiting import wait_until

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


def relabelled(thing: str) -> Callable[[Project], AbstractContextManager[None]]:
    """Somebody has made an object their own, on which more of a tenant depends."""

    @contextmanager
    def fault(project: Project) -> Generator[None]:
        project.kubectl("label", thing, "app.kubernetes.io/part-of-")
        yield
        project.kubectl("label", thing, "app.kubernetes.io/part-of=tenant-nats")

    return fault


POLICY = "networkpolicy/tenant-nats-isolation-globex"


@pytest.mark.parametrize(
    ("globex", "fault", "words"),
    [
        ("size: huge", nothing, "timed out waiting for the condition"),
        ("size: small", locked_row, "Another transaction has held rows"),
        ("size: small, instances: 2", strangers_row, "this program did not make"),
        ("size: small, instances: 2", strangers_service, "Service nats-globex-2"),
        ("size: small, egress: open", relabelled(POLICY), "tenant-nats-isolation-globex"),
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


TWO = f"""\
tenants:
  acme: {{instances: 2, size: small}}
  globex: {{instances: 2, size: small}}
{SIZES}"""


@pytest.mark.parametrize("options", [("--continue-on-error",), ()], ids=["goes on", "stops"])
@pytest.mark.parametrize(
    ("globex", "fault"),
    [
        ("size: huge", nothing),
        ("size: small", relabelled("service/nats-globex-1")),
        ("size: small, egress: open", relabelled(POLICY)),
    ],
    ids=["its Deployment", "its Service", "its policy"],
)
def test_a_server_that_leaves_stays_while_its_row_cannot_be_retired(
    new_project: NewProject,
    globex: str,
    fault: Callable[[Project], AbstractContextManager[None]],
    options: tuple[str, ...],
) -> None:
    project = new_project(TWO)
    assert not project.up().failed
    project.configure({"readyTimeout": "10s", "drain": "0s"})
    there = servers(project, "globex")
    project.write(f"tenants:\n  acme: {{size: small}}\n  globex: {{{globex}}}\n{SIZES}")
    with fault(project):
        assert "delete Deployment nats-globex-2-deployment" in project.preview().changed
        for _ in range(2):
            run = project.up(*options)
            assert run.failed, "it ends red"
            assert "snapshot integrity" not in run.output
            assert servers(project, "globex") == there
            assert [row for row in project.rows() if row[0] == "globex"] == [
                ("globex", 1, "active"),
                ("globex", 2, "active"),
            ]
    if options:
        assert "Deployment/nats-acme-2" not in project.names("deployment"), "acme has no fault"
    project.write(f"tenants:\n  acme: {{size: small}}\n  globex: {{size: small}}\n{SIZES}")
    run = project.up(*options)
    assert not run.failed, run.output
    assert project.rows() == [("acme", 1, "active"), ("globex", 1, "active")]
    assert project.names("deployment") == ["Deployment/nats-acme-1", "Deployment/nats-globex-1"]
    assert project.up().changed == set()


@pytest.mark.parametrize(
    "thing", [POLICY, "deployment/nats-globex-1"], ids=["its policy", "its Deployment"]
)
def test_a_server_that_cannot_change_keeps_its_configuration(
    new_project: NewProject, thing: str
) -> None:
    project = new_project(f"tenants:\n  globex: {{size: small}}\n{SIZES}")
    assert not project.up().failed
    there = configurations(project)
    edited = SIZES.replace("small: {", "small: {maxPayload: 1MB, ")
    project.write(f"tenants:\n  globex: {{size: small}}\n{edited}")
    with relabelled(thing)(project):
        for _ in range(2):
            run = project.up("--continue-on-error")
            assert run.failed, "it ends red"
            assert "snapshot integrity" not in run.output
            assert there <= configurations(project), "the pod could not start again"
    run = project.up("--continue-on-error")
    assert not run.failed, run.output
    assert len(configurations(project)) == 1
    assert there.isdisjoint(configurations(project))
    assert project.up().changed == set()


def test_a_namespace_that_cannot_change_lets_no_server_go_before_its_row(
    new_project: NewProject,
) -> None:
    project = new_project(TWO.replace("  globex", "  hooli: {size: small}\n  globex"))
    assert not project.up().failed
    project.configure({"podSecurity": "baseline", "drain": "0s"})
    there = servers(project, "acme") + servers(project, "globex")
    kept = configurations(project)
    edited = SIZES.replace("small: {", "small: {maxPayload: 1MB, ")
    gone = "  hooli: {state: decommissioned}\n"
    project.write(f"tenants:\n{gone}  acme: {{size: small}}\n  globex: {{size: small}}\n{edited}")
    with unchangeable_namespace(project):
        for _ in range(2):
            run = project.up("--continue-on-error")
            assert run.failed, "it ends red"
            assert "snapshot integrity" not in run.output
            assert servers(project, "acme") + servers(project, "globex") == there
            assert {each for each in kept if "hooli" not in each} <= configurations(project)
            assert project.rows() == [
                ("acme", 1, "active"),
                ("acme", 2, "active"),
                ("globex", 1, "active"),
                ("globex", 2, "active"),
                ("hooli", 1, "terminated"),
            ]
    run = project.up("--continue-on-error")
    assert not run.failed, run.output
    assert project.names("deployment") == ["Deployment/nats-acme-1", "Deployment/nats-globex-1"]
    assert project.up().changed == set()


def test_a_state_that_lost_a_server_is_repaired_with_one_command(new_project: NewProject) -> None:
    project = new_project(f"tenants:\n  globex: {{instances: 2, size: small}}\n{SIZES}")
    assert not project.up().failed
    lost = ("nats-globex-2-deployment", "nats-globex-2-service")

    def without(latest: dict[str, Any]) -> None:
        latest["resources"] = [
            each for each in latest["resources"] if not each["urn"].endswith(lost)
        ]

    project.edit_state(without)
    project.kubectl("delete", "deployment/nats-globex-2", "service/nats-globex-2")
    project.write(f"tenants:\n  globex: {{size: small}}\n{SIZES}")
    project.configure({"drain": "0s"})
    broken = project.up("--continue-on-error")
    assert broken.failed
    assert "snapshot integrity" in broken.output
    project.pulumi("state", "repair", "--yes")
    run = project.up("--continue-on-error")
    assert not run.failed, run.output
    assert project.rows() == [("globex", 1, "active")]
    assert project.names("deployment") == ["Deployment/nats-globex-1"]
    assert project.up().changed == set()


@contextmanager
def unchangeable_namespace(project: Project) -> Generator[None]:
    """The API server refuses each change of it."""
    name = f"keep-{project.namespace}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["namespaces"],
                        "resourceNames": [project.namespace],
                    }
                ]
            },
            "validations": [{"expression": "false"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    file = project.folder / "keep.json"
    items = {"apiVersion": "v1", "kind": "List", "items": [policy, binding]}
    file.write_text(json.dumps(items))
    project.kubectl("apply", f"--filename={file}")
    wait_until(lambda: is_refused(project))
    yield
    project.kubectl("delete", f"--filename={file}")
    wait_until(lambda: not is_refused(project))


def is_refused(project: Project) -> bool:
    try:
        project.kubectl("label", "namespace", project.namespace, "a=b", "--dry-run=server")
    except subprocess.CalledProcessError:
        return True
    return False


def configurations(project: Project) -> set[str]:
    return {*project.names("configmap")}


def servers(project: Project, tenant: str) -> list[str]:
    """The Deployments and Services of a tenant."""
    return [each for each in project.names("deployment", "service") if f"-{tenant}-" in each]


def strangers(project: Project) -> list[tuple[str, str]]:
    """The objects of our names and without our label, each with all that it says."""
    return [
        (each["metadata"]["name"], json.dumps(each))
        for each in project.objects("service", "networkpolicy")
        if "app.kubernetes.io/part-of" not in each["metadata"].get("labels", {})
    ]
