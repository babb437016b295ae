"""The commit of each member, in real repositories."""

import os
from pathlib import Path

import pytest

from cell.fingerprint import PACKAGES
from operations.outside.git import RevisionError
from operations.shards.history import PROGRAM, History
from tests.unit.operations.shards.repository import SETTINGS, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def commits(
    repository: Repository, cell: str = "eu", revision: str | None = None
) -> dict[str, str]:
    history = History.of(repository.folder, revision)
    found = history.last_changes(history.members(cell))
    return {member.name: commit for member, commit in found.items()}


def test_an_edit_of_one_shard_is_that_shards_alone(repository: Repository) -> None:
    edit = repository.push(**{"inventory/eu/002.yaml": "2"})
    first = repository.first
    assert commits(repository) == {"base": first, "001": first, "002": edit, "003": first}


@pytest.mark.parametrize("file", ["Pulumi.eu.yaml", *PROGRAM[:3], f"{PACKAGES[0]}/sub/module.py"])
def test_another_setting_or_program_is_every_members(repository: Repository, file: str) -> None:
    repository.push(**{"inventory/eu/002.yaml": "2"})
    content = SETTINGS.format("eu") + "# edited\n"
    edit = repository.push(**{file: content})
    assert set(commits(repository).values()) == {edit}


def test_what_no_member_is_made_of_changes_none(repository: Repository) -> None:
    before = commits(repository)
    repository.push(
        **{
            "README.md": "2",
            "Pulumi.us.yaml": SETTINGS.format("us"),
            "inventory/us/001.yaml": "2",
            "inventory/eu.approval": "2",
            "docs/uv.lock": "2",
        }
    )
    assert commits(repository) == before


def test_a_shard_that_came_went_or_got_another_name(repository: Repository) -> None:
    edit = repository.push(**{"inventory/eu/004.yaml": "4"})
    assert commits(repository)["004"] == edit
    repository.git("mv", "inventory/eu/004.yaml", "inventory/eu/005.yaml")
    (repository.folder / "inventory/eu/001.yaml").unlink()
    moved = repository.push()
    first = repository.first
    assert commits(repository) == {"base": first, "002": first, "003": first, "005": moved}


def test_a_member_is_never_deployed_from_a_branch_that_lacks_what_main_has(
    repository: Repository,
) -> None:
    repository.git("checkout", "--quiet", "-b", "edit")
    on_branch = repository.commit(**{"inventory/eu/002.yaml": "2"})
    repository.git("checkout", "--quiet", "main")
    settings = repository.commit(**{"Pulumi.eu.yaml": SETTINGS.format("eu") + "# new\n"})
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "edit")
    merge = repository.git("rev-parse", "HEAD")
    repository.push()
    found = commits(repository)
    assert found == {"base": settings, "001": settings, "002": merge, "003": settings}
    assert on_branch not in found.values()


def test_each_commit_has_of_its_member_what_the_last_one_has(repository: Repository) -> None:
    """Whatever was merged into what, also backwards."""
    for number in range(6):
        repository.git("checkout", "--quiet", "-B", "edit")
        repository.commit(**{f"inventory/eu/00{number % 3 + 1}.yaml": f"branch {number}"})
        repository.git("checkout", "--quiet", "main")
        file = "uv.lock" if number == 3 else "README.md"
        repository.commit(**{file: f"main {number}"})
        # Every second time main is what was merged into the branch, and follows it.
        if number % 2:
            repository.git("checkout", "--quiet", "edit")
            repository.git("merge", "--quiet", "--no-ff", "--message=back", "main")
            repository.git("checkout", "--quiet", "main")
            repository.git("merge", "--quiet", "--ff-only", "edit")
        else:
            repository.git("merge", "--quiet", "--no-ff", "--message=merge", "edit")
    repository.push()
    history = History.of(repository.folder, None)
    for member, commit in history.last_changes(history.members("eu")).items():
        then = History(repository.folder, commit)
        files = [member.settings_file, Path("uv.lock")]
        for file in files + ([member.inventory] if member.shard else []):
            assert then.content(file) == history.content(file), (member, file)


