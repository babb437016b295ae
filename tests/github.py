"""A server on loopback that answers as GitHub's REST API does."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import Quiet, running

TOKEN = "canary-5d2c"
BOT = {"type": "Bot", "login": "github-actions[bot]"}
PERSON = {"type": "User", "login": "mallory"}

Post = dict[str, Any]


class GitHub(ThreadingHTTPServer):
    """One repository, acme/platform, with the comments of pull request 7 and the issues."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.comments: list[Post] = []
        self.issues: list[Post] = []
        self.refuses = False

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
        number = len(self.comments) + len(self.issues) + 1
        url = f"https://github.example/{number}"
        made = {"id": number, "number": number, "html_url": url, "state": "open"}
        posts.append({**made, "user": user, "title": title, "body": body})
        return posts[-1]

    def answer(self, method: str, path: str, body: Post) -> tuple[int, Any, str]:
        """The status, what is answered, and the page after it, if there is one."""
        path, _, query = path.removeprefix("/repos/acme/platform/").partition("?")
        page = int(query.rpartition("&page=")[2]) if "&page=" in query else 1
        match method, path.split("/"):
            case "GET", ["issues", "7", "comments"]:
                return self._page(self.comments, page, path)
            case "GET", ["issues"] if "state=open" in query:
                open_ones = [each for each in self.issues if each["state"] == "open"]
                return self._page(open_ones, page, path)
            case "POST", ["issues", "7", "comments"]:
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
