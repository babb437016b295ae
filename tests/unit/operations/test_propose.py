"""`tenant-nats propose`: one branch of a real remote, one open pull request of a fake GitHub."""

import json
import subprocess
from base64 import b64decode
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from operations.__main__ import app
from tests.github import COMMENTS, PULLS, TOKEN, GitHub, Post, serving

OLD = "tenants:\n  acme: {integrations: 42}\n"
NEW = "tenants:\n  acme: {integrations: 60}\n"
NEWER = "tenants:\n  acme: {integrations: 120}\n"


@dataclass
class World:
    """A clone, the remote it came from, and GitHub."""

    clone: Path
    remote: Path
    github: GitHub

    def git(self, *arguments: str, where: Path | None = None) -> str:
        """What git prints in the clone."""
        known = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *known, *arguments], cwd=where or self.clone,
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    def commit(self, name: str, text: str) -> None:
        """A commit of main, in the clone and the remote."""
        (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
        (self.clone / name).write_text(text)
        self.git("add", name)
        self.git("commit", "--quiet", "--message", f"edit {name}")
        self.git("push", "--quiet", "origin", "HEAD:main")

    def edit(self, text: str, name: str = "tenants.yaml") -> None:
        (self.clone / name).write_text(text)

    def merge(self) -> None:
        """What a person does with the pull request: main has its commit, and the clone has main."""
        self.git("checkout", "--quiet", "--", ".")
        self.git("pull", "--quiet", "--ff-only", "origin", "autoscale")
        self.git("push", "--quiet", "origin", "HEAD:main")
        self.github.of(PULLS)[-1]["state"] = "closed"

    def tip(self, branch: str = "autoscale") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}", where=self.remote)

    def proposed(self, name: str = "tenants.yaml", branch: str = "autoscale") -> str:
        """The inventory on the branch."""
        return self.git("show", f"{branch}:{name}", where=self.remote) + "\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[World]:
    """The inventory is committed and not edited; no pull request was ever made."""
    remote, clone = tmp_path / "remote", tmp_path / "clone"
    with serving() as github:
        made = World(clone, remote, github)
        made.git("init", "--quiet", "--bare", "--initial-branch=main", str(remote), where=tmp_path)
        made.git("clone", "--quiet", str(remote), str(clone), where=tmp_path)
        with monkeypatch.context() as past:
            past.setenv("GIT_COMMITTER_DATE", "@1764000000 +0000")
            made.commit("tenants.yaml", OLD)
        monkeypatch.chdir(clone)
        for name, value in github.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def propose(report: str = "acme: 1 → 2 instances.", *more: str) -> Result:
    Path("report.md").write_text(f"{report}\n")
    return CliRunner().invoke(app, ["propose", "report.md", *more])


def test_an_edit_is_put_on_a_branch_and_in_a_pull_request_that_says_why(world: World) -> None:
    world.edit(NEW)
    world.edit("x", "unrelated.txt")
    result = propose()
    assert (result.exit_code, result.output) == (0, "Proposed at https://github.example/1\n")
    assert world.proposed() == NEW
    changed = world.git("diff", "--name-only", "main", "autoscale", where=world.remote)
    assert changed == "tenants.yaml"
    assert world.git("rev-list", "--count", "main..autoscale", where=world.remote) == "1"
    [pull] = world.github.of(PULLS)
    assert (pull["head"], pull["base"]) == ("acme:autoscale", "main")
    assert pull["title"] == "Scale tenants.yaml as its tenants need"
    assert pull["body"].startswith("acme: 1 → 2 instances.\n\nThis branch is written anew ")


def test_the_checkout_stays_as_it_is(world: World) -> None:
    world.edit(NEW)
    propose()
    assert world.git("branch", "--show-current") == "main"
    assert world.git("status", "--short") == "M tenants.yaml\n?? report.md"
    assert world.git("log", "--format=%s") == "edit tenants.yaml"


def test_the_same_edit_of_the_same_commit_is_left_alone_whatever_the_report_says_now(
    world: World,
) -> None:
    world.edit(NEW)
    propose("100,001 messages a second")
    tip, changes = world.tip(), len(world.github.changes)
    # Later it is the same commit too: nothing in it is of the time at which it was made.
    assert world.git("show", "-s", "--format=%at %ct", tip, where=world.remote) == (
        "1764000000 1764000000"
    )
    again = propose("100,002 messages a second")
    assert again.output == "Proposed already, and left alone: https://github.example/1\n"
    assert (world.tip(), len(world.github.changes)) == (tip, changes)


def test_another_edit_replaces_the_one_before_in_the_same_pull_request(world: World) -> None:
    world.edit(NEW)
    propose()
    world.edit(NEWER)
    result = propose("acme: 1 → 3 instances.")
    assert (result.exit_code, result.output) == (0, "Proposed at https://github.example/1\n")
    assert world.proposed() == NEWER
    assert world.git("rev-list", "--count", "main..autoscale", where=world.remote) == "1"
    [pull] = world.github.of(PULLS)
    assert pull["body"].startswith("acme: 1 → 3 instances.\n")


