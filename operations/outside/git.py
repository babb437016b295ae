"""An inventory as git has it: what an edit is compared with."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.outside.files import read_bytes

MAIN = "origin/main"


class RevisionError(Exception):
    """Git does not have what was asked for: one line, with what to do."""


@dataclass(frozen=True)
class Base:
    """What an edit is compared with."""

    name: str
    """In words: `tenants.yaml of origin/main`."""
    content: bytes | None
    """None where the revision has no such file: this is a stack's first inventory."""


def base_of(head: Path, asked: str | None) -> Base:
    """The inventory before the edit that made `head`.

    Args:
        head: the inventory as edited.
        asked: a file, or else a revision that has the file at the same path. None for the commit
            where the branch of `head` left origin/main, or HEAD if there is no origin/main.

    Raises:
        RevisionError: there is no such file or revision, or no git.
        OSError: the file cannot be read.
    """
    # Unlike those of Path, the questions of os.path take a name that is too long for a "no".
    if asked is not None and os.path.isfile(asked):  # noqa: PTH113
        return Base(asked, read_bytes(Path(asked)))
    folder = head.absolute().parent
    revision = revision_of(head, folder, asked)
    # Relative to the folder, which may be below the repository's root.
    return Base(f"{head} of {revision}", _git(folder, "show", f"{revision}:./{head.name}"))


def revision_of(head: Path, folder: Path, asked: str | None) -> str:
    """The revision before the edit of `head`, which is in `folder`: as `asked`, or as `base_of`.

    Raises:
        RevisionError: there is no such revision, or no git.
    """
    revision = asked or _before_the_branch(folder)
    if _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise RevisionError(
            f"{revision} is neither a file nor a revision of the repository of {head}. For "
            "example: --base origin/main, --base HEAD~1, --base ../tenants.yaml."
        )
    return revision


def _before_the_branch(folder: Path) -> str:
    if _git(folder, "rev-parse", "--verify", "--quiet", f"{MAIN}^{{commit}}") is None:
        return "HEAD"
    base = _git(folder, "merge-base", MAIN, "HEAD")
    if base is None:
        raise RevisionError(
            f"This clone lacks the commit where this branch left {MAIN}. Fetch the whole history "
            "(`git fetch --unshallow`, `fetch-depth: 0`), or give --base."
        )
    return base.decode(errors="replace").strip()


def git(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """What git answers, and how it ends; of a file in a repository nobody knows the encoding.

    Args:
        folder: where it runs.
        arguments: its own.
        environment: another one than this program's.
        stdin: what it reads there.

    Raises:
        RevisionError: there is no git, or it cannot be run there.
    """
    program = shutil.which("git")
    if program is None:
        raise RevisionError("There is no git on PATH.")
    try:
        return subprocess.run(
            [program, *arguments], cwd=folder, env=environment, input=stdin, capture_output=True
        )
    except OSError as error:
        raise RevisionError(f"git cannot be run in {folder} ({error.strerror}).") from None


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints; None when it refuses."""
    try:
        answer = git(folder, *arguments)
    except RevisionError as error:
        raise RevisionError(f"{error} Give --base a file.") from None
    return answer.stdout if answer.returncode == 0 else None
