"""A server's pod as the kubelet runs it."""

import json
from pathlib import Path

from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project
from tests.nats.certificates import new_authority
from tests.node.secrets import give

WITHOUT = f"""\
tenants:
  acme: {{size: small}}
{SIZES}"""
WITH = f"""\
tenants:
  acme: {{size: small, tls: {{secretName: acme-tls}}}}
{SIZES}"""


def test_it_runs_under_restricted_as_user_1000_who_reads_the_key_by_the_group_alone(
    new_project: NewProject, tmp_path: Path
) -> None:
    project: Project = new_project(WITHOUT)
    run = project.up()
    assert not run.failed, run.output
    namespace = json.loads(project.kubectl("get", "namespace", project.namespace, "-o", "json"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    authority = new_authority()
    give(project, authority, "acme-tls", "nats-acme-1", tmp_path)
    project.write(WITH)
    run = project.up()
    assert not run.failed, run.output

    # The server itself, which read its key: the first process of the container.
    assert inside(project, "grep", "^[UG]id:", "/proc/1/status").split() == [
        "Uid:", *["1000"] * 4, "Gid:", *["1000"] * 4,
    ]  # fmt: skip
    assert inside(project, "stat", "-L", "-c", "%u:%g %a", "/etc/nats-tls/tls.key") == "0:1000 440"
    assert "Seccomp:\t2" in inside(project, "grep", "Seccomp:", "/proc/1/status")
    assert inside(project, "grep", "CapEff", "/proc/1/status").split()[1] == "0" * 16
    told = inside(project, "sh", "-c", "touch /x /etc/nats-tls/x 2>&1; true")
    assert told.count("Read-only file system") == 2

    (tmp_path / "ca.crt").write_text(authority.pem())
    code, said = project.operations(
        "verify", "--namespace", project.namespace, "--ca", str(tmp_path / "ca.crt")
    )
    assert code == 0, said
    assert "✓ nats-acme-1: certificate: valid until" in said
    assert "✓ nats-acme-1: publish and subscribe" in said
    assert "✓ nats-acme-1: another tenant refused" in said


def inside(project: Project, *command: str) -> str:
    """What a command prints in the server's container."""
    return project.kubectl("exec", "deployment/nats-acme-1", "--", *command).strip()
