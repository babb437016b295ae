"""Taking over what the old scripts made, as the reference describes it."""

import itertools
import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.e2e.conftest import NewProject
from tests.e2e.project import Project
from tests.waiting import wait_until

INVENTORY = "tenants: {nobody: {}}\n"
"""To be replaced by what `adopt` writes."""
SERVERS = (("acme-corp", 1), ("acme-corp", 2), ("demo-tenant", 1))


def deployment(tenant: str, number: int) -> dict[str, Any]:
    """As deployment-template.yaml had it: flags in place of a file, no strategy, no probes."""
    labels = {"app": "nats", "tenant-id": tenant, "instance-num": str(number)}
    container = {
        "name": "nats",
        "image": "nats:2.10-alpine",
        "args": ["-m", "8222", "--max_payload", "8MB"],
        "ports": [{"containerPort": 4222, "name": "client"}, {"containerPort": 8222}],
        "env": [{"name": "TOKEN", "value": "canary-51d0"}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "100m", "memory": "64Mi"},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"nats-{tenant}-{number}", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [container],
                    "terminationGracePeriodSeconds": 10,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                },
            },
        },
    }


def service(tenant: str, number: int) -> dict[str, Any]:
    """As service-template.yaml had it."""
    labels = {"app": "nats", "tenant-id": tenant, "instance-num": str(number)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"nats-{tenant}-{number}", "labels": labels},
        "spec": {
            "selector": labels,
            "ports": [{"name": "nats", "port": 4222}, {"name": "http", "port": 8222}],
        },
    }


def policy(tenant: str) -> dict[str, Any]:
    """As networkpolicy-template.yaml had it: all egress, and a label Kubernetes does not set."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"tenant-nats-isolation-{tenant}", "labels": {"tenant-id": tenant}},
        "spec": {
            "podSelector": {"matchLabels": {"app": "nats", "tenant-id": tenant}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"podSelector": {"matchLabels": {"tenant-id": tenant}}}],
                    "ports": [{"port": 4222}],
                },
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"name": "vrsky-monitoring"}}}],
                    "ports": [{"port": 8222}],
                },
            ],
            "egress": [
                {
                    "to": [{"namespaceSelector": {"matchLabels": {"name": "kube-system"}}}],
                    "ports": [{"port": 53, "protocol": "UDP"}],
                },
                {},
            ],
        },
    }


def provision(project: Project, *more: dict[str, Any]) -> None:
    """What the scripts did: a namespace, objects by `kubectl apply`, rows by hand."""
    project.kubectl("create", "namespace", project.namespace)
    objects = [
        *(make(tenant, number) for tenant, number in SERVERS for make in (deployment, service)),
        *(policy(tenant) for tenant in ("acme-corp", "demo-tenant")),
        *more,
    ]
    for each in objects:
        file = project.folder / "applied.json"
        file.write_text(json.dumps(each))
        project.kubectl("apply", "-f", str(file))
    for tenant, number in SERVERS:
        project.execute(
            "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
            "VALUES (%s, %s, %s, 'active')",
            tenant,
            number,
            f"nats-{tenant}-{number}.{project.namespace}.svc.cluster.local:4222",
        )
        project.execute(
            "INSERT INTO integrations (tenant_id, nats_instance_id) "
            "SELECT tenant_id, id FROM nats_instances, generate_series(1, %s) "
            "WHERE tenant_id = %s AND instance_number = %s",
            *(30 * number, tenant, number),
        )
    project.kubectl("wait", "deployment", "--all", "--for=condition=Available", "--timeout=60s")


def adopt(project: Project, *options: str) -> tuple[int, str]:
    return project.operations(
        "adopt", "--namespace", project.namespace, "--context", project.target.context, *options
    )


def uids(project: Project) -> dict[str, str]:
    """Of the objects of the scripts."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["uid"]
        for each in project.objects("deployment", "service", "networkpolicy")
        if each["metadata"]["name"] != "tenant-nats-closed"
    }


def placed(project: Project) -> list[tuple[Any, ...]]:
    """Each row and each integration with its ids."""
    return [
        *project.execute(
            "SELECT id, tenant_id, instance_number, dns_name, status FROM nats_instances ORDER BY 1"
        ),
        *project.execute("SELECT id, tenant_id, nats_instance_id FROM integrations ORDER BY 1"),
    ]


def revisions(project: Project) -> dict[str, str]:
    """How many pod templates each Deployment has had: 1 and one more for each restart."""
    return {
        each["metadata"]["name"]: each["metadata"]["annotations"][
            "deployment.kubernetes.io/revision"
        ]
        for each in project.objects("deployment")
    }


