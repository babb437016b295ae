"""A server whose Secret is missing: the kubelet holds its pod back, and no other tenant waits."""

from pathlib import Path

from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.nats.certificates import new_authority
from tests.node.secrets import give

BEFORE = f"""\
tenants:
  acme: {{instances: 2, size: small}}
  globex: {{size: small}}
  hooli: {{size: small}}
{SIZES}"""
AFTER = f"""\
tenants:
  acme: {{size: small}}
  globex: {{size: small, tls: {{secretName: globex-tls}}}}
  hooli: {{size: small, state: decommissioned}}
  initech: {{size: small, tls: {{secretName: initech-tls}}}}
  wayne: {{size: small}}
{SIZES}"""
"""Acme shrinks, globex gets TLS, hooli leaves, initech is new with TLS, wayne without."""


def test_a_missing_secret_holds_up_its_tenant_alone_and_the_up_after_it_is_made_is_green(
    new_project: NewProject, tmp_path: Path
) -> None:
    project: Project = new_project(BEFORE)
    first = project.up()
    assert not first.failed, first.output

    project.configure({"readyTimeout": "30s"})
    project.write(AFTER)
    for _ in range(2):
        run = project.up("--continue-on-error")
        assert run.failed, "it ends red"
        assert "timed out waiting for the condition" in run.output
        assert failed_mounts(project) == {"globex-tls", "initech-tls"}
        assert unready(project) == {"globex", "initech"}

    there = {*project.names("deployment")}
    assert {"Deployment/nats-acme-1", "Deployment/nats-wayne-1"} <= there
    assert {"Deployment/nats-acme-2", "Deployment/nats-hooli-1"}.isdisjoint(there)
    # What globex had stays: its server's Deployment, its Service, its policy, its row.
    assert "Deployment/nats-globex-1" in there
    assert "Service/nats-globex-1" in project.names("service")
    assert "NetworkPolicy/tenant-nats-isolation-globex" in project.names("networkpolicy")
    assert project.rows() == [
        ("acme", 1, "active"),
        ("globex", 1, "active"),
        ("hooli", 1, "terminated"),
        ("wayne", 1, "active"),
    ]

    authority = new_authority()
    for tenant in ("globex", "initech"):
        give(project, authority, f"{tenant}-tls", f"nats-{tenant}-1", tmp_path)
    project.configure({"readyTimeout": "3m"})
    healed = project.up("--continue-on-error")
    assert not healed.failed, healed.output
    assert unready(project) == set()
    assert ("initech", 1, "active") in project.rows()


def failed_mounts(project: Project) -> set[str]:
    """The Secrets that the kubelet misses, by its events."""
    return {
        said.split('"')[-2]
        for event in project.objects("events")
        if event["reason"] == "FailedMount" and "not found" in (said := event["message"])
    }


def unready(project: Project) -> set[str]:
    """The tenants with a pod that is not ready."""
    return {
        pod["metadata"]["labels"]["tenant-id"]
        for pod in project.objects("pods")
        if not any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in pod["status"].get("conditions", ())
        )
    }
