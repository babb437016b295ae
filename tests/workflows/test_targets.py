"""The targets that workflows run and that need no engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane.rows import ONE, insert
from tests.github import COMMENTS, ISSUES, PULLS, TOKEN, serving
from tests.packages import PACKAGES
from tests.unit.operations.outside.prometheus import serving as prometheus


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    """A folder with the project's Makefile and commands, where files may be written."""
    for name in ("Makefile", *PACKAGES):
        (tmp_path / name).symlink_to(project / name)
    return tmp_path


def make(folder: Path, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make target` in the environment that runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", "--no-print-directory", target, "RUN="],
        cwd=folder, env={**os.environ, "PATH": path, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_make_changes_compares_with_the_commit_that_a_pull_request_is_merged_into(
    folder: Path,
) -> None:
    inventory = folder / "tenants.yaml"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "--quiet"], cwd=folder, check=True)
    for integrations in (42, 60):
        inventory.write_text(f"tenants:\n  acme: {{integrations: {integrations}}}\n")
        subprocess.run([*git, "add", inventory], cwd=folder, check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", "edit"], cwd=folder, check=True)
    made = make(folder, "changes", BASE="HEAD^1")
    assert made.returncode == 0, made.stderr
    assert "**acme**: 1 → 2 instances" in made.stdout
    assert (folder / "changes.md").read_text() == made.stdout


def test_make_changes_of_an_edit_with_faults_fails_and_leaves_them_to_be_posted(
    folder: Path,
) -> None:
    (folder / "tenants.yaml").write_text("tenants:\n  acme: {integrations: many}\n")
    made = make(folder, "changes", BASE="tenants.yaml")
    assert made.returncode != 0
    written = (folder / "changes.md").read_text()
    assert written.startswith("**This edit could not be compared.**\n\n    ")
    assert "integrations" in made.stderr
    assert {line[:4] for line in written.splitlines()[2:]} == {"    "}, "as a block of code"


def test_make_comment_puts_the_changes_on_the_pull_request(folder: Path) -> None:
    (folder / "changes.md").write_text("acme-corp 2 → 3 instances\n")
    with serving() as github:
        posted = make(folder, "comment", PULL_REQUEST="7", **github.environment)
    assert posted.returncode == 0, posted.stderr
    [comment] = github.of(COMMENTS)
    assert comment["body"].endswith("acme-corp 2 → 3 instances\n")
    assert TOKEN not in posted.stdout + posted.stderr


def test_make_comment_of_two_inventories_leaves_a_comment_on_each(folder: Path) -> None:
    with serving() as github:
        for inventory in ("inventories/eu.yaml", "inventories/us.yaml"):
            (folder / "changes.md").write_text(f"the plan of {inventory}\n")
            posted = make(
                folder, "comment", PULL_REQUEST="7", INVENTORY=inventory, **github.environment
            )
            assert posted.returncode == 0, posted.stderr
    eu, us = github.bodies(COMMENTS)
    assert eu is not None
    assert us is not None
    assert eu.endswith("the plan of inventories/eu.yaml\n")
    assert us.endswith("the plan of inventories/us.yaml\n")


def test_make_issue_says_of_which_stack_the_drift_is(folder: Path) -> None:
    (folder / "drift.md").write_text("1 resource differs\n")
    with serving() as github:
        posted = make(folder, "issue", STACK="prod", **github.environment)
    assert posted.returncode == 0, posted.stderr
    assert [(each["title"], each["state"]) for each in github.of(ISSUES)] == [
        ("Drift of prod", "open")
    ]


SECRETS = "DATABASE_URL, KUBECONFIG"


@pytest.mark.parametrize("given", ["false", ""])
def test_make_secrets_names_in_one_sentence_what_is_missing_and_both_ways_out(
    folder: Path, given: str
) -> None:
    refused = make(folder, "secrets", SECRETS=SECRETS, GIVEN=given)
    assert (refused.returncode != 0, refused.stdout) == (True, "")
    said = [line for line in refused.stderr.splitlines() if not line.startswith("make: ")]
    assert said == [
        "GitHub gave this job none of its secrets (DATABASE_URL, KUBECONFIG): set them in the "
        "environment that the job names, in the repository that it runs for, or, if they are set "
        "there, copy the workflow into that repository in place of the call, as docs/adopting.md "
        'says below "Secrets".'
    ]


def test_make_secrets_is_silent_where_any_secret_is_there(folder: Path) -> None:
    passed = make(folder, "secrets", SECRETS=SECRETS, GIVEN="true")
    assert (passed.returncode, passed.stdout, passed.stderr) == (0, "", "")


def test_make_kubeconfig_writes_a_file_that_only_its_owner_reads(folder: Path) -> None:
    file = folder / ".kubeconfig"
    text = 'apiVersion: v1\nusers: [{name: a, user: {token: "it\'s $HOME"}}]'
    written = make(folder, "kubeconfig", KUBECONFIG=str(file), KUBECONFIG_TEXT=text)
    assert (written.returncode, written.stdout) == (0, ""), written.stderr
    assert file.read_text() == f"{text}\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_make_autoscale_and_propose_make_a_pull_request_of_what_tenants_need(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, dsn: str
) -> None:
    remote = tmp_path_factory.mktemp("remote")
    (folder / "tenants.yaml").write_text("tenants:\n  acme: {integrations: 42}\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-c", "commit.gpgsign=false"]
    for arguments in (
        ["init", "--quiet", "--bare", str(remote)],
        ["init", "--quiet"],
        ["remote", "add", "origin", str(remote)],
        ["add", "tenants.yaml"],
        ["commit", "--quiet", "--message", "the first"],
    ):
        subprocess.run([*git, *arguments], cwd=folder, check=True)
    insert(dsn, "acme", ONE, integrations=60)
    with prometheus() as asked, serving() as github:
        decided = make(folder, "autoscale", DATABASE_URL=dsn, PROMETHEUS_URL=asked.url)
        assert decided.returncode == 0, decided.stderr
        made = make(folder, "propose", PROPOSAL="more-servers", **github.environment)
    assert made.returncode == 0, made.stderr
    assert "acme: 1 → 2 instances (integrations: 66)." in decided.stdout
    assert (folder / "autoscale.md").read_text() == decided.stdout
    [pull] = github.of(PULLS)
    assert pull["body"].startswith(decided.stdout.strip())
    proposed = subprocess.run(
        ["git", "show", "more-servers:tenants.yaml"],
        cwd=remote, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "integrations: 66" in proposed.stdout
    assert TOKEN not in made.stdout + made.stderr


@pytest.mark.parametrize(
    "target",
    [
        *(
            "comment",
            "issue",
            "secrets",
            "diff",
            "guard",
            "deploy",
            "drift",
            "autoscale",
            "propose",
        ),
        *("gate", "due", "shards", "previews", "cell", "summary"),
    ],
)
@pytest.mark.parametrize("shard", ["", "$(id)"])
def test_what_comes_from_outside_is_never_part_of_a_command_line(
    folder: Path, target: str, shard: str
) -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "-n", target],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "STACK": "$(id)", "PULL_REQUEST": "$(id)", "BASE": "$(id)",
             "INVENTORY": "$(id)", "APPROVAL": "$(id)", "PROPOSAL": "$(id)",
             "CELL": "$(id)", "SHARD": shard, "SHARDS": "$(id)", "PARALLEL": "$(id)",
             "CANARY": "$(id)", "FILES_ONLY": "$(id)",
             "NAMESPACE": "$(id)", "SECRETS": "$(id)", "GIVEN": "$(id)"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "$(id)" not in shown
