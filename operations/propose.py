"""`propose`: one branch and one open pull request with the edit of an inventory."""

import json
import os
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from operations.exits import Exit, stopped
from operations.inventories.differing import blobs_at, hashes_of
from operations.inventories.loading import files_of, is_folder
from operations.options import InventoryFile, Json, utf8
from operations.outside.files import read_text
from operations.outside.git import RevisionError, git
from operations.outside.github import fitted, repository, token
from tenancy.inventory.faults import InventoryError, printable

if TYPE_CHECKING:
    from github.PullRequest import PullRequest
    from github.Repository import Repository

_MAIN = "main"
_BRANCH = "autoscale"
_MODE = "100644"
_REMOTE = "origin"
_NOBODY = "github-actions[bot]"
_NOBODYS_ADDRESS = "41898282+github-actions[bot]@users.noreply.github.com"
_NO_LONGER = "No longer needed: the inventory of main says what it should.\n\n"
_HOW = (
    "\n\nThis branch is written anew whenever the edit or main is another one: what is pushed to "
    "it by hand is lost. The pull request is closed when nothing is to change any more.\n"
)


def propose(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="Why, for the text of the pull request.")
    ],
    inventory: InventoryFile = Path("tenants.yaml"),
    branch: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=utf8,
            help="The branch, which nobody else writes. Otherwise autoscale for tenants.yaml, and "
            "for example autoscale-inventories/eu for inventories/eu.yaml, or "
            "autoscale-inventory/eu for the cell in inventory/eu.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Open or update one pull request with the inventory's edit.

    The edit is what the file has and the last commit of the checkout has not; no other file goes
    with it, and the checkout stays as it is. Where branch and pull request have just this edit of
    just this commit, both are left alone, so that checks and approvals stay. Where the file is as
    it was committed, an open pull request is closed, with REPORT as the reason. The edit of a
    cell's folder is that of all its files.

    It pushes to `origin`. GITHUB_TOKEN, GITHUB_REPOSITORY, GITHUB_API_URL and GITHUB_SERVER_URL are
    read.

    \b
    For example:
      tenant-nats propose autoscale.md
      tenant-nats propose eu.md --inventory inventories/eu.yaml
      tenant-nats propose eu.md --inventory inventory/eu

    \b
    Exit codes:
      0  it is proposed, or was so already, or nothing is to change
      1  a file cannot be read, or git or GitHub cannot be reached or refuses
      2  wrong usage
    """
    if branch == _MAIN:
        raise typer.BadParameter("--branch: main is what the pull request is to change")
    try:
        text = read_text(report).strip()
        with repository() as ours:
            file = inventory.absolute()
            kind = _CellCheckout if is_folder(file) else _Checkout
            checkout = kind(file.parent, token())
            own = branch or checkout.branch_for(file.name)
            outcome = _Proposal(checkout, ours, file, own).make(text)
    except (InventoryError, OSError, RevisionError) as error:
        raise stopped(Exit.FAILED, f"{inventory} was not proposed: {error}") from None
    typer.echo(json.dumps(asdict(outcome), indent=2) if as_json else outcome.told())


@dataclass(frozen=True)
class _Outcome:
    """What was done, and where."""

    action: Literal["made", "changed", "as it was", "closed", "nothing"]
    url: str | None = None

    def told(self) -> str:
        match self.action:
            case "nothing":
                return "There is nothing to propose, and no pull request is open."
            case "closed":
                return f"Closed, since nothing is to change: {self.url}"
            case "as it was":
                return f"Proposed already, and left alone: {self.url}"
            case _:
                return f"Proposed at {self.url}"


class _Checkout:
    """A clone with the edit in it, of which only objects and the remote's branch are written."""

    def __init__(self, folder: Path, token: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, **_credentials(token), "GIT_TERMINAL_PROMPT": "0"}

    def edited(self, name: str, message: str) -> str | None:
        """A commit on top of the last one with `name` as it is now; None when that is no change.

        The same edit of the same commit is the same commit, by its hash: who, when and which words
        depend on nothing else. So whether it was pushed already is one comparison.
        """
        there = self._git("ls-tree", "HEAD", "--", name)
        if not there:
            raise OSError("it is not in the last commit of the checkout")
        try:
            mode, _, old = there.partition("\t")[0].split()
        except ValueError:
            raise OSError(f"git ls-tree printed something unforeseen: {printable(there)}") from None
        new = self._git("hash-object", "-w", "--", name)
        if new == old:
            return None
        return self._committed([f"{mode} {new}\t{self._path(name)}"], message)

    def _committed(self, entries: Sequence[str], message: str) -> str:
        """A commit on top of the last one, with these entries of the index in place of theirs."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git("read-tree", "HEAD", more=index)
            listed = "".join(f"{entry}\0" for entry in entries).encode(errors="surrogateescape")
            self._git("update-index", "-z", "--index-info", more=index, stdin=listed)
            tree = self._git("write-tree", more=index)
        seconds = self._git("show", "--no-patch", "--format=%ct", "HEAD")
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in {
                "NAME": _NOBODY,
                "EMAIL": _NOBODYS_ADDRESS,
                "DATE": f"@{seconds} +0000",
            }.items()
        }
        return self._git("commit-tree", tree, "-p", "HEAD", "-m", message, more=who)

    def branch_for(self, name: str) -> str:
        """The branch for the inventory `name`, which no other inventory of the checkout has."""
        path = self._path(name)
        return _BRANCH if path == "tenants.yaml" else f"{_BRANCH}-{path.removesuffix('.yaml')}"

    def pushed(self, branch: str) -> str:
        """The commit of the remote's branch; empty where there is no such branch."""
        return self._git("ls-remote", _REMOTE, f"refs/heads/{branch}").partition("\t")[0]

    def push(self, commit: str, branch: str, *, instead_of: str) -> None:
        """Make `commit` the remote's branch, unless that is another one by now."""
        lease = f"--force-with-lease=refs/heads/{branch}:{instead_of}"
        self._git("push", "--quiet", lease, _REMOTE, f"{commit}:refs/heads/{branch}")

    def _path(self, name: str) -> str:
        return self._git("rev-parse", "--show-prefix") + name

    def _git(
        self, *arguments: str, more: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> str:
        """What git prints.

        Raises:
            OSError: it refuses, in git's own words.
            RevisionError: there is no git.
        """
        environment = {**self._environment, **(more or {})}
        answer = git(self._folder, *arguments, environment=environment, stdin=stdin)
        if answer.returncode != 0:
            raise OSError(f"git {arguments[0]}: {answer.stderr.decode(errors='replace').strip()}")
        return answer.stdout.decode(errors="surrogateescape").rstrip("\n")


class _CellCheckout(_Checkout):
    """A clone with an edit of a cell, which is a folder with several files."""

    def edited(self, name: str, message: str) -> str | None:
        """The same of the files in the folder `name`: those that are changed, new or gone."""
        folder = self._folder / name
        there = blobs_at(folder, "HEAD")
        if not there:
            raise OSError("it is not in the last commit of the checkout")
        files = [file.name for file in files_of(folder)]
        here = dict(zip(files, hashes_of(folder, files, "-w"), strict=True))
        changed = {file: blob for file, blob in here.items() if there.get(file) != blob}
        gone = there.keys() - here.keys()
        path = self._path(name)
        entries = [f"{_MODE} {blob}\t{path}/{file}" for file, blob in changed.items()]
        entries += [f"0 {there[file]}\t{path}/{file}" for file in sorted(gone)]
        return self._committed(entries, message) if entries else None


def _credentials(token: str) -> Mapping[str, str]:
    """Settings of git that send the token to GitHub, and that no command line and no file shows."""
    server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    encoded = b64encode(f"x-access-token:{token}".encode()).decode()
    count = _settings_before()
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{server}/.extraheader",
        f"GIT_CONFIG_VALUE_{count}": f"Authorization: Basic {encoded}",
    }


