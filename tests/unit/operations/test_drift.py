"""`drift` and `deployed`, with what an engine prints: what they print, and how they end."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from operations.__main__ import app
from operations.drift import told
from tenancy.edit.steps import Step
from tests.unit.edit.test_steps import PREVIEWS
from tests.unit.operations.cells import cell

EngineSays = Callable[[str], None]


def a_state(*types: str) -> str:
    """The state of a stack, with resources of these types."""
    return json.dumps(
        {"deployment": {"resources": [{"urn": each, "type": each} for each in types]}}
    )


@pytest.fixture
def engine_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineSays:
    """Makes a folder to work in, and a `pulumi` that prints a text whatever it is asked.

    But for a state, which is one without servers unless a test writes another to `state`.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").write_text(a_state("pulumi:pulumi:Stack"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def say(text: str) -> None:
        (tmp_path / "said").write_text(text)
        program = tmp_path / "pulumi"
        program.write_text(
            f'#!/bin/sh\n[ "$1 $2" != "stack export" ] || exec cat "{tmp_path / "state"}"\n'
            f'cat "{tmp_path / "said"}"\n'
        )
        program.chmod(0o755)

    return say


def drift(*more: str) -> Result:
    return CliRunner().invoke(app, ["drift", "--stack", "prod", "--report", "drift.md", *more])


def deployed(*more: str) -> Result:
    return CliRunner().invoke(app, ["deployed", "tenants.yaml", "--stack", "prod", *more])


def update(
    commit: str | None,
    kind: str = "update",
    result: str = "succeeded",
    *,
    dirty: str | None = "false",
) -> dict[str, object]:
    """One entry of the engine's history."""
    environment = {"git.head": commit} if commit else {}
    if commit and dirty:
        environment["git.dirty"] = dirty
    return {"kind": kind, "result": result, "environment": environment}


def test_one_difference_is_printed_and_written(engine_says: EngineSays) -> None:
    urn = "urn:pulumi:prod::tenant-nats::kubernetes:core/v1:Service::nats-acme-2-service"
    steps = [{"op": "same", "urn": urn.replace("2", "1")}, {"op": "create", "urn": urn}]
    engine_says(json.dumps({"steps": steps, "changeSummary": {"same": 1, "create": 1}}))
    found = drift()
    assert found.exit_code == 5
    assert found.stdout.startswith(
        "1 resource differs from what the stack prod says. `pulumi up --refresh` would\n\n"
        "- create Service `nats-acme-2-service`\n\n"
    )
    assert Path("drift.md").read_text() == found.stdout


def test_a_preview_that_failed_shows_no_drift_and_leaves_no_report(engine_says: EngineSays) -> None:
    engine_says((PREVIEWS / "failed.json").read_text())
    found = drift()
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith("Drift could not be checked: the preview failed")
    assert not Path("drift.md").exists()


def test_without_an_engine_both_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for asked in (drift(), deployed()):
        assert asked.exit_code == 1
        assert asked.stderr.endswith(": there is no `pulumi` on PATH.\n")