def restarted(project: Project) -> list[tuple[str, str]]:
    """When the last restart of each server began, and when it was ready, to the second."""
    pods = project.objects("pod")
    conditions = [
        next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
        for pod in pods
    ]
    return [
        (pod["metadata"]["creationTimestamp"], ready["lastTransitionTime"])
        for pod, ready in zip(pods, conditions, strict=True)
    ]


def take_the_settings(project: Project) -> None:
    """What `adopt` says to set, without the half second that each command takes."""
    project.configure({"namespaceMode": "existing", "kubernetes:upsertExistingObjects": True})
    (project.folder / "tenants.yaml").unlink()
    (project.folder / "found.yaml").rename(project.folder / "tenants.yaml")


def assert_taken_over(project: Project) -> None:
    """Nothing of the old servers is left in the new ones, and nothing is left to do."""
    for each in project.objects("deployment"):
        pod = each["spec"]["template"]["spec"]
        assert [container["name"] for container in pod["containers"]] == ["nats", "exporter"]
        server = pod["containers"][0]
        assert "args" not in server, server
        assert [variable["name"] for variable in server["env"]] == ["GOMEMLIMIT"]
        assert "nodeSelector" not in pod
        assert each["spec"]["strategy"] == {"type": "Recreate"}
    assert project.up().changes == []
    code, said = adopt(project)
    assert code == 0
    assert f"Nothing is left to take over in the namespace {project.namespace}" in said


def test_servers_of_the_old_scripts_are_taken_over_by_an_up(new_project: NewProject) -> None:
    project = new_project(INVENTORY)
    provision(project)
    # Since then somebody has been at one of them.
    project.kubectl("set", "image", "deployment/nats-acme-corp-2", "nats=nats:2.11-alpine")
    project.kubectl("annotate", "service/nats-acme-corp-1", "note=by hand")
    made, rows, before = uids(project), placed(project), revisions(project)

    code, said = adopt(project, "--write", str(project.folder / "found.yaml"))
    assert code == 0, said
    assert f"To take over in the namespace {project.namespace}: 2 tenants with 3 servers." in said
    assert "acme-corp: 2 servers, 90 integrations" in said
    assert "restarts    nats-acme-corp-1, once" in said
    assert (
        "takes from nats-demo-tenant-1 the pod's nodeSelector, the pod's "
        "terminationGracePeriodSeconds, the args of the container nats, the env of the container"
    ) in said
    assert "gives nats-acme-corp-2 the stack's `image` in place of nats:2.11-alpine" in said
    assert "narrows what tenant-nats-isolation-acme-corp lets out to DNS" in said
    assert "canary" not in said, "what is in an environment may be a secret"
    assert (uids(project), placed(project)) == (made, rows)
    found = YAML(typ="safe").load(project.folder / "found.yaml")
    assert found["tenants"] == {
        "acme-corp": {"integrations": 90, "size": "cpu100m-memory64mi-of-10m-64mi-holds-60"},
        "demo-tenant": {"integrations": 30, "size": "cpu100m-memory64mi-of-10m-64mi"},
    }

    take_the_settings(project)
    refused = project.preview()
    assert refused.failed
    assert "Deployment nats-acme-corp-1, Deployment nats-acme-corp-2" in refused.output
    code, said = adopt(project, "--patch")
    assert code == 0, said
    assert "Patched: Deployment nats-acme-corp-1." in said
    assert "3. 8 objects handed over, as listed above." in said
    assert "Patched" not in adopt(project, "--patch")[1], "once is enough"
    assert revisions(project) == {**before}, "a patch restarts nothing"

    run = project.up("--parallel=1")
    assert not run.failed, run.output
    assert {change.partition(" ")[0] for change in run.changed} == {"create"}, "as the engine sees"
    assert uids(project) == made
    assert placed(project) == rows
    assert revisions(project) == {name: str(int(number) + 1) for name, number in before.items()}, (
        "each server restarts once"
    )
    restarts = sorted(restarted(project))
    assert all(ready <= begun for (_, ready), (begun, _) in itertools.pairwise(restarts)), (
        f"a server is ready before the next one restarts: {restarts}"
    )
    assert_taken_over(project)