def _settings_before() -> int:
    """How many settings of git the environment has already.

    Raises:
        OSError: it is no number, and git would refuse it too.
    """
    count = os.environ.get("GIT_CONFIG_COUNT") or "0"
    if not (count.isascii() and count.isdecimal()):
        raise OSError(
            f"GIT_CONFIG_COUNT is {printable(count)}, expected how many GIT_CONFIG_KEY_… follow, "
            "for example 1; or unset it"
        )
    return int(count)


@dataclass(frozen=True)
class _Proposal:
    """The one branch and its one pull request."""

    checkout: _Checkout
    repository: "Repository"
    inventory: Path
    branch: str

    def make(self, text: str) -> _Outcome:
        """Bring both to what the file has now."""
        title = f"Scale {self.inventory.name} as its tenants need"
        wanted = self.checkout.edited(self.inventory.name, title)
        found = self._open()
        if wanted is None:
            return self._closed(found, text)
        there = self.checkout.pushed(self.branch)
        if found and there == wanted:
            return _Outcome("as it was", found.html_url)
        body = fitted(f"{text}{_HOW}")
        if found:
            # Before the push: if that fails, the next run still finds another commit and tries both
            # again. The other way round a text that was not changed would stay.
            found.edit(title=title, body=body)
        if there != wanted:
            self.checkout.push(wanted, self.branch, instead_of=there)
        if found:
            return _Outcome("changed", found.html_url)
        made = self.repository.create_pull(_MAIN, self.branch, title=title, body=body)
        return _Outcome("made", made.html_url)

    def _open(self) -> "PullRequest | None":
        # One that was merged or closed is past: the next edit gets a pull request of its own.
        head = f"{self.repository.owner.login}:{self.branch}"
        return next(iter(self.repository.get_pulls(state="open", head=head, base=_MAIN)), None)

    def _closed(self, found: "PullRequest | None", text: str) -> _Outcome:
        if found is None:
            return _Outcome("nothing")
        found.create_issue_comment(fitted(f"{_NO_LONGER}{text}\n"))
        found.edit(state="closed")
        return _Outcome("closed", found.html_url)