def test_the_same_edit_of_a_later_main_is_put_on_top_of_that(world: World) -> None:
    world.edit(NEW)
    propose()
    world.git("stash", "--quiet")
    world.commit("README.md", "more")
    world.git("stash", "pop", "--quiet")
    assert propose().output == "Proposed at https://github.example/1\n"
    assert world.git("rev-parse", "autoscale^", where=world.remote) == world.tip("main")
    assert len(world.github.of(PULLS)) == 1


def test_after_a_merge_the_next_edit_gets_a_pull_request_of_its_own(world: World) -> None:
    world.edit(NEW)
    propose()
    world.merge()
    nothing = propose("Nothing is to change.")
    assert nothing.output == "There is nothing to propose, and no pull request is open.\n"
    world.edit(NEWER)
    assert propose().output == "Proposed at https://github.example/2\n"
    assert [pull["state"] for pull in world.github.of(PULLS)] == ["closed", "open"]
    assert world.proposed() == NEWER


def test_an_edit_that_is_no_longer_needed_is_closed_with_the_reason(world: World) -> None:
    world.edit(NEW)
    propose()
    world.edit(OLD)
    result = propose("Nothing is to change.")
    assert result.output == "Closed, since nothing is to change: https://github.example/1\n"
    assert [pull["state"] for pull in world.github.of(PULLS)] == ["closed"]
    assert world.github.bodies(COMMENTS) == [
        "No longer needed: the inventory of main says what it should.\n\nNothing is to change.\n"
    ]
    assert world.github.changes[-2:] == ["POST issues/1/comments", "PATCH pulls/1"]


def test_a_pull_request_of_a_fork_or_into_another_branch_is_not_ours(world: World) -> None:
    for head, base in (("mine", "main"), ("autoscale", "release")):
        world.github.add(PULLS, body="Mine", head=head, base=base)
    propose("Nothing is to change.")
    assert {pull["state"] for pull in world.github.of(PULLS)} == {"open"}
    world.edit(NEW)
    propose()
    assert world.github.bodies(PULLS)[:2] == ["Mine", "Mine"]
    assert len(world.github.of(PULLS)) == 3


def test_a_pull_request_that_github_refuses_is_made_by_the_next_run(world: World) -> None:
    world.edit(NEW)
    world.github.statuses["POST"] = 403
    refused = propose()
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"tenants.yaml was not proposed: {world.github.api}: ")
    assert "canary" not in refused.output
    tip = world.tip()
    world.github.statuses.clear()
    world.github.posts.clear()
    assert propose().output == "Proposed at https://github.example/1\n"
    assert world.tip() == tip


def test_a_push_that_fails_is_tried_again_by_the_next_run(world: World) -> None:
    world.edit(NEW)
    propose()
    hook = world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho protected >&2\nexit 1\n")
    hook.chmod(0o755)
    world.edit(NEWER)
    refused = propose()
    assert refused.exit_code == 1
    assert refused.stderr.startswith("tenants.yaml was not proposed: git push: ")
    assert "protected" in refused.stderr
    hook.unlink()
    assert propose().output == "Proposed at https://github.example/1\n"
    assert world.proposed() == NEWER


def test_what_somebody_pushes_meanwhile_is_not_overwritten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.edit(NEW)
    propose()
    world.edit(NEWER)
    answer = world.github.answer

    def meanwhile(method: str, address: str, sent: Post) -> tuple[int, Any]:
        if method == "PATCH":
            world.git("push", "--quiet", "--force", "origin", "HEAD:autoscale")
        return answer(method, address, sent)

    monkeypatch.setattr(world.github, "answer", meanwhile)
    refused = propose()
    assert refused.exit_code == 1
    assert refused.stderr.startswith("tenants.yaml was not proposed: git push: ")
    assert world.tip() == world.tip("main")