def test_a_take_over_that_is_killed_goes_on_after_recover(new_project: NewProject) -> None:
    project = new_project(INVENTORY)
    provision(project)
    made, rows, before = uids(project), placed(project), revisions(project)
    assert adopt(project, "--write", str(project.folder / "found.yaml"), "--patch")[0] == 0
    take_the_settings(project)
    engine = project.begin_up()
    wait_until(lambda: sum(map(int, revisions(project).values())) > len(SERVERS))
    engine.kill()
    engine.wait()
    project.kill_all()
    code, said = project.recover("--engine-is-dead")
    assert code == 0, said
    run = project.up()
    assert not run.failed, run.output
    assert uids(project) == made
    assert placed(project) == rows
    assert revisions(project) == {name: str(int(number) + 1) for name, number in before.items()}
    assert_taken_over(project)


def test_what_cannot_be_taken_over_is_reported_and_holds_up_its_tenant_until_it_is_cleared(
    new_project: NewProject,
) -> None:
    project = new_project(INVENTORY)
    odd = deployment("globex", 1)
    odd["spec"]["selector"]["matchLabels"] = {"app": "nats", "tenant-id": "globex"}
    provision(project, odd, service("globex", 1))
    made = uids(project)
    file = project.folder / "found.yaml"
    code, said = adopt(project, "--write", str(file), "--patch")
    assert code == 5, said
    assert "IN THE WAY  Deployment nats-globex-1 selects app=nats,tenant-id=globex" in said
    assert "Nothing of globex is handed over while something is in the way" in said
    take_the_settings(project)
    which = "jsonpath={.metadata.uid} {.metadata.generation} {.metadata.labels}"
    version = ("get", "deployment/nats-globex-1", "-o", which)
    before = project.kubectl(*version)
    run = project.up("--continue-on-error")
    assert run.failed
    assert "Deployment nats-globex-1, Service nats-globex-1 in the namespace" in run.output
    assert project.kubectl(*version) == before
    [command] = [line for line in said.splitlines() if " delete deployment " in line]
    assert command.split("#")[0].split()[2:] == ["delete", "deployment", "nats-globex-1"]
    project.kubectl("delete", "deployment", "nats-globex-1")
    assert adopt(project, "--patch")[0] == 0
    run = project.up()
    assert not run.failed, run.output
    del made["Deployment/nats-globex-1"]
    assert made.items() <= uids(project).items()
    assert_taken_over(project)


def test_a_file_that_is_there_stays_as_it_is(new_project: NewProject) -> None:
    project = new_project(INVENTORY)
    provision(project)
    file = project.folder / "tenants.yaml"
    code, said = adopt(project, "--write", str(file), "--patch")
    assert (code, "is there already and stays as it is" in said) == (1, True), said
    assert file.read_text() == INVENTORY
    code, said = project.operations("adopt", "--namespace", "nowhere")
    assert (code, "server or a row in the namespace nowhere" in said) == (0, True), said


def test_a_namespace_of_another_stack_and_a_strangers_object_are_refused(
    new_project: NewProject, tmp_path: Path
) -> None:
    tenant = (
        "tenants:\n  acme: {size: small}\nsizes:\n"
        "  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}\n"
    )
    stranger = new_project(tenant)
    first = stranger.preview()
    assert not first.failed, first.output
    stranger.kubectl("create", "namespace", stranger.namespace)
    assert_refused(stranger, f"the namespace {stranger.namespace} is there already")
    stranger.configure({"namespaceMode": "existing"})
    file = tmp_path / "service.json"
    file.write_text(json.dumps(service("acme", 1)))
    stranger.kubectl("apply", "-f", str(file))
    before = stranger.kubectl("get", "service", "nats-acme-1", "-o", "json")
    words = f"Service nats-acme-1 in the namespace {stranger.namespace} lacks the label"
    preview, run = stranger.preview(), stranger.up("--continue-on-error")
    assert (preview.failed, run.failed) == (False, True)
    assert words in preview.output
    assert words in run.output
    assert stranger.kubectl("get", "service", "nats-acme-1", "-o", "json") == before
    stranger.kubectl("delete", "service", "nats-acme-1")
    assert not stranger.up().failed

    other = new_project(tenant.replace("acme", "globex"), namespace=stranger.namespace)
    other.namespace = stranger.namespace
    other.configure({"namespaceMode": "existing"})
    stranger.kubectl(
        *("annotate", "--overwrite", "networkpolicy", "tenant-nats-closed"),
        "tenant-nats/stack=tenant-nats/prod",
    )
    assert_refused(other, "belongs to the stack tenant-nats/prod")
    assert "Deployment/nats-globex-1" not in other.names()


def assert_refused(project: Project, words: str) -> None:
    for run in (project.preview(), project.up()):
        assert run.failed
        assert words in run.output, run.output
        assert "Traceback" not in run.output
        assert run.changed == set()
