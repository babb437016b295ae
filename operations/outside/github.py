"""One repository on GitHub, by its REST API: what the commands that speak there share."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

_LONGEST = 65_536
"""Characters that GitHub takes as the text of a comment, an issue or a pull request."""
_CUT = "\n\n… cut here; the log of this run has all of it.\n"
_TIMEOUT = 30
_ALWAYS = "https://api.github.com"


@dataclass(frozen=True)
class GitHub:
    """One repository, in the name of whoever the token is of."""

    repository: str
    """`acme/platform`"""
    token: str = field(repr=False)

    @staticmethod
    def of_environment() -> "GitHub":
        """The repository and the token that a workflow has.

        Raises:
            OSError: GITHUB_REPOSITORY or GITHUB_TOKEN is not set.
        """
        return GitHub(_needed("GITHUB_REPOSITORY"), _needed("GITHUB_TOKEN"))

    @property
    def owner(self) -> str:
        """Whose repository it is."""
        return self.repository.partition("/")[0]

    def ask(self, method: str, path: str, **body: str) -> requests.Response:
        """What GitHub answers; `path` may be the address of a further page.

        Raises:
            requests.RequestException: it refuses or cannot be reached; an OSError.
        """
        api = os.environ.get("GITHUB_API_URL") or _ALWAYS
        url = path if path.startswith(api) else f"{api}/repos/{self.repository}/{path}"
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        answer = requests.request(method, url, json=body or None, headers=headers, timeout=_TIMEOUT)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {url}: {answer.status_code} {answer.text[:200]}")
        return answer

    def listed(self, path: str) -> Iterator[dict[str, Any]]:
        """All of a list, page by page."""
        while path:
            answer = self.ask("GET", path)
            yield from answer.json()
            path = answer.links.get("next", {}).get("url", "")


def fitted(text: str) -> str:
    """`text`, cut to what GitHub takes."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - len(_CUT)] + _CUT


def _needed(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise OSError(f"{variable} is not set; it says where to post, or in whose name")
    return value
