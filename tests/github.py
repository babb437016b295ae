"""A server on loopback that answers what `post` and `propose` ask of GitHub's REST API."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.loopback import Quiet, running

TOKEN = "canary-5d2c"
BOT, PERSON = {"type": "Bot"}, {"type": "User"}
COMMENTS, ISSUES, PULLS = "issues/comments", "issues", "pulls"

Post = dict[str, Any]


class GitHub(ThreadingHTTPServer):
    """One repository, acme/platform, which was acme/before."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.api = f"{self.url}/repos/acme/platform"
        self.environment = {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "acme/platform",
            "GITHUB_TOKEN": TOKEN,
        }
        """What a workflow of the repository has."""
        self.repository: Any = {"id": 1, "url": self.api, "owner": {"login": "acme"}}
        self.posts: list[Post] = []
        self.changes: list[str] = []
        """Requests that were not only to read: `POST pulls`."""
        self.names: list[str] = []
        """In whose name: the Authorization of each request."""
        self.statuses: dict[str, int] = {}
        """By method: what is answered, after it was done, in place of success."""

    def add(self, kind: str, user: Post | None = BOT, **more: str | None) -> Post:
        """A comment, an issue or a pull request."""
        number = len(self.posts) + 1
        made: Post = {"kind": kind, "id": number, "number": number, "state": "open", "user": user}
        made["html_url"] = f"https://github.example/{number}"
        made |= {"url": f"{self.api}/{kind}/{number}", "issue_url": f"{self.api}/issues/{number}"}
        if "head" in more:
            more["head"] = f"acme:{more['head']}"
        self.posts.append(made | more)
        return self.posts[-1]

    def of(self, kind: str) -> list[Post]:
        """All of its kind."""
        return [each for each in self.posts if each["kind"] == kind]

    def bodies(self, kind: str) -> list[str | None]:
        """What they say."""
        return [each["body"] for each in self.of(kind)]

    def answer(self, method: str, address: str, sent: Post) -> tuple[int, Any]:
        """The status, and what is answered."""
        path, query = urlsplit(address).path, dict(parse_qsl(urlsplit(address).query))
        where = path.removeprefix("/repos/acme/platform").strip("/")
        if method != "GET":
            self.changes.append(f"{method} {where}")
        match method, where.split("/"):
            case "GET", [""]:
                return 200, self.repository
            case "GET", ["repos", "acme", "before"]:
                return 301, {"url": self.api}
            case "GET", ["pulls", number]:
                return 200, {"issue_url": f"{self.api}/issues/{number}"}
            case "GET", ["issues", "7", "comments"]:
                return 200, self.of(COMMENTS)
            case "GET", ["issues" | "pulls" as kind]:
                del query["per_page"]
                return 200, [each for each in self.of(kind) if query.items() <= each.items()]
            case "POST", ["issues", _, "comments"]:
                return 201, self.add(COMMENTS, **sent)
            case "POST", ["issues" | "pulls" as kind]:
                return 201, self.add(kind, **sent)
            case "PATCH" | "DELETE", [*_, number]:
                [post] = [each for each in self.posts if each["id"] == int(number)]
                post.update(sent, kind=post["kind"] if method == "PATCH" else "deleted")
                return 200, post
            case _:
                return 404, {"message": "Not Found"}


class _Answer(Quiet, BaseHTTPRequestHandler):
    server: GitHub  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.names.append(self.headers["Authorization"])
        status, body = self.server.answer(self.command, self.path, json.loads(sent or b"{}"))
        if other := self.server.statuses.get(self.command):
            status, body = other, {"message": "Resource not accessible by integration"}
        self.send_response(status)
        if status == 301:
            self.send_header("Location", body["url"])
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any


@contextmanager
def serving() -> Generator[GitHub]:
    """The repository, for as long as it is asked."""
    with running(GitHub()) as server:
        yield server
