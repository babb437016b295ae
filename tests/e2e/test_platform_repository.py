"""A team's own repository, with this project as its dependency: docs/adopting.md, as it is written.

The engine, the API server and the database are real. GitHub is a repository on this machine.
"""

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from sandbox.layout import PROJECT
from tests.conftest import NewDatabase
from tests.controlplane.rows import table
from tests.e2e.conftest import NewProject
from tests.e2e.platform import LATER, Origin, Platform, commands
from tests.e2e.project import Target
from tests.supply import lock

NAMESPACE = "e2e-platform-repository"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "tenant-nats.git")


@pytest.fixture
def platform(
    target: Target, origin: Origin, new_database: NewDatabase, tmp_path: Path
) -> Generator[Platform]:
    yield Platform(target, origin, tmp_path / "team", new_database())
    kubectl = [target.kubectl, "--kubeconfig", target.kubeconfig]
    command = [*kubectl, "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false"]
    subprocess.run(command, check=True, capture_output=True)


def test_a_team_deploys_edits_and_upgrades_from_a_repository_of_its_own(
    platform: Platform, origin: Origin, target: Target, tmp_path: Path
) -> None:
    clone = platform.folder.parent / "tenant-nats"
    others = [name for name in LATER if (clone / name).read_text() != (PROJECT / name).read_text()]
    assert others == [], "copied from after the tag"
    tested = lock.packages(PROJECT)
    taken = {name: each["version"] for name, each in lock.packages(platform.folder).items()}
    assert {name for name in taken if name not in tested} == {"platform"}
    assert all(tested[name]["version"] == taken[name] for name in taken if name in tested)

    platform.edit("Pulumi.prod.yaml", "vrsky-tenants", NAMESPACE)
    two = "    integrations: 80 # so two instances\n"
    platform.edit("tenants.yaml", two, f"{two}    size: trial\n")
    said = platform.shell(commands("Start")[1].replace("my-cluster", target.context))
    assert "nats-acme-corp-2" in said
    platform.commit("our tenants")

    said = platform.shell("make deploy")
    assert "Nothing here needs an approval." in said
    dsn = platform.env["DATABASE_URL"]
    active = [("acme-corp", 1), ("acme-corp", 2), ("demo-tenant", 1)]
    assert [row[:2] for row in table(dsn)] == active
    assert {status for *_, status in table(dsn)} == {"active"}
    asked = f"--namespace {NAMESPACE} --context {target.context}"
    assert platform.run(f"uv run tenant-nats status {asked}")[0] == 0

    # An edit: CI compares it with the commit before, and the guard refuses what it refuses here.
    platform.shell("uv run tenant-nats add initech size=trial")
    platform.commit("initech")
    assert "**initech**" in platform.shell("BASE=HEAD^1 make changes")
    assert (platform.folder / "changes.md").exists()
    platform.shell("make deploy")
    assert ("initech", 1) in [row[:2] for row in table(dsn)]
    for leaving in ("acme-corp", "demo-tenant"):
        platform.shell(f"uv run tenant-nats set {leaving} state=decommissioned")
    code, said = platform.run("make deploy")
    assert code != 0
    assert "2 tenants lose every server: acme-corp, demo-tenant" in said
    platform.shell("git checkout --quiet tenants.yaml")
    assert platform.shell("git status --porcelain") == "", "a run leaves nothing to commit"

    # The upgrade is one commit, and changes nothing that runs.
    commit = origin.release("0.2.0", tmp_path / "release")
    platform.shell(commands("Upgrading")[0])
    changed = platform.shell("git show --name-only --format= HEAD").split()
    workflows = [f".github/workflows/{name}.yml" for name in WORKFLOWS]
    assert changed == [*workflows, "pyproject.toml", "uv.lock"]
    assert commit in (platform.folder / "uv.lock").read_text()
    for name in workflows:
        assert f"@{commit} # v0.2.0" in (platform.folder / name).read_text()
    platform.shell("uv run pulumi up --yes --skip-preview --expect-no-changes --stack prod")
    assert installed(platform) == "0.2.0"
    assert "Nothing in prod differs" in platform.shell("make drift")

    # The workflows copied, and a target that only they make.
    platform.shell(commands("The workflows")[0])
    for name in workflows:
        assert (platform.folder / name).read_text() == (PROJECT / name).read_text()
    assert (
        "none of its secrets (A, B)" in platform.run("SECRETS='A, B' GIVEN=false make secrets")[1]
    )
    assert platform.shell("git status --porcelain").split()[1::2] == workflows


WORKFLOWS = ("autoscale", "cell", "deploy", "drift", "pull-request")


def installed(platform: Platform) -> str:
    code = "from importlib.metadata import version; print(version('tenant-nats'))"
    return platform.shell(f'uv run --quiet python -c "{code}"').strip()


def test_a_stack_of_a_copy_of_this_repository_goes_on_in_a_repository_of_its_own(
    platform: Platform, new_project: NewProject
) -> None:
    inventory = "tenants:\n  acme: {size: trial}\n" + (
        "sizes:\n  trial:\n    requests: {cpu: 10m, memory: 64Mi}\n"
        "    limits: {cpu: 100m, memory: 64Mi}\n"
    )
    copy = new_project(inventory)
    assert not copy.up().failed
    before = copy.rows()

    for name in ("tenants.yaml", "Pulumi.e2e.yaml"):
        (platform.folder / name).write_bytes((copy.folder / name).read_bytes())
    platform.env |= {key: copy.env[key] for key in ("PULUMI_BACKEND_URL", "DATABASE_URL")}
    said = platform.shell("uv run pulumi preview --stack e2e --expect-no-changes")
    assert "unchanged" in said
    platform.shell("uv run pulumi up --yes --skip-preview --stack e2e --expect-no-changes")
    assert copy.rows() == before
