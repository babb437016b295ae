"""`post`: say something on GitHub in one place, which is changed in place the next time."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from operations.exits import Exit, stopped
from operations.options import InventoryFile, Json, utf8
from operations.outside.files import read_text
from operations.outside.github import fitted, repository

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.IssueComment import IssueComment
    from github.Repository import Repository

_USUAL = Path("tenants.yaml")


def post(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to say, in Markdown.")],
    pull_request: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Say it as a comment there.", show_default=False),
    ] = None,
    issue: Annotated[
        str | None,
        typer.Option(
            metavar="TITLE", callback=utf8, help="Say it as an issue.", show_default=False
        ),
    ] = None,
    inventory: InventoryFile = _USUAL,
    as_json: Json = False,
) -> None:
    """Post FILE as a comment on a pull request, or as an issue.

    The comment of an earlier run is changed in place, and so is the issue. An empty FILE takes them
    back: the comment is deleted, the issue closed. Each inventory has a comment of its own, which
    names it unless it is tenants.yaml. What people wrote is left alone, so GITHUB_TOKEN has to be a
    workflow's or an app's. GITHUB_REPOSITORY and GITHUB_API_URL are read as well.

    \b
    For example:
      tenant-nats post changes.md --pull-request 17
      tenant-nats post eu.md --pull-request 17 --inventory inventories/eu.yaml
      tenant-nats post drift.md --issue "Drift of prod"

    \b
    Exit codes:
      0  it is said, or taken back, or there was nothing to take back
      1  the file cannot be read, or GitHub cannot be reached or refuses
      2  wrong usage
    """
    if (pull_request is None) == (issue is None):
        raise typer.BadParameter("give one of --pull-request and --issue")
    title, heading = issue or "changes", ""
    if pull_request is not None and inventory != _USUAL:
        name = utf8(str(inventory))
        title, heading = f"changes of {name}", f"`{name}`\n\n"
    try:
        text = read_text(file).strip()
        with repository() as ours:
            outcome = _say(ours, text and f"{heading}{text}", pull_request, title)
    except OSError as error:
        raise stopped(Exit.FAILED, f"{file} was not posted: {error}") from None
    typer.echo(json.dumps(asdict(outcome), indent=2) if as_json else outcome.told())


@dataclass(frozen=True)
class _Outcome:
    """What was done, and where."""

    action: Literal["made", "changed", "taken back", "nothing"]
    url: str | None = None

    def told(self) -> str:
        match self.action:
            case "nothing":
                return "There is nothing to say, and nothing was said before."
            case "taken back":
                return f"Taken back: {self.url}"
            case _:
                return f"Said at {self.url}"


def _say(ours: "Repository", text: str, number: int | None, title: str) -> _Outcome:
    """Change what an earlier run said, or say it for the first time, or take it back."""
    from github.IssueComment import IssueComment  # slow at the top, as in `repository`

    mark = f"<!-- tenant-nats: {title} -->"
    if number is None:
        posts, make = ours.get_issues(state="open"), partial(ours.create_issue, title)
    else:
        pull = ours.get_pull(number)
        posts, make = pull.get_issue_comments(), pull.create_issue_comment
    old = next((each for each in posts if _is_ours(each, mark)), None)
    if text:
        body = fitted(f"{mark}\n{text}\n")
        if old is None:
            return _Outcome("made", make(body).html_url)
        old.edit(body=body)
        return _Outcome("changed", old.html_url)
    if old is None:
        return _Outcome("nothing")
    if isinstance(old, IssueComment):
        old.delete()
    else:
        old.edit(state="closed")
    return _Outcome("taken back", old.html_url)


def _is_ours(post: "Issue | IssueComment", mark: str) -> bool:
    # Anybody can write the mark; whoever wrote a comment can edit it later. The user of a deleted
    # account may be missing.
    return getattr(post.user, "type", None) == "Bot" and (post.body or "").startswith(mark)
