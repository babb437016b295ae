"""A server on loopback that answers as GitHub's REST API does."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.loopback import Quiet, running

TOKEN = "canary-5d2c"
BOT = {"type": "Bot", "login": "github-actions[bot]"}
PERSON = {"type": "User", "login": "mallory"}

Post = dict[str, Any]


class GitHub(ThreadingHTTPServer):
    """One repository, acme/platform, with comments of pull request 7, issues, pull requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.comments: list[Post] = []
        self.issues: list[Post] = []
        self.pulls: list[Post] = []
        self.refuses = False
        self.changes: list[str] = []
        """What was asked for that was not only to read: `POST pulls`."""
        self.names: list[str] = []
        """In whose name: the Authorization of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a workflow of the repository has in its environment."""
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "acme/platform",
            "GITHUB_TOKEN": TOKEN,
        }

    def add(
        self, posts: list[Post], body: str | None, user: Post = BOT, *, title: str = ""
    ) -> Post:
        """A comment or an issue that is there already."""
        number = len(self.comments) + len(self.issues) + len(self.pulls) + 1
        url = f"https://github.example/{number}"
        made = {"id": number, "number": number, "html_url": url, "state": "open"}
        posts.append({**made, "user": user, "title": title, "body": body})
        return posts[-1]

    def add_pull(self, body: Post) -> Post:
        """A pull request of a branch of the repository."""
        made = self.add(self.pulls, body["body"], title=body["title"])
        made.update(head={"ref": body["head"]}, base={"ref": body["base"]})
        return made

    def answer(self, method: str, path: str, body: Post) -> tuple[int, Any, str]:
        """The status, what is answered, and the page after it, if there is one."""
        path, _, query = path.removeprefix("/repos/acme/platform/").partition("?")
        page = int(query.rpartition("&page=")[2]) if "&page=" in query else 1
        if method != "GET":
            self.changes.append(f"{method} {path}")
        match method, path.split("/"):
            case _, ["pulls", *rest]:
                return self._answer_of_pulls(rest, page, parse_qs(query), body)
            case "GET", ["issues", "7", "comments"]:
                return self._page(self.comments, page, path)
            case "GET", ["issues"] if "state=open" in query:
                open_ones = [each for each in self.issues if each["state"] == "open"]
                return self._page(open_ones, page, path)
            case "POST", ["issues", _, "comments"]:
                return 201, self.add(self.comments, body["body"]), ""
            case "POST", ["issues"]:
                return 201, self.add(self.issues, body["body"], title=body["title"]), ""
            case "PATCH", ["issues", "comments", number]:
                return 200, self._changed(self.comments, number, body), ""
            case "PATCH", ["issues", number]:
                return 200, self._changed(self.issues, number, body), ""
            case "DELETE", ["issues", "comments", number]:
                self.comments = [each for each in self.comments if each["id"] != int(number)]
                return 204, None, ""
            case _:
                return 404, {"message": "Not Found"}, ""

    def _answer_of_pulls(
        self, rest: list[str], page: int, query: dict[str, list[str]], body: Post
    ) -> tuple[int, Any, str]:
        if rest:
            return 200, self._changed(self.pulls, rest[0], body), ""
        if not body:
            return self._page(self._pulls(query), page, "pulls")
        asked = {"head": [f"acme:{body['head']}"], "base": [body["base"]]}
        if self._pulls({"state": ["open"], **asked}):
            return 422, {"message": "A pull request already exists"}, ""
        return 201, self.add_pull(body), ""

    def _pulls(self, query: dict[str, list[str]]) -> list[Post]:
        def named(pull: Post) -> dict[str, list[str]]:
            head, base = f"acme:{pull['head']['ref']}", pull["base"]["ref"]
            return {"state": [pull["state"]], "head": [head], "base": [base]}

        return [pull for pull in self.pulls if query.items() <= named(pull).items()]

    def _page(self, posts: list[Post], page: int, path: str) -> tuple[int, Any, str]:
        following = f"{self.url}/repos/acme/platform/{path}?state=open&per_page=100&page={page + 1}"
        start = 100 * (page - 1)
        return 200, posts[start : start + 100], following if len(posts) > start + 100 else ""

    def _changed(self, posts: list[Post], number: str, body: Post) -> Post:
        [post] = [each for each in posts if each["id"] == int(number)]
        post.update(body)
        return post


class _Answer(Quiet, BaseHTTPRequestHandler):
    server: GitHub  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.names.append(self.headers["Authorization"])
        known = self.headers["Authorization"] == f"Bearer {TOKEN}" and not self.server.refuses
        refused = (403, {"message": "Resource not accessible by integration"}, "")
        status, body, following = (
            self.server.answer(self.command, self.path, json.loads(sent or b"{}"))
            if known
            else refused
        )
        self.send_response(status)
        if following:
            self.send_header("Link", f'<{following}>; rel="next"')
        self.end_headers()
        if body is not None:
            self.wfile.write(json.dumps(body).encode())

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any


@contextmanager
def serving() -> Generator[GitHub]:
    """The repository, for as long as it is asked."""
    with running(GitHub()) as server:
        yield server
