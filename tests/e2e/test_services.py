"""What a stack asks of its Services, on dual-stack and on IPv6-only API servers."""

import json
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import PROJECT, Layout
from tests.access import Access
from tests.conftest import NewDatabase, target_of
from tests.e2e.conftest import NewProject, projects
from tests.e2e.project import SIZES, Project, Target

TENANTS = "tenants:\n  acme: {size: small}\n  globex: {size: small, egress: none}\n" + SIZES
DUAL_STACK = "10.96.0.0/16,fd00:10:96::/112"
ONLY_IPV6 = "fd00:10:96::/112"
ASKED = {
    "annotations": {"service.kubernetes.io/topology-mode": "Auto"},
    "labels": {"example.com/cost-centre": "integrations"},
    "ipFamilyPolicy": "PreferDualStack",
}


def cluster_with(services: str, shared: Path, name: str) -> Generator[Target]:
    """A cluster whose Services get their addresses from these ranges."""
    layout = Layout(shared / name)
    cluster = replace(Cluster.of(layout), services=services)
    cluster.ensure()
    layout.plugin_choice.write_text(engine.BUILT)
    access = Access(
        kubectl=str(cluster.kubectl), kubeconfig=str(layout.kubeconfig), context=CONTEXT
    )
    yield target_of(access, shared)
    cluster.delete()


@pytest.fixture(scope="module")
def dual_stack(shared: Path, worker_id: str) -> Generator[Target]:
    yield from cluster_with(DUAL_STACK, shared, f"dual-stack-{worker_id}")


@pytest.fixture(scope="module")
def only_ipv6(shared: Path, worker_id: str) -> Generator[Target]:
    yield from cluster_with(ONLY_IPV6, shared, f"only-ipv6-{worker_id}")


@pytest.fixture
def on_dual_stack(
    dual_stack: Target, new_database: NewDatabase, tmp_path: Path
) -> Generator[NewProject]:
    with projects(dual_stack, new_database, tmp_path, "dual") as create:
        yield create


@pytest.fixture
def on_ipv6(only_ipv6: Target, new_database: NewDatabase, tmp_path: Path) -> Generator[NewProject]:
    with projects(only_ipv6, new_database, tmp_path, "six") as create:
        yield create


def families(project: Project) -> dict[str, tuple[str, list[str]]]:
    """Of each Service, the policy and the families of its addresses."""
    return {
        each["metadata"]["name"]: (each["spec"]["ipFamilyPolicy"], each["spec"]["ipFamilies"])
        for each in project.objects("service")
    }


def running(project: Project) -> set[str]:
    """Of all that runs: it changes when something is replaced or restarted."""
    return {each["metadata"]["uid"] for each in project.objects("deployment", "service", "pod")}


def test_services_get_both_families_and_lose_one_again_without_a_restart(
    on_dual_stack: NewProject,
) -> None:
    project = on_dual_stack(TENANTS)
    first = project.up()
    assert not first.failed, first.output
    assert families(project) == {
        f"nats-{tenant}-1": ("SingleStack", ["IPv4"]) for tenant in ("acme", "globex")
    }
    before = running(project)

    project.configure({"service": ASKED})
    updates = {f"update Service nats-{tenant}-1-service" for tenant in ("acme", "globex")}
    given = {"update pulumi-python default"}  # the provider of the rows, given every setting
    assert project.preview().changed - given == updates
    up = project.up()
    assert not up.failed, up.output
    assert up.changed - given == updates
    assert families(project) == {
        f"nats-{tenant}-1": ("PreferDualStack", ["IPv4", "IPv6"]) for tenant in ("acme", "globex")
    }
    for each in project.objects("service"):
        assert each["metadata"]["annotations"]["service.kubernetes.io/topology-mode"] == "Auto"
        assert each["metadata"]["labels"]["example.com/cost-centre"] == "integrations"
        assert each["metadata"]["labels"]["tenant-id"] in ("acme", "globex")
    assert running(project) == before
    assert project.up().changes == []

    project.configure({"service": {}})
    up = project.up()
    assert not up.failed, up.output
    assert set(map(str, families(project).values())) == {"('PreferDualStack', ['IPv4', 'IPv6'])"}
    assert project.up().changes == []
    project.configure({"service": {"ipFamilyPolicy": "SingleStack"}})
    up = project.up()
    assert not up.failed, up.output
    assert families(project) == {
        f"nats-{tenant}-1": ("SingleStack", ["IPv4"]) for tenant in ("acme", "globex")
    }
    for each in project.objects("service"):
        assert "service.kubernetes.io/topology-mode" not in each["metadata"]["annotations"]
        assert "example.com/cost-centre" not in each["metadata"]["labels"]
    assert running(project) == before
    assert project.up().changes == []


def test_a_cluster_with_ipv6_alone_needs_no_setting(on_ipv6: NewProject) -> None:
    project = on_ipv6(TENANTS)
    first = project.up()
    assert not first.failed, first.output
    assert set(map(str, families(project).values())) == {"('SingleStack', ['IPv6'])"}
    before = running(project)
    assert project.up().changes == []

    project.configure({"service": {"ipFamilyPolicy": "RequireDualStack"}})
    refused = project.up()
    assert refused.failed
    assert "this cluster is not configured for dual-stack services" in refused.output
    assert running(project) == before
    project.configure({"service": {"ipFamilyPolicy": "PreferDualStack"}})
    up = project.up()
    assert not up.failed, up.output
    assert set(map(str, families(project).values())) == {"('PreferDualStack', ['IPv6'])"}
    assert running(project) == before
    assert project.up().changes == []


def test_what_render_writes_of_them_is_taken_by_the_api_server(
    dual_stack: Target, tmp_path: Path
) -> None:
    inventory, settings = tmp_path / "tenants.yaml", tmp_path / "Pulumi.prod.yaml"
    inventory.write_text(TENANTS)
    config = {"service": ASKED, "clusterDomain": "corp.example", "namespaceMode": "existing"}
    settings.write_text(
        json.dumps({"config": {f"tenant-nats:{key}": value for key, value in config.items()}})
    )
    folder = tmp_path / "manifests"
    subprocess.run(
        [sys.executable, "-m", "operations", "render", folder,
         "--inventory", inventory, "--settings", settings, "--set", "namespace=default"],
        cwd=PROJECT, check=True, capture_output=True,
    )  # fmt: skip
    assert "nats-acme-1.default.svc.corp.example:4222" in (folder / "90-rows.sql").read_text()
    answer = subprocess.run(
        [dual_stack.kubectl, "--kubeconfig", dual_stack.kubeconfig, "apply", "--server-side",
         "--dry-run=server", "--validate=strict", "--output=json", "-f", folder],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    kinds: dict[str, list[Any]] = {}
    for each in json.loads(answer.stdout)["items"]:
        kinds.setdefault(each["kind"], []).append(each)
    assert [each["spec"]["ipFamilies"] for each in kinds["Service"]] == [["IPv4", "IPv6"]] * 2
    open_ways = {
        each["metadata"]["name"]: each["spec"].get("egress") for each in kinds["NetworkPolicy"]
    }
    assert open_ways["tenant-nats-isolation-globex"] is None
    assert open_ways["tenant-nats-isolation-acme"]
