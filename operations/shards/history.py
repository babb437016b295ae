"""From which commit each member of a cell is deployed, by the history of the repository.

A member's commit is the last one of the main line that touched what the member is made of: its
inventory, its cell's settings or the program. All later commits have the same of these, and an edit
of another shard leaves it as it is.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cell.fingerprint import PACKAGES
from cell.folders import is_shard
from operations.outside.git import RevisionError, git
from tenancy.cells import CELL, FOLDER, Member

PROGRAM = ("__main__.py", "Pulumi.yaml", "uv.lock", *PACKAGES)
"""What an `up` runs, in a copy of this project; where it is a dependency, `uv.lock` says which."""

_SETTINGS = (
    "log.showRoot=true",
    "log.showSignature=false",
    "log.follow=false",
    "core.quotePath=false",
)
"""What another setting of a person would change in what git prints."""


@dataclass(frozen=True)
class History:
    """The repository of a project, up to one commit that the operator can fetch."""

    folder: Path
    """The project's."""
    commit: str
    """Its whole hash."""

    @classmethod
    def of(cls, folder: Path, asked: str | None) -> "History":
        """The history up to the revision `asked`, or up to HEAD.

        Raises:
            RevisionError: there is no such commit, no branch of a remote has it, or the history
                before it is missing here.
        """
        name = asked or "HEAD"
        commit = _line(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if commit is None:
            raise RevisionError(
                f"{name} is no commit of the repository of {folder.absolute()}. For example: "
                "--commit origin/main."
            )
        on = _line(
            folder, "for-each-ref", "--count=1", f"--contains={commit}", "--format=%(refname)",
            "refs/remotes",
        )  # fmt: skip
        if not on:
            raise RevisionError(
                f"{name} is {commit}, which no branch of a remote has as far as this clone knows, "
                "so the operator could not fetch it. Push it, or name one that is pushed: "
                "--commit origin/main."
            )
        if _line(folder, "rev-parse", "--is-shallow-repository") == "true":
            raise RevisionError(
                "This clone lacks the history, which says what each member was last changed by. "
                "Fetch it whole (`git fetch --unshallow`, `fetch-depth: 0`)."
            )
        return cls(folder, commit)

    @property
    def within(self) -> str:
        """The project's folder in the repository; empty for its root."""
        return (_line(self.folder, "rev-parse", "--show-prefix") or "").rstrip("/")

    def cells(self) -> tuple[str, ...]:
        """The cells that the commit has, by name."""
        return tuple(
            sorted(each.name for each in self._listed("-d") if re.fullmatch(CELL, each.name))
        )

    def members(self, cell: str) -> tuple[Member, ...]:
        """The base of the cell, and the shards that have an inventory in the commit."""
        files = [Path(each) for each in self._listed(below=f"{cell}/")]
        shards = sorted(each.stem for each in files if is_shard(each))
        return (
            Member(cell=cell, shard=None),
            *(Member(cell=cell, shard=name) for name in shards),
        )

    def content(self, file: Path) -> bytes | None:
        """A file as the commit has it; None if it has none of that name."""
        answer = git(self.folder, "show", f"{self.commit}:./{file.as_posix()}")
        return answer.stdout if answer.returncode == 0 else None

    def edited(self, cell: str) -> tuple[str, ...]:
        """What the working tree has otherwise than HEAD, of what the members are made of."""
        said = self._run(
            "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--",
            *_paths(cell),
        )  # fmt: skip
        return tuple(sorted(each[3:] for each in said.split("\0") if each))

    def last_changes(self, members: Iterable[Member]) -> Mapping[Member, str]:
        """The commit that each member is deployed from; all are of one cell.

        One run of git for all of them, along first parents: the tree of a commit on a branch that
        was merged has not yet what the main line had meanwhile.
        """
        waiting = {str(each.inventory) if each.shard else "": each for each in members}
        [cell] = {each.cell for each in waiting.values()}
        said = self._run(
            "log", "--first-parent", "-m", "--name-only", "--no-renames", "--relative",
            "--format=commit %H", self.commit, "--", *_paths(cell),
        )  # fmt: skip
        found: dict[Member, str] = {}
        for commit, touched in _commits(said):
            if any(not name.startswith(f"{FOLDER}/{cell}/") for name in touched):
                touched = list(waiting)
            found |= {waiting.pop(name): commit for name in touched if name in waiting}
            if not waiting:
                return found
        # Without a program and settings there is no member; the caller has read both.
        raise RevisionError(
            f"The history of {self.commit} has no commit that made {min(waiting) or 'the program'}."
        )

    def _listed(self, *options: str, below: str = "") -> list[PurePosixPath]:
        said = self._run("ls-tree", "--name-only", "-z", *options, self.commit, f"{FOLDER}/{below}")
        return [PurePosixPath(each) for each in said.split("\0") if each]

    def _run(self, *arguments: str) -> str:
        """What git prints.

        Raises:
            RevisionError: it refuses.
        """
        settings = [part for each in _SETTINGS for part in ("-c", each)]
        answer = git(self.folder, *settings, *arguments)
        if answer.returncode != 0:
            said = answer.stderr.decode(errors="replace").strip().splitlines()
            raise RevisionError(f"git {arguments[0]}: {(said or ['failed'])[-1]}")
        return answer.stdout.decode(errors="surrogateescape")


def origin(folder: Path) -> str | None:
    """The URL of the remote `origin`; None if there is none."""
    return _line(folder, "remote", "get-url", "origin")


def _paths(cell: str) -> list[str]:
    """What the members of a cell are made of, as git takes it."""
    return [f"{FOLDER}/{cell}/", f"Pulumi.{cell}.yaml", *PROGRAM]


def _commits(said: str) -> Iterable[tuple[str, list[str]]]:
    """Each commit, the newest first, with the files that it touched."""
    for entry in re.split(r"^commit ", said, flags=re.MULTILINE)[1:]:
        commit, *names = entry.split("\n")
        yield commit, [name for name in names if name]


def _line(folder: Path, *arguments: str) -> str | None:
    """The line that git prints; None when it refuses."""
    answer = git(folder, *arguments)
    return answer.stdout.decode(errors="replace").strip() if answer.returncode == 0 else None
