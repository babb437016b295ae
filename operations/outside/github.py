"""One repository on GitHub, by PyGithub: what `post` and `propose` share."""

import os
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenancy.inventory.faults import printable

if TYPE_CHECKING:
    from github.Repository import Repository

_LONGEST = 65_536
"""Characters that GitHub takes as the text of a comment, an issue or a pull request."""
_CUT = "\n\n… cut here; the log of this run has all of it.\n"


@contextmanager
def repository() -> Generator["Repository"]:
    """The repository that GITHUB_REPOSITORY names, asked with GITHUB_TOKEN.

    Raises:
        OSError: one of them is not set or is wrong, or GitHub refuses or cannot be reached, now or
            in the `with` block.
    """
    # Here because it takes 0.35 s, and all other commands would wait for it.
    from github import Auth, Github, GithubException

    name = _needed("GITHUB_REPOSITORY")
    api = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    if not _is_address(api):
        raise OSError(f"GITHUB_API_URL is no address: {printable(api)}")
    try:
        with Github(
            auth=Auth.Token(token()),
            base_url=api,
            per_page=100,
            # PyGithub would repeat a POST after a 502, though GitHub may have done what it asked.
            retry=None,
            # No pauses: a command makes four requests, and one for each further page of a list.
            seconds_between_requests=None,
            seconds_between_writes=None,
        ) as github:
            # This GET has to come first. After a rename PyGithub follows its redirect to the new
            # name, but takes the redirect of a POST for success, and nothing is posted.
            found = github.get_repo(name)
            if not found.id:
                raise OSError(f"{api} does not answer as GitHub does; is GITHUB_API_URL right?")
            yield found
    # PyGithub raises the last three for redirects and answers that it cannot use.
    except (GithubException, AssertionError, RuntimeError, ValueError) as error:
        raise OSError(f"{api}/repos/{name}: {error}"[:300]) from None
    except OSError:
        raise
    except Exception as error:
        if not _is_of_pygithub(error):
            raise
        raise OSError(
            f"{api}/repos/{name} does not answer as GitHub does ({type(error).__name__}); is "
            "GITHUB_API_URL right?"
        ) from None


def _is_of_pygithub(error: Exception) -> bool:
    """Whether PyGithub fell over an answer, rather than this program over anything."""
    import github

    innermost = traceback.extract_tb(error.__traceback__)[-1].filename
    return Path(innermost).is_relative_to(Path(github.__file__).parent)


def _is_address(api: str) -> bool:
    try:
        return bool(urlsplit(api).hostname)
    except ValueError:  # of an IPv6 address that does not end
        return False


def token() -> str:
    """GITHUB_TOKEN.

    Raises:
        OSError: it is not set, or no header can carry it.
    """
    value = _needed("GITHUB_TOKEN")
    if not (value.isascii() and value.isprintable()):
        # The error of requests would print it.
        raise OSError("GITHUB_TOKEN has a character that no token has, perhaps a newline")
    return value


def fitted(text: str) -> str:
    """`text`, cut to what GitHub takes."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - len(_CUT)] + _CUT


def _needed(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise OSError(f"{variable} is not set; it says where to post, or in whose name")
    return value
