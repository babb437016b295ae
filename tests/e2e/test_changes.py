"""What an edit does, on the real engine, API server and database."""

import json
import os
import re
import subprocess
from pathlib import Path

from sandbox.layout import PROJECT
from tenancy.inventory.nkeys import EXAMPLE
from tests.controlplane.rows import execute, table
from tests.e2e.conftest import NewProject
from tests.e2e.project import Operation, Project
from tests.nats.certificates import new_authority
from tests.nats.keys import new_key

TWO_TENANTS = """\
tenants:
  acme: {instances: 2, size: small}
  globex: {size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""


def test_up_makes_everything_and_a_second_up_changes_nothing(new_project: NewProject) -> None:
    project = new_project(TWO_TENANTS)
    first = project.up()
    assert not first.failed, first.output
    assert project.names("deployment", "service", "networkpolicy") == [
        "Deployment/nats-acme-1",
        "Deployment/nats-acme-2",
        "Deployment/nats-globex-1",
        "NetworkPolicy/tenant-nats-closed",
        "NetworkPolicy/tenant-nats-isolation-acme",
        "NetworkPolicy/tenant-nats-isolation-globex",
        "Service/nats-acme-1",
        "Service/nats-acme-2",
        "Service/nats-globex-1",
    ]
    assert table(project.dsn) == [
        (
            tenant,
            number,
            f"nats-{tenant}-{number}.{project.namespace}.svc.cluster.local:4222",
            "active",
        )
        for tenant, number in (("acme", 1), ("acme", 2), ("globex", 1))
    ]
    outputs = project.outputs()
    assert outputs["namespace"] == project.namespace
    assert outputs["urls"]["globex"] == [
        f"nats://nats-globex-1.{project.namespace}.svc.cluster.local:4222"
    ]
    assert project.preview().changes == []
    assert project.up().changes == []
    assert run_check_of_the_runbook(project) == "pod/nats-check"


def run_check_of_the_runbook(project: Project) -> str:
    """Let the API server judge, under Pod Security `restricted`, the pod that the runbook starts.

    Returns:
        What it would create.
    """
    blocks = re.findall(r"```sh\n(.*?)```", (PROJECT / "docs/runbook.md").read_text(), re.DOTALL)
    [block] = [block for block in blocks if " run nats-check " in block]
    answer = subprocess.run(
        ["bash", "-ec", block.replace(" --rm -i ", " --dry-run=server --output=name ")],
        env={
            **os.environ,
            "KUBECONFIG": project.target.kubeconfig,
            "NS": project.namespace,
            "PATH": f"{Path(project.target.kubectl).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True, text=True,
    )  # fmt: skip
    assert answer.stderr == ""
    return answer.stdout.strip()


def test_adding_a_tenant_and_asking_its_clients_touches_nothing_but_its_own_resources(
    new_project: NewProject, tmp_path: Path
) -> None:
    project = new_project(TWO_TENANTS)
    project.up()
    project.write(TWO_TENANTS.replace("  globex:", "  aaa: {size: small}\n  globex:"))
    run = project.up()
    assert run.changed == {
        "create NetworkPolicy aaa-policy",
        "create ConfigMap nats-aaa-1-config",
        "create Deployment nats-aaa-1-deployment",
        "create Service nats-aaa-1-service",
        "create TenantRecords aaa-records",
    }
    assert project.rows()[0] == ("aaa", 1, "active")

    new_authority().issue(tmp_path)
    files = (f"--cert={tmp_path / 'tls.crt'}", f"--key={tmp_path / 'tls.key'}")
    project.kubectl("create", "secret", "tls", "aaa-tls", *files)
    asking = f"size: small, tls: {{secretName: aaa-tls}}, clients: {{nkeys: [{EXAMPLE}]}}"
    project.write(TWO_TENANTS.replace("  globex:", f"  aaa: {{{asking}}}\n  globex:"))
    run = project.up()
    assert run.changed == {
        "replace ConfigMap nats-aaa-1-config",
        "update Deployment nats-aaa-1-deployment",
        "update TenantRecords aaa-records",
    }
    assert "2 tenants rely on labels alone (acme, globex)" in run.output
    address = f"nats-aaa-1.{project.namespace}.svc.cluster.local:4222"
    told = execute(project.dsn, "SELECT url FROM tenant_servers WHERE tenant_id = 'aaa'")
    assert told == [(f"tls://{address}",)]
    assert project.up().changes == []

    other = asking.replace(EXAMPLE, new_key().public)
    project.write(TWO_TENANTS.replace("  globex:", f"  aaa: {{{other}}}\n  globex:"))
    before = _pods(project, "aaa")
    assert "update Deployment nats-aaa-1-deployment" in project.up().changed
    assert not before & _pods(project, "aaa"), "a key that is taken away ends its connections"


def _pods(project: Project, tenant: str) -> set[str]:
    """The uids of a tenant's pods."""
    pods = [pod["metadata"] for pod in project.objects("pod")]
    return {pod["uid"] for pod in pods if pod["labels"].get("tenant-id") == tenant}