def committed(*texts: bytes) -> list[str]:
    """Make a repository with a commit for each text of the inventory; their ids."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-c", "commit.gpgsign=false"]
    commits: list[str] = []
    subprocess.run([*git, "init", "--quiet"], check=True)
    for text in texts:
        Path("tenants.yaml").write_bytes(text)
        subprocess.run([*git, "add", "tenants.yaml"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", "an edit"], check=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        commits.append(head.stdout.strip())
    return commits


def test_deployed_prints_the_inventory_of_the_last_up_that_went_through(
    engine_says: EngineSays,
) -> None:
    texts = (b"tenants: {a: {}}\n", b"tenants: {b: {}}\n", b"tenants: {c: {}}\n")
    first, second, third = committed(*texts)
    history = [
        update(third, result="failed"),
        update(third, kind="refresh"),
        update(second),
        update(first),
    ]
    engine_says(json.dumps(history))
    assert (deployed().exit_code, deployed().stdout) == (0, "tenants: {b: {}}\n")
    told = {"commit": second, "inventory": "tenants: {b: {}}\n"}
    assert json.loads(deployed("--json").stdout) == told


@pytest.mark.parametrize(
    ("dirty", "reason"),
    [
        pytest.param("true", "from a working tree with uncommitted edits or files", id="edited"),
        pytest.param(None, "does not record whether its working tree had", id="not recorded"),
    ],
)
def test_an_up_that_may_have_deployed_another_inventory_than_its_commits_is_an_error(
    engine_says: EngineSays, dirty: str | None, reason: str
) -> None:
    first, second = committed(b"tenants: {a: {}}\n", b"tenants: {b: {}}\n")
    engine_says(json.dumps([update(second, dirty=dirty), update(first)]))
    for asked in (deployed(), deployed("--json")):
        assert (asked.exit_code, asked.stdout) == (1, "")
        assert reason in asked.stderr
        assert f"(commit {second[:10]})" in asked.stderr
        assert "run `pulumi up` again where `git status --porcelain` prints nothing" in asked.stderr
        assert len(asked.stderr.splitlines()) == 1


def test_after_an_up_from_a_clean_tree_earlier_edited_ones_do_not_matter(
    engine_says: EngineSays,
) -> None:
    [commit] = committed(b"tenants: {a: {}}\n")
    engine_says(json.dumps([update(commit), update(commit, dirty="true")]))
    assert (deployed().exit_code, deployed().stdout) == (0, "tenants: {a: {}}\n")


def test_after_a_destroy_nothing_is_deployed(engine_says: EngineSays) -> None:
    [commit] = committed(b"tenants: {a: {}}\n")
    engine_says(json.dumps([update(commit, kind="destroy"), update(commit)]))
    assert (deployed().exit_code, deployed().stdout) == (0, "")
    assert deployed().stderr == "Nothing has been deployed yet.\n"


def test_a_destroy_that_left_servers_is_an_error(engine_says: EngineSays) -> None:
    [commit] = committed(b"tenants: {a: {}}\n")
    engine_says(json.dumps([update(commit, kind="destroy", result="failed"), update(commit)]))
    Path("state").write_text(a_state("tenant-nats:index:NatsInstance"))
    assert (deployed().exit_code, deployed().stdout) == (1, "")
    assert "the stack has 1 server and no `up` that went through" in deployed().stderr


def test_what_is_deployed_is_printed_byte_by_byte_even_where_it_is_no_text(
    engine_says: EngineSays,
) -> None:
    content = b"tenants: {a: {}} # \xff\r\n"
    [commit] = committed(content)
    engine_says(json.dumps([update(commit)]))
    assert (deployed().exit_code, deployed().stdout_bytes) == (0, content)
    assert json.loads(deployed("--json").stdout)["inventory"] == content.decode(errors="replace")


def test_without_git_deployed_fails(
    engine_says: EngineSays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_says(json.dumps([update("f" * 40)]))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "cat").symlink_to("/bin/cat")
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert asked.stderr == "What is deployed cannot be told: There is no git on PATH.\n"


def test_before_the_first_up_nothing_is_deployed(engine_says: EngineSays) -> None:
    engine_says(json.dumps([update(None, result="failed")]))
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (0, "")
    assert asked.stderr == "Nothing has been deployed yet.\n"


@pytest.mark.parametrize("history", [[], [update("f" * 40, result="failed")]])
def test_servers_without_an_up_that_went_through_are_an_error_that_says_what_to_do(
    engine_says: EngineSays, history: list[dict[str, object]]
) -> None:
    engine_says(json.dumps(history))
    instance = "tenant-nats:index:NatsInstance"
    Path("state").write_text(a_state("pulumi:pulumi:Stack", instance, instance))
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "the stack has 2 servers and no `up` that went through" in asked.stderr
    assert "run `pulumi up` of it by hand" in asked.stderr


def test_a_state_with_nothing_in_it_has_nothing_deployed(engine_says: EngineSays) -> None:
    engine_says("[]")
    Path("state").write_text('{"deployment": {"manifest": {}}}')
    assert (deployed().exit_code, deployed().stdout) == (0, "")


def test_a_history_that_is_too_long_to_see_its_last_success_is_an_error(
    engine_says: EngineSays,
) -> None:
    engine_says(json.dumps([update("f" * 40, result="failed")] * 100))
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "none of the last 100 updates" in asked.stderr


@pytest.mark.parametrize(
    ("commit", "reason"),
    [
        pytest.param(None, "the last `up` was not made from a git repository", id="no commit"),
        pytest.param("f" * 40, "(git show)", id="a commit that this clone has not"),
    ],
)
def test_a_missing_commit_is_an_error(
    engine_says: EngineSays, commit: str | None, reason: str
) -> None:
    engine_says(json.dumps([update(commit)]))
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert reason in asked.stderr


def test_drift_is_printed_as_json_with_the_same_exit_code(engine_says: EngineSays) -> None:
    urn = "urn:pulumi:prod::tenant-nats::kubernetes:core/v1:Service::nats-acme-2-service"
    engine_says(json.dumps({"steps": [{"op": "create", "urn": urn}]}))
    found = drift("--json")
    assert found.exit_code == 5
    difference = {
        "operation": "create",
        "type": "kubernetes:core/v1:Service",
        "name": "nats-acme-2-service",
    }
    assert json.loads(found.stdout) == {"stack": "prod", "differences": [difference]}
    assert Path("drift.md").read_text().startswith("1 resource differs")


def test_no_drift_is_printed_as_json(engine_says: EngineSays) -> None:
    urn = "urn:pulumi:prod::tenant-nats::kubernetes:core/v1:Service::nats-acme-1-service"
    engine_says(json.dumps({"steps": [{"op": "same", "urn": urn}]}))
    found = drift("--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout) == {"stack": "prod", "differences": []}


def test_json_says_that_nothing_is_deployed_yet(engine_says: EngineSays) -> None:
    engine_says("[]")
    assert json.loads(deployed("--json").stdout) == {"commit": None, "inventory": None}


URN = "urn:pulumi:prod::tenant-nats::kubernetes:core/v1:Service::nats-acme-2-service"


@pytest.mark.parametrize("report", ["none/drift.md", "tenants.yaml/drift.md", "/dev/full"])
def test_drift_is_printed_though_its_report_cannot_be_written(
    engine_says: EngineSays, report: str
) -> None:
    Path("tenants.yaml").write_text("")
    steps = [{"op": "create", "urn": URN}]
    engine_says(json.dumps({"steps": steps, "changeSummary": {"create": 1}}))
    found = drift("--report", report)
    assert found.exit_code == 1
    assert "- create Service `nats-acme-2-service`" in found.stdout
    assert found.stderr.startswith(f"{report} cannot be written (")


def test_half_a_report_is_none_since_an_empty_one_closes_the_issue(
    engine_says: EngineSays, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: object, **__: object) -> int:
        self.write_bytes(b"")
        raise OSError(28, "No space left on device")

    engine_says(json.dumps({"steps": [{"op": "create", "urn": URN}]}))
    monkeypatch.setattr(Path, "write_text", full)
    assert drift().exit_code == 1
    assert not Path("drift.md").exists()


@pytest.mark.parametrize("said", ["", "null", "[{}]", "[null]", "{}", "no JSON", '"x"'])
def test_a_history_that_cannot_be_read_is_not_one_without_an_up(
    engine_says: EngineSays, said: str
) -> None:
    engine_says(said)
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert asked.stderr.startswith(
        "What is deployed cannot be told: pulumi stack history printed what this program cannot "
        "read ("
    )


@pytest.mark.parametrize("state", ["", "null", "{}", '{"deployment": null}', "[]"])
def test_a_state_that_cannot_be_read_is_not_one_without_servers(
    engine_says: EngineSays, state: str
) -> None:
    engine_says("[]")
    Path("state").write_text(state)
    asked = deployed()
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "pulumi stack export printed what this program cannot read" in asked.stderr


def test_names_in_a_report_are_code_whatever_is_in_them() -> None:
    urn = "urn:pulumi:p::p::kubernetes:core/v1:Service::a`@team`![x](y)"
    text = told("@prod", [Step("create", urn)])
    assert "- create Service ``a`@team`![x](y)``\n" in text
    assert "what the stack `@prod` says" in text


SERVICE = "urn:pulumi:eu-001::tenant-nats::kubernetes:core/v1:Service::nats-acme-1-service"
STACK = "urn:pulumi:eu-001::tenant-nats::pulumi:pulumi:Stack::tenant-nats-eu-001"


def previewed(operation: str) -> str:
    """A preview that does this to a Service."""
    steps = [{"op": "same", "urn": STACK}, {"op": operation, "urn": SERVICE}]
    summary = {"same": 1} | {operation: 1 + (operation == "same")}
    return json.dumps({"steps": steps, "changeSummary": summary})


@pytest.fixture
def cell_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a cell with a shard for each text, and a `pulumi` that prints that for its stack.

    The base is as it should be. Where a stack has no text, the engine fails.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    program = tmp_path / "pulumi"
    program.write_text(
        "#!/bin/sh\n"
        'echo "$@" >> asked\n'
        'while [ "$1" != --stack ]; do shift; done\n'
        'cat "said-$2" || { echo "error: no stack named $2" >&2; exit 1; }\n'
    )
    program.chmod(0o755)

    def say(**shards: str | None) -> None:
        names = {name.strip("_"): said for name, said in shards.items()}
        cell(tmp_path, dict.fromkeys(names, "tenants:\n  acme: {}\n"))
        for name, said in {"base": previewed("same"), **names}.items():
            if said is not None:
                (tmp_path / f"said-eu-{name}").write_text(said)

    return say


def drift_of_cell(*more: str) -> Result:
    return CliRunner().invoke(app, ["drift", "--cell", "eu", "--report", "drift.md", *more])


def test_all_stacks_of_a_cell_are_in_one_report(cell_says: Callable[..., None]) -> None:
    cell_says(_001=previewed("update"), _002=previewed("same"), _003=previewed("create"))
    found = drift_of_cell()
    assert found.exit_code == 5
    assert found.stdout == (
        "2 resources in 2 of the 4 stacks of eu differ from what the stack says. "
        "`pulumi up --refresh` would\n\n"
        "in eu-001\n\n- update Service `nats-acme-1-service`\n\n"
        "in eu-003\n\n- create Service `nats-acme-1-service`\n\n"
        "Find out who changed it and why. Put what should stay into the inventory or the program; "
        "`pulumi up --refresh` reverts the rest (docs/runbook.md, Drift).\n"
    )
    assert Path("drift.md").read_text() == found.stdout
    asked = Path("asked").read_text().splitlines()
    assert len(asked) == 4
    assert all("--config-file=Pulumi.eu.yaml" in each for each in asked)


def test_a_cell_without_drift_leaves_an_empty_report(cell_says: Callable[..., None]) -> None:
    cell_says(_001=previewed("same"))
    found = drift_of_cell("--at-once", "1")
    assert (found.exit_code, found.stdout) == (
        0,
        "Nothing in the 2 stacks of eu differs from what they say.\n",
    )
    assert Path("drift.md").read_text() == ""


def test_a_stack_of_a_cell_that_cannot_be_read_is_named_and_holds_up_no_other(
    cell_says: Callable[..., None],
) -> None:
    cell_says(_001=None, _002=previewed("update"), _003="{}")
    found = drift_of_cell()
    assert found.exit_code == 1
    report = Path("drift.md").read_text()
    assert report == found.stdout
    assert "1 resource in 1 of the 4 stacks of eu differs" in report
    _, _, unread = report.partition("2 of the 4 stacks of eu could not be checked, so whether")
    assert "- eu-001: `pulumi preview --json: no stack named eu-001`\n" in unread
    assert "- eu-003: ``it has no steps, " in unread
    told = json.loads(drift_of_cell("--json").stdout)
    assert told["cell"] == "eu"
    assert {each["stack"]: len(each["differences"]) for each in told["stacks"]} == {
        "eu-base": 0,
        "eu-002": 1,
    }
    assert told["unread"].keys() == {"eu-001", "eu-003"}


def test_a_cell_that_is_not_there_is_refused(cell_says: Callable[..., None]) -> None:
    cell_says(_001=previewed("same"))
    found = CliRunner().invoke(app, ["drift", "--cell", "us"])
    assert found.exit_code == 2
    assert "--cell: the cells here are eu; us is none of them" in found.stderr
    both = CliRunner().invoke(app, ["drift", "--cell", "eu", "--stack", "eu-001"])
    assert both.exit_code == 2


def test_a_cell_with_a_file_of_another_name_is_not_looked_at_in_part(
    cell_says: Callable[..., None],
) -> None:
    """Its tenants' stack would be left out, and the report would say that nothing differs."""
    cell_says(_001=previewed("same"))
    Path("inventory", "eu", "002.yml").write_text("tenants:\n  hooli: {}\n")
    found = drift_of_cell()
    assert (found.exit_code, found.stdout) == (1, "")
    assert "002.yml" in found.stderr
    assert not Path("drift.md").exists()