def test_a_clone_of_the_last_commit_alone_is_enough(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit("README.md", "more")
    shallow = tmp_path / "shallow"
    world.git("clone", "--quiet", "--depth=1", f"file://{world.remote}", str(shallow))
    monkeypatch.chdir(shallow)
    (shallow / "tenants.yaml").write_text(NEW)
    assert propose().output == "Proposed at https://github.example/1\n"
    assert propose().output.startswith("Proposed already")
    assert world.proposed() == NEW


def test_another_inventory_has_a_branch_of_its_own(world: World) -> None:
    world.commit("inventories/eu.yaml", OLD)
    world.edit(NEW)
    world.edit(NEWER, "inventories/eu.yaml")
    propose()
    eu = "autoscale-inventories/eu"
    assert propose("eu", "--inventory", "inventories/eu.yaml").exit_code == 0
    assert [pull["title"] for pull in world.github.of(PULLS)] == [
        "Scale tenants.yaml as its tenants need", "Scale eu.yaml as its tenants need",
    ]  # fmt: skip
    assert world.proposed("inventories/eu.yaml", eu) == NEWER
    assert world.proposed("tenants.yaml", eu) == OLD
    assert world.proposed() == NEW, "the other's edit stays proposed"
    world.edit(OLD, "inventories/eu.yaml")
    propose("not needed", "--inventory", "inventories/eu.yaml")
    assert [pull["state"] for pull in world.github.of(PULLS)] == ["open", "closed"]


def test_the_branch_of_an_inventory_is_the_same_from_every_folder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit("eu/tenants.yaml", OLD)
    world.edit(NEW, "eu/tenants.yaml")
    monkeypatch.chdir(world.clone / "eu")
    assert propose().exit_code == 0
    assert world.proposed("eu/tenants.yaml", "autoscale-eu/tenants") == NEW


def test_all_changed_files_of_a_cell_are_in_one_pull_request(world: World) -> None:
    for shard in ("001", "002", "003"):
        world.commit(f"inventory/eu/{shard}.yaml", OLD.replace("acme", f"t{shard}"))
    at = ("--inventory", "inventory/eu")
    assert propose("x", *at).output.startswith("There is nothing to propose")
    world.edit(NEW, "inventory/eu/001.yaml")
    (world.clone / "inventory/eu/002.yaml").unlink()
    world.edit(NEWER, "inventory/eu/004.yaml")
    world.edit(NEW)
    world.edit("soon", "inventory/eu/README.md")
    result = propose("x", *at)
    assert (result.exit_code, result.output) == (0, "Proposed at https://github.example/1\n")
    branch = "autoscale-inventory/eu"
    changed = world.git("diff", "--name-status", "main", branch, where=world.remote).split()
    assert changed == [
        "M", "inventory/eu/001.yaml", "D", "inventory/eu/002.yaml", "A", "inventory/eu/004.yaml",
    ]  # fmt: skip
    assert world.proposed("inventory/eu/001.yaml", branch) == NEW
    [pull] = world.github.of(PULLS)
    assert pull["title"] == "Scale eu as its tenants need"
    again = propose("y", *at)
    assert again.output == "Proposed already, and left alone: https://github.example/1\n"
    assert "inventory/eu/002.yaml" in world.git("ls-files"), "the checkout stays as it is"
    world.git("checkout", "--quiet", "inventory/eu")
    (world.clone / "inventory/eu/004.yaml").unlink()
    assert propose("z", *at).output.startswith("Closed, since nothing is to change")


def test_a_cell_with_a_stray_file_or_that_is_not_committed_is_not_proposed(world: World) -> None:
    world.commit("inventory/eu/001.yaml", OLD)
    world.edit(NEW, "inventory/eu/002.yml")
    stray = propose("x", "--inventory", "inventory/eu")
    assert stray.exit_code == 1
    assert "002.yml has 1 fault" in stray.stderr
    (world.clone / "inventory/us").mkdir()
    world.edit(NEW, "inventory/us/001.yaml")
    refused = propose("x", "--inventory", "inventory/us")
    assert refused.exit_code == 1
    assert "it is not in the last commit of the checkout" in refused.stderr


def test_another_branch_may_be_named(world: World) -> None:
    world.edit(NEW)
    assert propose("x", "--branch", "more-servers").exit_code == 0
    assert world.proposed(branch="more-servers") == NEW


def test_main_is_never_the_branch_that_is_written(world: World) -> None:
    world.edit(NEW)
    assert propose("x", "--branch", "main").exit_code == 2
    assert world.proposed(branch="main") == OLD


def test_what_is_not_committed_at_all_is_no_edit(world: World) -> None:
    world.edit(NEW, "new.yaml")
    refused = propose("x", "--inventory", "new.yaml")
    assert (refused.exit_code, refused.stderr) == (
        1, "new.yaml was not proposed: it is not in the last commit of the checkout\n",
    )  # fmt: skip


def test_git_sends_the_token_to_github_and_nobody_tells_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.edit(NEW)
    monkeypatch.setenv("GITHUB_SERVER_URL", world.github.url)
    world.git("remote", "set-url", "origin", f"{world.github.url}/acme/platform.git")
    refused = propose()
    assert refused.exit_code == 1
    assert refused.stderr.startswith("tenants.yaml was not proposed: git ls-remote: ")
    name = world.github.names[-1]
    assert b64decode(name.removeprefix("Basic ")) == f"x-access-token:{TOKEN}".encode()
    assert "canary" not in refused.output
    assert TOKEN not in (world.clone / ".git" / "config").read_text()


def test_programs_are_told_what_was_done_and_where(world: World) -> None:
    url = "https://github.example/1"
    for text, action in [
        (OLD, "nothing"), (NEW, "made"), (NEW, "as it was"), (NEWER, "changed"), (OLD, "closed"),
    ]:  # fmt: skip
        world.edit(text)
        told = json.loads(propose("why", "--json").stdout)
        assert told == {"action": action, "url": None if action == "nothing" else url}