def test_a_project_may_be_below_the_root_of_its_repository(tmp_path: Path) -> None:
    repository = Repository(tmp_path, project="deploy/nats")
    (repository.root / "uv.lock").write_text("of another project")
    edit = repository.push(**{"inventory/eu/001.yaml": "2"})
    history = History.of(repository.folder, None)
    assert (history.within, history.cells()) == ("deploy/nats", ("eu",))
    first = repository.first
    assert commits(repository) == {"base": first, "001": edit, "002": first, "003": first}
    assert Repository(tmp_path / "other").folder.exists()
    assert History.of(tmp_path / "other" / "clone", None).within == ""


def test_git_runs_as_often_for_hundreds_of_shards_as_for_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    for shards in (3, 334):
        repository = Repository(tmp_path / str(shards), shards=shards)
        repository.push(**{"inventory/eu/002.yaml": "2"})
        trace = tmp_path / f"{shards}.trace"
        with monkeypatch.context() as patched:
            patched.setenv("GIT_TRACE", str(trace))
            assert len(commits(repository)) == shards + 1
        counted.append(trace.read_text().count("trace: built-in: git"))
    assert counted[0] == counted[1]


def test_what_another_person_has_set_for_git_changes_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = repository.push(**{"inventory/eu/001.yaml": "2"})
    before = commits(repository)
    settings = {
        "log.showRoot": "false",
        "log.decorate": "full",
        "log.date": "human",
        "diff.renames": "copies",
        "diff.noprefix": "true",
        "diff.relative": "true",
        "color.ui": "always",
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "true",
    }
    for key, value in settings.items():
        repository.git("config", key, value)
    monkeypatch.setenv("GIT_PAGER", "false")
    assert commits(repository) == before
    assert before["001"] == edit


def test_what_is_not_committed_is_told(repository: Repository) -> None:
    history = History.of(repository.folder, None)
    assert history.edited("eu") == ()
    repository.write(
        **{"inventory/eu/002.yaml": "2", "inventory/eu/009.yaml": "", "README.md": "edited"}
    )
    (repository.folder / "Pulumi.eu.yaml").unlink()
    assert history.edited("eu") == (
        "Pulumi.eu.yaml",
        "inventory/eu/002.yaml",
        "inventory/eu/009.yaml",
    )


def test_a_revision_up_to_which(repository: Repository) -> None:
    edit = repository.push(**{"inventory/eu/001.yaml": "2"})
    repository.push(**{"inventory/eu/001.yaml": "3"})
    assert commits(repository, revision="HEAD~1")["001"] == edit
    assert commits(repository, revision="origin/main~2")["001"] == repository.first


def test_a_commit_that_no_remote_has_is_refused(repository: Repository) -> None:
    commit = repository.commit(**{"inventory/eu/001.yaml": "2"})
    with pytest.raises(RevisionError, match=f"HEAD is {commit}, which no branch of a remote has"):
        History.of(repository.folder, None)
    assert History.of(repository.folder, "origin/main").commit == repository.first


def test_what_is_no_commit_is_refused(repository: Repository) -> None:
    with pytest.raises(RevisionError, match=r"nowhere is no commit of the repository of .*clone"):
        History.of(repository.folder, "nowhere")


def test_a_clone_without_the_history_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.push(**{"inventory/eu/001.yaml": "2"})
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.remote}",
                   str(tmp_path / "shallow"), "--branch=main")  # fmt: skip
    with pytest.raises(RevisionError, match=r"lacks the history.*fetch-depth: 0"):
        History.of(tmp_path / "shallow", None)


def test_a_folder_without_a_repository_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    with pytest.raises(RevisionError, match="HEAD is no commit"):
        History.of(tmp_path, None)
