"""`tenant-nats post`: one comment, one issue, changed in place."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from operations.__main__ import app
from tests.github import COMMENTS, ISSUES, PERSON, TOKEN, GitHub, serving

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


def test_the_first_time_a_comment_is_made_and_then_it_is_changed_in_place(github: GitHub) -> None:
    first = comment("acme-corp 2 → 3")
    assert (first.exit_code, first.output) == (0, "Said at https://github.example/1\n")
    assert github.bodies(COMMENTS) == [f"{PLAN}acme-corp 2 → 3\n"]
    assert comment("acme-corp 2 → 4").exit_code == 0
    assert github.bodies(COMMENTS) == [f"{PLAN}acme-corp 2 → 4\n"]


def test_a_pull_request_of_number_nought_is_no_issue_without_a_title(github: GitHub) -> None:
    post("the plan", "--pull-request", "0")
    assert github.of(ISSUES) == []


def test_what_a_person_wrote_is_left_alone_though_it_bears_the_mark(github: GitHub) -> None:
    github.add(COMMENTS, PERSON, body=f"{PLAN}all is well")
    github.add(COMMENTS, None, body=f"{PLAN}of an account that is gone")
    github.add(COMMENTS, body="of another workflow")
    assert comment("the plan").exit_code == 0
    assert github.bodies(COMMENTS) == [
        f"{PLAN}all is well",
        f"{PLAN}of an account that is gone",
        "of another workflow",
        f"{PLAN}the plan\n",
    ]


def test_an_empty_text_takes_the_comment_back(github: GitHub) -> None:
    comment("the plan")
    assert comment("\n").exit_code == 0
    assert github.of(COMMENTS) == []
    assert "nothing was said before" in comment("").output


def test_each_inventory_has_a_comment_of_its_own_which_names_it(github: GitHub) -> None:
    eu = ("--pull-request", "7", "--inventory", "inventories/eu.yaml")
    us = ("--pull-request", "7", "--inventory", "inventories/us.yaml")
    comment("the plan")
    post("acme-corp loses its server", *eu)
    post("This edit changes nothing.", *us)
    assert github.bodies(COMMENTS) == [
        f"{PLAN}the plan\n",
        "<!-- tenant-nats: changes of inventories/eu.yaml -->\n"
        "`inventories/eu.yaml`\n\nacme-corp loses its server\n",
        "<!-- tenant-nats: changes of inventories/us.yaml -->\n"
        "`inventories/us.yaml`\n\nThis edit changes nothing.\n",
    ]
    assert post("acme-corp stays", *eu).exit_code == 0
    assert post("", *us).exit_code == 0
    usual, changed = github.bodies(COMMENTS)
    assert usual == f"{PLAN}the plan\n"
    assert changed is not None
    assert changed.endswith("`inventories/eu.yaml`\n\nacme-corp stays\n")


@pytest.mark.usefixtures("github")
def test_an_inventory_whose_name_is_no_utf8_is_wrong_usage() -> None:
    result = post("the plan", "--pull-request", "7", "--inventory", "\udcff.yaml")
    assert (result.exit_code, "not UTF-8" in result.stderr) == (2, True)


def test_drift_is_one_open_issue_that_is_changed_and_closed(github: GitHub) -> None:
    github.add(ISSUES, body=None)
    assert issue("2 resources differ").exit_code == 0
    assert issue("3 resources differ").exit_code == 0
    assert github.bodies(ISSUES) == [None, f"{DRIFT}3 resources differ\n"]
    assert issue("").exit_code == 0
    assert [each["state"] for each in github.of(ISSUES)] == ["open", "closed"]
    assert issue("again").exit_code == 0
    assert github.bodies(ISSUES)[1:] == [f"{DRIFT}3 resources differ\n", f"{DRIFT}again\n"]


def test_a_text_that_is_too_long_is_cut_to_what_github_takes(github: GitHub) -> None:
    comment("x" * 70_000)
    [body] = github.bodies(COMMENTS)
    assert body is not None
    assert len(body) == 65_536
    assert body.endswith("… cut here; the log of this run has all of it.\n")


def test_a_comment_that_may_have_been_made_is_not_made_again(github: GitHub) -> None:
    github.statuses["POST"] = 502
    assert comment("the plan").exit_code == 1
    assert github.changes == ["POST issues/7/comments"]


def test_a_comment_is_made_by_the_name_of_the_repository_before_it_was_renamed(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/before")
    assert comment("the plan").exit_code == 0
    assert github.bodies(COMMENTS) == [f"{PLAN}the plan\n"]


def failed() -> str:
    """Why nothing is posted: one line, without the token."""
    refused = comment("the plan")
    assert refused.exit_code == 1
    assert isinstance(refused.exception, SystemExit)
    assert "canary" not in refused.output
    [line] = refused.stderr.splitlines()
    return line.removeprefix("text.md was not posted: ")


def test_a_refusal_is_told_in_one_line_without_the_token(github: GitHub) -> None:
    github.statuses["GET"] = 403
    refusal = f"{github.api}: Resource not accessible by integration: 403 "
    assert failed().startswith(refusal)
    assert github.names == [f"token {TOKEN}"]


def test_a_server_that_is_not_github_is_told_in_one_line(github: GitHub) -> None:
    github.repository = "Sign in"
    assert failed() == f"{github.url} does not answer as GitHub does; is GITHUB_API_URL right?"


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("GITHUB_API_URL", "http://127.0.0.1:9", "Connection refused"),
        ("GITHUB_API_URL", "github.example/api", "GITHUB_API_URL is no address"),
        ("GITHUB_REPOSITORY", "", "GITHUB_REPOSITORY is not set"),
        ("GITHUB_TOKEN", "", "GITHUB_TOKEN is not set"),
        ("GITHUB_TOKEN", f"{TOKEN}\n", "GITHUB_TOKEN has a character that no token has"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert reason in failed()


@pytest.mark.usefixtures("github")
def test_a_file_that_is_not_there_is_named() -> None:
    missing = CliRunner().invoke(app, ["post", "none.md", "--pull-request", "7"])
    assert (missing.exit_code, "none.md" in missing.stderr) == (1, True)


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
    assert github.of(COMMENTS) == []


@pytest.mark.usefixtures("github")
def test_a_text_in_another_encoding_is_told_with_its_line() -> None:
    Path("text.md").write_bytes("one\nZürich\n".encode("latin-1"))
    result = CliRunner().invoke(app, ["post", "text.md", "--pull-request", "7"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "text.md was not posted: text.md, line 2: the byte 0xfc is not UTF-8; save the file as "
        "UTF-8, for example with `iconv -f latin1 -t utf-8 text.md`\n"
    )
