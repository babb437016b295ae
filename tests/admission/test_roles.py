"""What deploy/ has for an administrator is enough for a stack, on the real engine and API server.

The admission policy is in force as well: it is the program's own pods that have to get through.
"""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from sandbox.layout import PROJECT
from tests.access import Access
from tests.conftest import NewDatabase
from tests.e2e.project import Project, Target
from tests.waiting import wait_until

Install = Callable[[str], Project]

SMALL = """\
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""
ROOMY = SMALL.replace("}}", "}, maxConnections: 2000}")
ACCOUNTS = "clients: {namespaces: [acme-workers], serviceAccounts: [acme-workers/importer]}"

NEEDLESS = (
    "get secrets",
    "create pods",
    "create pods/exec",
    "create serviceaccounts/token",
    "create roles.rbac.authorization.k8s.io",
    "delete limitranges",
    "create statefulsets.apps",
)


@pytest.fixture
def install(
    access: Access, target: Target, new_database: NewDatabase, tmp_path: Path
) -> Generator[Install]:
    """Applies deploy/ for a namespace, and makes a stack there that runs as the deployer."""
    made: list[Project] = []
    manifests = [
        (PROJECT / "deploy" / file).read_text() for file in ("rbac.yaml", "admission-policy.yaml")
    ]

    def installed(namespace: str) -> Project:
        for manifest in manifests:
            access.apply(manifest.replace("vrsky-tenants", namespace))
        project = Project(
            target,
            tmp_path / "project",
            namespace=namespace,
            dsn=new_database(),
            settings={"namespaceMode": "existing", "drain": "0s"},
        )
        made.append(project)
        run_as(project, access.as_account(f"{namespace}-deploy", "deployer", tmp_path))
        return project

    yield installed
    for project in made:
        project.remove()
        access.run("delete", "namespace", f"{project.namespace}-deploy", "--wait=false")
        for manifest in manifests[1:]:
            access.run(
                "delete", "--filename=-", stdin=manifest.replace("vrsky-tenants", project.namespace)
            )


def test_the_whole_life_of_a_stack_runs_under_the_deployers_role(install: Install) -> None:
    project = install("lifecycle")
    edits = [
        f"acme: {{size: small, {ACCOUNTS}}}\n  globex: {{size: small, instances: 2}}\n{SMALL}",
        f"acme: {{size: small, instances: 2, {ACCOUNTS}}}\n  globex: {{size: small}}\n{SMALL}",
        f"acme: {{size: small, {ACCOUNTS}}}\n  globex: {{state: decommissioned}}\n{ROOMY}",
    ]
    for edit in edits:
        project.write(f"tenants:\n  {edit}")
        run = project.up()
        assert not run.failed, run.output
        assert "could not be read" not in run.output
    assert not project.refresh().failed
    assert project.recover() == (0, "There is nothing to recover.\n")
    assert project.names("deployment", "service", "networkpolicy") == [
        "Deployment/nats-acme-1",
        "NetworkPolicy/tenant-nats-closed",
        "NetworkPolicy/tenant-nats-isolation-acme",
        "Service/nats-acme-1",
    ]
    run = project.destroy()
    assert not run.failed, run.output
    wait_until(lambda: project.names("deployment", "service", "networkpolicy", "pod") == [])
    assert project.namespace in project.namespaces()


def test_the_previewer_sees_what_would_change_and_changes_nothing(
    install: Install, access: Access, tmp_path: Path
) -> None:
    project = install("previews")
    project.write(f"tenants:\n  acme: {{size: small, {ACCOUNTS}}}\n{SMALL}")
    run = project.up()
    assert not run.failed, run.output
    run_as(project, access.as_account("previews-deploy", "previewer", tmp_path))
    project.kubectl("delete", "service/nats-acme-1")
    found = project.pulumi("refresh", "--preview-only")
    assert " -  kubernetes:core/v1:Service nats-acme-1-service delete" in found
    project.write(f"tenants:\n  acme: {{size: small}}\n  globex: {{size: small}}\n{SMALL}")
    expected = {
        "create ConfigMap nats-globex-1-config",
        "create Deployment nats-globex-1-deployment",
        "create NetworkPolicy globex-policy",
        "create Service nats-globex-1-service",
        "create TenantRecords globex-records",
        "update NetworkPolicy acme-policy",
    }
    previewed = project.preview()
    assert previewed.changed == expected
    assert "could not be read" not in previewed.output
    before, rows = project.names(), project.rows()
    run = project.up()
    assert run.failed
    # An apply on the server is a patch, whether it makes an object or changes one.
    assert '"system:serviceaccount:previews-deploy:previewer" cannot patch' in run.output
    assert (project.names(), project.rows()) == (before, rows)


def test_a_role_that_may_not_see_quotas_is_told_and_deploys(
    install: Install, access: Access
) -> None:
    project = install("unrationed")
    role = (PROJECT / "deploy" / "rbac.yaml").read_text().replace("vrsky-tenants", "unrationed")
    access.apply(role.replace("resourcequotas", "podtemplates"))
    project.write(f"tenants:\n  acme: {{size: small, {ACCOUNTS}}}\n{SMALL}")
    for run in (project.preview(), project.up()):
        assert not run.failed, run.output
        assert "The ResourceQuotas of the namespace unrationed could not be read" in run.output
    assert "Deployment/nats-acme-1" in project.names("deployment")


def test_neither_role_reaches_what_a_stack_does_not_need(access: Access, install: Install) -> None:
    install("powers")
    answers = {
        (account, question): access.ask(
            "auth", "can-i", *question.split(), "--namespace=powers",
            f"--as=system:serviceaccount:powers-deploy:{account}",
        ).stdout.strip()
        for account in ("deployer", "previewer")
        for question in NEEDLESS
    }  # fmt: skip
    assert set(answers.values()) == {"no"}, answers


def run_as(project: Project, who: Access) -> None:
    """Let later runs of the engine go to the API server as `who`."""
    project.env["KUBECONFIG"] = who.kubeconfig