def test_a_row_becomes_active_only_after_its_server_is_ready(new_project: NewProject) -> None:
    run = new_project(TWO_TENANTS).up()
    for tenant, numbers in (("acme", (1, 2)), ("globex", (1,))):
        records = Operation("create", "TenantRecords", f"{tenant}-records")
        begun = run.order.index(("started", records))
        for number in numbers:
            for kind in ("Deployment", "Service"):
                server = Operation("create", kind, f"nats-{tenant}-{number}-{kind.lower()}")
                assert run.order.index(("finished", server)) < begun


def test_changing_a_size_rolls_only_the_servers_that_have_it(new_project: NewProject) -> None:
    inventory = TWO_TENANTS.replace("globex: {size: small}", "globex: {size: tiny}") + (
        "  tiny: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}\n"
    )
    project = new_project(inventory)
    project.up()
    before = uids(project)
    project.write(inventory.replace("  tiny: {", "  tiny: {maxConnections: 500, "))
    run = project.up()
    assert run.changed == {
        "replace ConfigMap nats-globex-1-config",
        "update Deployment nats-globex-1-deployment",
    }
    assert uids(project) == before, "a Deployment or Service that is replaced is an outage"
    [config_map] = [
        item
        for item in project.objects("configmap")
        if item["metadata"]["name"].startswith("nats-globex-1-")
    ]
    assert "max_connections: 500" in config_map["data"]["nats.conf"]
    [deployment] = json.loads(
        project.kubectl("get", "deployment", "-l", "tenant-id=globex", "-o", "json")
    )["items"]
    [volume] = deployment["spec"]["template"]["spec"]["volumes"]
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]


def test_removing_an_instance_retires_its_row_first(new_project: NewProject) -> None:
    project = new_project(TWO_TENANTS)
    project.up()
    project.write(TWO_TENANTS.replace("instances: 2, ", ""))
    run = project.up()
    assert run.changed == {
        "update TenantRecords acme-records",
        "delete ConfigMap nats-acme-2-config",
        "delete Deployment nats-acme-2-deployment",
        "delete Service nats-acme-2-service",
    }
    retired = run.order.index(("finished", Operation("update", "TenantRecords", "acme-records")))
    for kind in ("Deployment", "Service"):
        name = f"nats-acme-2-{kind.lower()}"
        assert retired < run.order.index(("started", Operation("delete", kind, name)))
    assert project.rows() == [("acme", 1, "active"), ("globex", 1, "active")]


def test_destroy_leaves_nothing(new_project: NewProject) -> None:
    project = new_project(TWO_TENANTS)
    project.up()
    run = project.destroy()
    assert not run.failed, run.output
    assert project.rows() == []
    assert project.namespace not in project.namespaces()
    deployment = json.loads(project.pulumi("stack", "export"))["deployment"]
    assert deployment.get("resources", []) == []


def test_destroy_leaves_a_namespace_that_is_retained_and_nothing_in_it(
    new_project: NewProject,
) -> None:
    project = new_project(TWO_TENANTS, retainNamespace="true")
    project.up()
    run = project.destroy()
    assert not run.failed, run.output
    assert project.rows() == []
    assert project.namespace in project.namespaces()
    assert project.names() == []


def uids(project: Project) -> dict[str, str]:
    """The identity of every Deployment and Service: it changes when one is replaced."""
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["uid"]
        for item in project.objects("deployment", "service")
    }
