"""`post`: say something on GitHub in one place, which is changed in place the next time."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from operations.exits import Exit, stopped
from operations.options import Json
from operations.outside.github import GitHub, fitted


def post(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to say, in Markdown.")],
    pull_request: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Say it as a comment there.", show_default=False),
    ] = None,
    issue: Annotated[
        str | None,
        typer.Option(metavar="TITLE", help="Say it as an issue.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what FILE has in one comment of a pull request, or in one open issue.

    The comment of an earlier run is changed in place, and so is the issue. An empty FILE takes them
    back: the comment is deleted, the issue closed. What people wrote is left alone, so GITHUB_TOKEN
    has to be a workflow's or an app's. GITHUB_REPOSITORY and GITHUB_API_URL are read as well.

    \b
    For example:
      python -m operations post changes.md --pull-request 17
      python -m operations post drift.md --issue "Drift of prod"

    \b
    Exit codes:
      0  it is said, or taken back, or there was nothing to take back
      1  the file cannot be read, or GitHub cannot be reached or refuses
      2  wrong usage
    """
    if (pull_request is None) == (issue is None):
        raise typer.BadParameter("give one of --pull-request and --issue")
    try:
        text = file.read_text().strip()
        github = GitHub.of_environment()
        place = (
            _Issues(github, issue or "")
            if pull_request is None
            else _Comments(github, pull_request)
        )
        outcome = _say(place, text)
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


class _Comments:
    """The comments of a pull request."""

    def __init__(self, github: GitHub, number: int) -> None:
        self._github, self._number = github, number
        self.mark = "<!-- tenant-nats: changes -->"

    def found(self) -> Iterator[dict[str, Any]]:
        return self._github.listed(f"issues/{self._number}/comments?per_page=100")

    def make(self, text: str) -> dict[str, Any]:
        return self._github.ask("POST", f"issues/{self._number}/comments", body=text).json()

    def change(self, old: dict[str, Any], text: str) -> dict[str, Any]:
        return self._github.ask("PATCH", f"issues/comments/{old['id']}", body=text).json()

    def take_back(self, old: dict[str, Any]) -> None:
        self._github.ask("DELETE", f"issues/comments/{old['id']}")


class _Issues:
    """The open issues of a repository."""

    def __init__(self, github: GitHub, title: str) -> None:
        self._github, self._title = github, title
        self.mark = f"<!-- tenant-nats: {title} -->"

    def found(self) -> Iterator[dict[str, Any]]:
        return self._github.listed("issues?state=open&per_page=100")

    def make(self, text: str) -> dict[str, Any]:
        return self._github.ask("POST", "issues", title=self._title, body=text).json()

    def change(self, old: dict[str, Any], text: str) -> dict[str, Any]:
        return self._github.ask("PATCH", f"issues/{old['number']}", body=text).json()

    def take_back(self, old: dict[str, Any]) -> None:
        self._github.ask("PATCH", f"issues/{old['number']}", state="closed")


def _say(place: _Comments | _Issues, text: str) -> _Outcome:
    """Change what is there, or make it, or take it back."""
    old = next((each for each in place.found() if _is_ours(each, place.mark)), None)
    if not text:
        if old is None:
            return _Outcome("nothing")
        place.take_back(old)
        return _Outcome("taken back", old["html_url"])
    body = fitted(f"{place.mark}\n{text}\n")
    if old is None:
        return _Outcome("made", place.make(body)["html_url"])
    return _Outcome("changed", place.change(old, body)["html_url"])


def _is_ours(post: dict[str, Any], mark: str) -> bool:
    # Anybody can write the mark; whoever wrote a comment can edit it later.
    return post["user"]["type"] == "Bot" and (post["body"] or "").startswith(mark)
