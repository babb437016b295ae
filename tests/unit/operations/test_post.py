"""`operations post`: one comment, one issue, changed in place."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from operations.__main__ import app
from tests.github import PERSON, GitHub, Post, serving

PLAN = "<!-- tenant-nats: changes -->\n"
DRIFT = "<!-- tenant-nats: Drift of prod -->\n"


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[GitHub]:
    """The repository, and a folder and an environment as a workflow has them."""
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def post(text: str, *where: str) -> Result:
    Path("text.md").write_text(text)
    return CliRunner().invoke(app, ["post", "text.md", *where])


def comment(text: str) -> Result:
    return post(text, "--pull-request", "7")


def issue(text: str) -> Result:
    return post(text, "--issue", "Drift of prod")


def bodies(posts: list[Post]) -> list[str | None]:
    return [each["body"] for each in posts]


def test_the_first_time_a_comment_is_made_and_then_it_is_changed_in_place(github: GitHub) -> None:
    first = comment("acme-corp 2 → 3")
    assert (first.exit_code, first.output) == (0, "Said at https://github.example/1\n")
    assert bodies(github.comments) == [f"{PLAN}acme-corp 2 → 3\n"]
    assert comment("acme-corp 2 → 4").exit_code == 0
    assert bodies(github.comments) == [f"{PLAN}acme-corp 2 → 4\n"]


def test_a_pull_request_of_number_nought_is_no_issue_without_a_title(github: GitHub) -> None:
    post("the plan", "--pull-request", "0")
    assert github.issues == []


def test_a_comment_is_found_behind_hundreds_of_others(github: GitHub) -> None:
    for number in range(250):
        github.add(github.comments, f"comment {number}", PERSON)
    github.add(github.comments, f"{PLAN}old")
    assert comment("new").exit_code == 0
    assert bodies(github.comments)[250:] == [f"{PLAN}new\n"]


def test_what_a_person_wrote_is_left_alone_though_it_bears_the_mark(github: GitHub) -> None:
    github.add(github.comments, f"{PLAN}all is well", PERSON)
    github.add(github.comments, "of another workflow")
    assert comment("the plan").exit_code == 0
    assert bodies(github.comments) == [
        f"{PLAN}all is well",
        "of another workflow",
        f"{PLAN}the plan\n",
    ]


def test_an_empty_text_takes_the_comment_back(github: GitHub) -> None:
    comment("the plan")
    assert comment("\n").exit_code == 0
    assert github.comments == []
    assert "nothing was said before" in comment("").output


def test_drift_is_one_open_issue_that_is_changed_and_closed(github: GitHub) -> None:
    github.add(github.issues, None, PERSON)
    assert issue("2 resources differ").exit_code == 0
    assert issue("3 resources differ").exit_code == 0
    assert bodies(github.issues) == [None, f"{DRIFT}3 resources differ\n"]
    assert issue("").exit_code == 0
    assert [each["state"] for each in github.issues] == ["open", "closed"]
    assert issue("again").exit_code == 0
    assert bodies(github.issues)[1:] == [f"{DRIFT}3 resources differ\n", f"{DRIFT}again\n"]


def test_a_text_that_is_too_long_is_cut_to_what_github_takes(github: GitHub) -> None:
    comment("x" * 70_000)
    [body] = bodies(github.comments)
    assert body is not None
    assert len(body) == 65_536
    assert body.endswith("… cut here; the log of this run has all of it.\n")


def test_a_refusal_is_told_in_one_line_without_the_token(github: GitHub) -> None:
    github.refuses = True
    refused = comment("the plan")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("text.md was not posted: GET http://127.0.0.1:")
    assert "403" in refused.stderr
    assert "Resource not accessible by integration" in refused.stderr
    assert "canary" not in refused.output
    assert isinstance(refused.exception, SystemExit)


@pytest.mark.usefixtures("github")
def test_what_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = CliRunner().invoke(app, ["post", "none.md", "--pull-request", "7"])
    assert (missing.exit_code, "none.md" in missing.stderr) == (1, True)
    monkeypatch.delenv("GITHUB_TOKEN")
    unnamed = comment("the plan")
    assert (unnamed.exit_code, "GITHUB_TOKEN is not set" in unnamed.stderr) == (1, True)


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize("where", [(), ("--pull-request", "7", "--issue", "Drift")])
def test_it_is_said_in_one_place(where: tuple[str, ...]) -> None:
    assert post("the plan", *where).exit_code == 2


def test_programs_are_told_what_was_done_and_where(github: GitHub) -> None:
    url = "https://github.example/1"
    texts = {"first": "made", "second": "changed", "": "taken back"}
    for text, action in texts.items():
        result = post(text, "--pull-request", "7", "--json")
        assert json.loads(result.stdout) == {"action": action, "url": url}
    nothing = post("", "--pull-request", "7", "--json")
    assert json.loads(nothing.stdout) == {"action": "nothing", "url": None}
    assert github.comments == []
