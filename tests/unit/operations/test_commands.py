"""The command line: what it prints, and which exit code says what."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from operations.__main__ import app
from operations.outside.pulumi import Engine, Preview, Resource
from operations.recovery import command as recover
from sandbox.layout import PROJECT
from tenancy.inventory import nkeys
from tests.command_line import commands
from tests.unit.edit.test_steps import PREVIEWS

NAMES = ("acme", "globex", "hooli", "initech")
FOUR = "tenants:\n" + "".join(f"  {name}: {{}}\n" for name in NAMES)
THREE, TWO = FOUR.replace("  acme: {}\n", ""), "tenants:\n  acme: {}\n  globex: {}\n"
GONE = "  - 2 tenants lose every server: hooli, initech\n"
APPROVAL = "64d110e4f7bfd90fc2db00d50d31cf1367abcecf3a9245d935bb0a3ade69045d"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with inventories that lose one tenant and two."""
    monkeypatch.chdir(tmp_path)
    for name, content in {"base": FOUR, "same": FOUR, "less": THREE, "half": TWO}.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def guard(head: str, *more: str, base: str = "base.yaml") -> Result:
    return run("guard", "--base", base, "--head", head, *more)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("head", ["same.yaml", "less.yaml"])
def test_an_edit_that_needs_no_approval_passes(head: str) -> None:
    result = guard(head)
    assert (result.exit_code, result.output) == (0, "Nothing here needs an approval.\n")


@pytest.mark.usefixtures("folder")
def test_an_edit_that_needs_an_approval_is_refused_with_reasons_and_the_way_to_approve() -> None:
    result = guard("half.yaml")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == (
        "This needs an approval.\n"
        f"{GONE}"
        "Is this meant? Then commit the approval in the same pull request, with a line that says "
        "why:\n"
        f"  printf '%s\\n' '# why it is meant' {APPROVAL} > half.approval\n"
        "  git add half.approval\n"
        "and give it as --approval half.approval. It holds for exactly this edit, whenever it is "
        "made; by --preview only once.\n"
    )


def test_the_printed_command_gives_the_approval_that_passes(folder: Path) -> None:
    refused = guard("half.yaml", "--approval", "it's meant.txt")
    assert refused.exit_code == 3
    (command,) = (line for line in refused.stderr.splitlines() if "printf" in line)
    subprocess.run(command, shell=True, check=True, cwd=folder)  # noqa: S602
    approved = guard("half.yaml", "--approval", "it's meant.txt")
    assert (approved.exit_code, approved.output) == (0, f"Approved, by it's meant.txt:\n{GONE}")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{APPROVAL}\n", id="the hash"),
        pytest.param(APPROVAL, id="the hash without a line end"),
        pytest.param(f"# 2026-11-20 ops\n\n  {APPROVAL}  # both left\n\n", id="with comments"),
        pytest.param(f"{APPROVAL}\r\n", id="with CRLF"),
    ],
)
def test_an_approval_is_a_hash_among_comments(folder: Path, content: str) -> None:
    (folder / "approval").write_bytes(content.encode())
    assert guard("half.yaml", "--approval", "approval").exit_code == 0


def test_an_approval_of_another_plan_is_refused(folder: Path) -> None:
    (folder / "approval").write_text(APPROVAL)
    (folder / "half.yaml").write_text(f"{TWO}  new: {{}}\n")
    result = guard("half.yaml", "--approval", "approval")
    assert result.exit_code == 4
    assert result.stderr.startswith(f"approval approves another plan.\n{GONE}")
    assert "> approval\n" in result.stderr
    assert APPROVAL not in result.stderr


def test_an_approval_that_is_not_needed_does_no_harm(folder: Path) -> None:
    (folder / "approval").write_text("0" * 64)
    assert guard("less.yaml", "--approval", "approval").exit_code == 0


@pytest.mark.parametrize("content", ["", "# nothing is approved\n"])
def test_a_file_without_an_approval_approves_nothing(folder: Path, content: str) -> None:
    (folder / "approval").write_text(content)
    assert guard("half.yaml", "--approval", "approval").exit_code == 3


@pytest.mark.parametrize(
    ("content", "report"),
    [
        pytest.param(b"yes\n", "approval, line 1: yes — expected one approval", id="a word"),
        pytest.param(
            APPROVAL[1:].encode(), f"approval, line 1: {APPROVAL[1:]} — expected", id="too short"
        ),
        pytest.param(
            APPROVAL.upper().encode(), f"line 1: {APPROVAL.upper()} — expected", id="capitals"
        ),
        pytest.param(
            f"{APPROVAL}\n# and\n{APPROVAL}\n".encode(), "approval, line 3: ", id="two approvals"
        ),
        pytest.param(b"\xff\n", "approval cannot be read (", id="no text"),
    ],
)
def test_a_file_that_is_no_approval_is_an_error_even_where_none_is_needed(
    folder: Path, content: bytes, report: str
) -> None:
    (folder / "approval").write_bytes(content)
    for head in ("half.yaml", "less.yaml"):
        result = guard(head, "--approval", "approval")
        assert result.exit_code == 1
        assert report in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_a_base_that_is_not_there_is_an_error_that_says_how_to_go_on() -> None:
    result = guard("half.yaml", base="missing.yaml")
    assert result.exit_code == 1
    assert result.stderr == (
        "missing.yaml has 1 fault; nothing is deployed from it.\n"
        "  line 1: it cannot be read (No such file or directory).\n"
        "A stack's first inventory has nothing to guard: leave this command out for it.\n"
    )


@pytest.mark.usefixtures("folder")
def test_a_head_that_is_not_there_is_no_first_inventory() -> None:
    result = guard("missing.yaml")
    assert result.exit_code == 1
    assert "missing.yaml has 1 fault" in result.stderr
    assert "first inventory" not in result.stderr


@pytest.mark.parametrize("side", ["base", "head"])
@pytest.mark.parametrize("content", ["", "tenants: {}\n", "tenants:\n  Acme: {}\n", FOUR[:-1]])
def test_an_inventory_that_does_not_load_is_an_error_on_either_side(
    folder: Path, side: str, content: str
) -> None:
    (folder / "faulty.yaml").write_text(content)
    files = {"base": "base.yaml", "head": "same.yaml", side: "faulty.yaml"}
    result = guard(files["head"], base=files["base"])
    assert result.exit_code == 1
    assert result.stderr.startswith("faulty.yaml has 1 fault; nothing is deployed from it.\n")
    assert "first inventory" not in result.stderr


def test_replacements_show_in_a_preview_only(folder: Path) -> None:
    inventory = "tenants:\n  acme: {instances: 2}\n  globex: {}\n  initech: {}\n"
    (folder / "base.yaml").write_text(inventory)
    assert guard("base.yaml").exit_code == 0
    result = guard("base.yaml", "--preview", str(PREVIEWS / "moved.json"))
    assert result.exit_code == 3
    assert "8 to be replaced, not updated: Deployment nats-acme-1-deployment" in result.stderr


def test_the_approval_of_a_preview_is_not_that_of_the_edit(folder: Path) -> None:
    (folder / "base.yaml").write_text(
        "tenants:\n  acme: {instances: 2}\n  globex: {}\n  initech: {}\n"
    )
    (folder / "head.yaml").write_text("tenants:\n  acme: {}\n")
    by_preview = guard("head.yaml", "--preview", str(PREVIEWS / "removed.json"))
    by_edit = guard("head.yaml")
    reason = "  - 2 tenants lose every server: globex, initech"
    for result in (by_preview, by_edit):
        assert result.exit_code == 3
        assert reason in result.stderr.splitlines()
    assert by_preview.stderr != by_edit.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("preview", "report"),
    [
        pytest.param("missing.json", "missing.json cannot be read (No such file", id="missing"),
        pytest.param("half.yaml", "half.yaml is no usable preview: Invalid JSON: ", id="no JSON"),
        pytest.param(
            str(PREVIEWS / "failed.json"),
            "failed.json is no usable preview: the preview failed, so it does not show what",
            id="one that failed",
        ),
    ],
)
def test_what_is_no_preview_is_an_error(preview: str, report: str) -> None:
    result = guard("less.yaml", "--preview", preview)
    assert result.exit_code == 1
    assert report in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_a_preview_of_something_else_is_an_error() -> None:
    preview = str(PREVIEWS / "moved.json")
    result = guard("half.yaml", "--preview", preview)
    assert result.exit_code == 1
    assert result.stderr == (
        f"{preview} is no preview of this edit: it keeps nats-hooli-1, which the edit removes "
        "(2 in all). Preview the edited inventory; or, if the stack never got that server, first "
        "deploy the inventory from before the edit.\n"
    )


def whole_preview(before: dict[str, str], after: list[str], **more: object) -> str:
    """What the engine prints with --show-sames: `before` says since when it has which server."""
    urn = "urn:pulumi:prod::tenant-nats::tenant-nats:index:Tenant$tenant-nats:index:NatsInstance::"
    going = [("same" if name in after else "delete", name, since) for name, since in before.items()]
    coming = [("create", name, "") for name in after if name not in before]
    steps: list[dict[str, object]] = [
        {"op": op, "urn": urn + name, "oldState": {"created": since} if since else {}}
        for op, name, since in going + coming
    ]
    summary = Counter(str(step["op"]) for step in steps)
    return json.dumps({"steps": steps, "changeSummary": summary, **more})


SINCE = {f"nats-{name}-1": "2026-11-24T08:00:00Z" for name in NAMES}
LEFT = ["nats-acme-1", "nats-globex-1"]


def guard_by_preview(folder: Path, text: str, head: str = "half.yaml", *more: str) -> Result:
    (folder / "preview.json").write_text(text)
    return run("guard", "--head", head, "--preview", "preview.json", *more)


def test_without_a_base_a_preview_tells_what_the_stack_has(folder: Path) -> None:
    result = guard_by_preview(folder, whole_preview(SINCE, LEFT))
    assert result.exit_code == 3
    assert GONE in result.stderr
    assert result.stderr.endswith(
        " It holds for exactly this plan of exactly these servers, so only once.\n"
    )


def test_a_setting_that_restarts_servers_is_told_and_needs_no_approval(folder: Path) -> None:
    def deployment(image: str) -> dict[str, object]:
        containers = [{"name": "nats", "image": image}]
        return {"inputs": {"spec": {"template": {"spec": {"containers": containers}}}}}

    preview = json.loads(whole_preview(SINCE, [*SINCE]))
    for name in SINCE:
        urn = f"urn:pulumi:prod::tenant-nats::kubernetes:apps/v1:Deployment::{name}-deployment"
        states = {"oldState": deployment("nats:1"), "newState": deployment("nats:2")}
        preview["steps"].append({"op": "update", "urn": urn, **states})
        preview["changeSummary"]["update"] = preview["changeSummary"].get("update", 0) + 1
    result = guard_by_preview(folder, json.dumps(preview), "same.yaml")
    assert (result.exit_code, result.output) == (
        0,
        "4 servers of 4 tenants restart, since their pods change (nats.image): all at once, or "
        "with `rollout` `serial` one tenant after the other.\n"
        "Nothing here needs an approval.\n",
    )
    as_json = guard_by_preview(folder, json.dumps(preview), "same.yaml", "--json")
    restarts = json.loads(as_json.stdout)["restarts"]
    assert restarts == {name: ["nats.image"] for name in SINCE}


def test_what_the_stack_never_had_or_has_lost_already_is_not_counted_again(folder: Path) -> None:
    still = {name: since for name, since in SINCE.items() if name != "nats-initech-1"}
    result = guard_by_preview(folder, whole_preview(still, LEFT))
    assert (result.exit_code, result.output) == (0, "Nothing here needs an approval.\n")


def test_a_stacks_first_inventory_needs_no_approval(folder: Path) -> None:
    result = guard_by_preview(folder, whole_preview({}, LEFT))
    assert (result.exit_code, result.output) == (0, "Nothing here needs an approval.\n")


def test_an_approval_does_not_hold_after_what_it_took_has_come_back(folder: Path) -> None:
    refused = guard_by_preview(folder, whole_preview(SINCE, LEFT))
    (command,) = (line for line in refused.stderr.splitlines() if "printf" in line)
    subprocess.run(command, shell=True, check=True, cwd=folder)  # noqa: S602
    given = ("--approval", "half.approval")
    elsewhere = {**SINCE, "nats-globex-1": "2026-11-25T08:00:00Z"}
    for there in (SINCE, elsewhere):
        approved = guard_by_preview(folder, whole_preview(there, LEFT), "half.yaml", *given)
        assert (approved.exit_code, approved.output) == (0, f"Approved, by half.approval:\n{GONE}")
    back = {**SINCE, "nats-hooli-1": "2026-11-25T08:00:00Z"}
    again = guard_by_preview(folder, whole_preview(back, LEFT), "half.yaml", *given)
    assert again.exit_code == 4
    assert again.stderr.startswith(f"half.approval approves another plan.\n{GONE}")


def replacing(*names: str, since: str = "2026-11-24T08:00:00Z") -> str:
    """A preview of half.yaml that also replaces the Deployments of these servers."""
    preview = json.loads(whole_preview(SINCE, LEFT))
    for name in names:
        urn = f"urn:pulumi:prod::tenant-nats::kubernetes:apps/v1:Deployment::{name}-deployment"
        preview["steps"].append({"op": "replace", "urn": urn, "oldState": {"created": since}})
        preview["changeSummary"]["replace"] = preview["changeSummary"].get("replace", 0) + 1
    return json.dumps(preview)


def test_behind_a_gate_no_loss_is_judged(folder: Path) -> None:
    result = guard_by_preview(folder, whole_preview(SINCE, LEFT), "half.yaml", "--gated")
    assert (result.exit_code, result.output) == (0, "Nothing here needs an approval.\n")


def test_behind_a_gate_a_replacement_needs_an_approval_of_its_own(folder: Path) -> None:
    refused = guard_by_preview(folder, replacing("nats-acme-1"), "half.yaml", "--gated")
    reason = "  - 1 to be replaced, not updated: Deployment nats-acme-1-deployment\n"
    assert refused.exit_code == 3
    assert f"This needs an approval.\n{reason}Is this meant?" in refused.stderr
    assert refused.stderr.endswith(
        " It holds for exactly these objects and addresses, and for no loss, so only once.\n"
    )
    (command,) = (line for line in refused.stderr.splitlines() if "printf" in line)
    subprocess.run(command, shell=True, check=True, cwd=folder)  # noqa: S602
    given = ("--approval", "half.approval")
    same = guard_by_preview(folder, replacing("nats-acme-1"), "half.yaml", "--gated", *given)
    assert (same.exit_code, same.output) == (0, f"Approved, by half.approval:\n{reason}")
    for other in (
        replacing("nats-acme-1", "nats-globex-1"),
        replacing("nats-acme-1", since="2026-11-25T08:00:00Z"),
    ):
        again = guard_by_preview(folder, other, "half.yaml", "--gated", *given)
        assert again.exit_code == 4
    whole = guard_by_preview(folder, replacing("nats-acme-1"), "half.yaml", *given)
    assert whole.exit_code == 4, "it approves no loss"


def test_behind_a_gate_other_addresses_need_an_approval(folder: Path) -> None:
    preview = json.loads(whole_preview(SINCE, LEFT))

    def rows(namespace: str) -> dict[str, object]:
        address = f"nats-acme-1.{namespace}.svc.cluster.local:4222"
        return {"inputs": {"instances": [{"instance_number": 1, "dns_name": address}]}}

    preview["steps"].append(
        {
            "op": "update",
            "urn": "urn:pulumi:prod::tenant-nats::"
            "pulumi-python:dynamic/tenant-nats:TenantRecords::acme-records",
            "oldState": rows("eu"),
            "newState": rows("us"),
        }
    )
    preview["changeSummary"]["update"] = 1
    result = guard_by_preview(folder, json.dumps(preview), "half.yaml", "--gated")
    assert result.exit_code == 3
    assert "1 tenant gets other addresses (eu.svc" in result.stderr
    assert "lose" not in result.stderr.partition("Is this meant?")[0]


@pytest.mark.usefixtures("folder")
def test_behind_a_gate_a_preview_is_needed_since_inventories_show_no_replacement() -> None:
    result = guard("half.yaml", "--gated")
    assert result.exit_code == 2
    assert "only a preview shows replacements" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        pytest.param(
            [*LEFT, "nats-hooli-1"],
            "it keeps nats-hooli-1, which the inventory does not ask for (1 differ",
            id="it keeps more",
        ),
        pytest.param(
            ["nats-acme-1"],
            "it has no nats-globex-1, which the inventory asks for (1 differ",
            id="it keeps less",
        ),
    ],
)
def test_a_preview_that_leaves_other_servers_than_the_inventory_is_of_another_edit(
    folder: Path, after: list[str], problem: str
) -> None:
    result = guard_by_preview(folder, whole_preview(SINCE, after))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"preview.json is no preview of this edit: {problem}")


def test_without_a_base_a_preview_has_to_list_what_stays(folder: Path) -> None:
    short = whole_preview(SINCE, LEFT, changeSummary={"same": 23, "delete": 2})
    result = guard_by_preview(folder, short)
    assert result.exit_code == 1
    assert result.stderr.endswith("make it with `pulumi preview --json --show-sames`.\n")


def test_what_the_state_does_not_date_cannot_be_approved_but_may_go_where_it_is_little(
    folder: Path,
) -> None:
    undated = {**SINCE, "nats-hooli-1": ""}
    result = guard_by_preview(folder, whole_preview(undated, LEFT))
    assert result.exit_code == 1
    assert "does not tell since when the stack has nats-hooli-1, so an approval" in result.stderr
    keeping = [*LEFT, "nats-initech-1"]
    (folder / "three.yaml").write_text(FOUR.replace("  hooli: {}\n", ""))
    few = guard_by_preview(folder, whole_preview(undated, keeping), "three.yaml")
    assert (few.exit_code, few.output) == (0, "Nothing here needs an approval.\n")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments",
    [
        ["guard"],
        ["guard", "--base", "base.yaml"],
        ["guard", "--head", "half.yaml"],
        ["check"],
        ["nothing"],
        ["--nothing"],
    ],
)
def test_wrong_usage_has_another_exit_code_than_a_refusal(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_check_prints_the_totals_who_relies_on_labels_and_which_memory_is_short() -> None:
    file = PROJECT / "tenants.yaml"
    result = run("check", str(file))
    totals = "3 tenants, 5 instances, which request 7 CPU and 14Gi of memory"
    labels = (
        "2 tenants rely on labels alone (acme-corp, demo-tenant): every pod that carries the label "
        "may connect; `clients.nkeys` admits only clients that prove who they are."
    )
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"{file}: {line}"
        for line in (
            totals,
            labels,
            "size large: its memory (8Gi) lasts for 238 clients that stall at once, and it admits "
            "2000 (maxConnections). Each may use 16MB (maxPending), a message of 4MB (maxPayload), "
            "and 4MB in the kernel.",
            "size standard: its memory (4Gi) lasts for 102 clients that stall at once, and it "
            "admits 1000 (maxConnections). Each may use 16MB (maxPending), a message of 8MB "
            "(maxPayload), and 4MB in the kernel.",
        )
    ]


def test_totals_are_exact_down_to_thousandths_and_mebibytes(folder: Path) -> None:
    (folder / "small.yaml").write_text(
        f"tenants:\n  acme: {{size: small, clients: {{nkeys: [{nkeys.EXAMPLE}]}}}}\n"
        "sizes:\n  small: {requests: {cpu: 150m, memory: 64Mi}, "
        "limits: {cpu: 200m, memory: 64Mi}, maxConnections: 1}\n"
    )
    result = run("check", "small.yaml")
    expected = "small.yaml: 1 tenant, 1 instance, which request 0.15 CPU and 0.0625Gi of memory\n"
    assert result.output == expected


def test_check_reports_all_faulty_files_and_the_right_ones_too(folder: Path) -> None:
    (folder / "faulty.yaml").write_text("tenants:\n  Acme: {}\n  Globex: {}\n")
    result = run("check", "faulty.yaml", "base.yaml", "missing.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith("base.yaml: 4 tenants, 4 instances, ")
    assert "faulty.yaml has 2 faults" in result.stderr
    assert "missing.yaml has 1 fault" in result.stderr
    assert len(result.stderr.splitlines()) == 5


def test_check_prints_faults_and_totals_as_json(folder: Path) -> None:
    (folder / "faulty.yaml").write_text("tenants:\n  acme: {instances: 0}\n")
    result = run("check", "--json", "faulty.yaml", "base.yaml")
    assert (result.exit_code, result.stderr) == (1, "")
    faulty, right = json.loads(result.stdout)
    assert faulty["totals"] is None
    assert [fault["location"] for fault in faulty["faults"]] == [["tenants", "acme", "instances"]]
    assert faulty["warnings"] == []
    totals = {"tenants": 4, "instances": 4, "cpu": 4, "memory": 8}
    assert (right["file"], right["totals"], right["faults"]) == ("base.yaml", totals, [])
    assert [warning.partition(":")[0] for warning in right["warnings"]] == [
        "4 tenants rely on labels alone (acme, globex, hooli, initech)",
        "size standard",
    ]


@pytest.mark.parametrize(
    ("head", "code", "reasons"),
    [("less.yaml", 0, []), ("half.yaml", 3, ["2 tenants lose every server: hooli, initech"])],
)
@pytest.mark.usefixtures("folder")
def test_the_guard_prints_reasons_and_the_approval_as_json(
    head: str, code: int, reasons: list[str]
) -> None:
    result = guard(head, "--json")
    assert (result.exit_code, result.stderr) == (code, "")
    told = json.loads(result.stdout)
    assert (told["reasons"], told["given"]) == (reasons, None)
    assert len(told["approval"]) == 64


def test_recover_tells_programs_what_it_has_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def clear(_: object, say: Callable[[str], None], *, is_dead: bool) -> None:
        say(f"removed the lock; {is_dead}")

    def nothing(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr("operations.recovery.leftovers.clear", clear)
    monkeypatch.setattr("operations.recovery.command.Engine.export", nothing)
    monkeypatch.setattr("operations.recovery.command._settle_interrupted", nothing)
    monkeypatch.setattr("operations.recovery.command._record_unrecorded", nothing)
    result = run("recover", "--stack", "prod", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = {"done": ["removed the lock; False"], "exit_code": 0}
    assert json.loads(result.stdout) == told


def test_recover_does_not_end_well_while_each_look_finds_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(*_: object, **__: object) -> None:
        pass

    def preview(_: object) -> Preview:
        return Preview(creations=[], settings={})

    def more(*_: object) -> tuple[list[Resource], list[Resource]]:
        return [{"urn": "a"}], []

    monkeypatch.setattr("operations.recovery.leftovers.clear", nothing)
    monkeypatch.setattr("operations.recovery.command.Engine.export", nothing)
    monkeypatch.setattr("operations.recovery.command.Engine.preview", preview)
    for name in ("_settle_interrupted", "_record"):
        monkeypatch.setattr(f"operations.recovery.command.{name}", nothing)
    monkeypatch.setattr("operations.recovery.command.unrecorded.namespaces", nothing)
    for name in ("live_objects", "beyond_recording"):
        monkeypatch.setattr(f"operations.recovery.command.unrecorded.{name}", nothing)
    monkeypatch.setattr("operations.recovery.command.unrecorded.match", more)
    assert recover.run(Engine(tmp_path, "prod")) == 1
    assert "each of 4 previews has found more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        *(("--help", "012"), ("check", "012"), ("changes", "012"), ("guard", "01234")),
        *(("add", "012"), ("set", "012"), ("render", "012")),
    ],
)
def test_help_says_what_each_exit_code_means(command: str, codes: str) -> None:
    lines = run(command, "--help").output.splitlines()
    told = [line.split()[0] for line in lines if line.startswith("    ") and line[4].isdigit()]
    assert told == list(codes)


def test_no_line_of_help_is_cut_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("--help").output.splitlines()
    assert [line for line in lines if line.endswith("...") and "Usage:" not in line] == []
    assert max(map(len, lines)) <= 80


def test_the_module_is_run_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "faulty.yaml").write_text("tenants: {}\n")
    answer = subprocess.run(
        [sys.executable, "-m", "operations", "check", tmp_path / "faulty.yaml"],
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "line 1, tenants: it is empty" in answer.stderr


def test_every_command_can_answer_in_json() -> None:
    found = commands()
    without = [
        name
        for name, command in found.items()
        if not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert (len(found), without) == (29, [])


def test_every_commands_help_has_an_example_and_its_exit_codes() -> None:
    for name, command in commands().items():
        told = command.help or ""
        _, _, examples = told.partition("For example:\n")
        assert f"  tenant-nats {name}" in examples, name
        assert "Exit codes:\n  0  " in told, name


def test_programs_get_the_roles_of_the_database_by_name_and_the_same_sql() -> None:
    told = json.loads(run("database-roles", "--prefix", "eu", "--json").stdout)
    assert told["roles"] == {
        "owner": "eu_owner",
        "provisioner": "eu_provisioner",
        "reader": "eu_reader",
    }
    assert told["sql"] + "\n" == run("database-roles", "--prefix", "eu").stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("wrong", ["x" * 300, "base.yaml/inside", "loop/base.yaml"])
def test_a_base_that_cannot_be_looked_at_may_be_there_and_is_no_first_inventory(
    folder: Path, wrong: str
) -> None:
    (folder / "loop").symlink_to("loop")
    result = guard("half.yaml", base=wrong)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{wrong} has 1 fault; nothing is deployed from it.\n")
    assert "first inventory" not in result.stderr


def test_a_base_in_a_folder_that_may_not_be_searched_is_no_first_inventory(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(0o600)
    nobody, somebody = 65534, os.geteuid()
    if somebody == 0:
        os.seteuid(nobody)
    try:
        result = guard("half.yaml", base="closed/base.yaml")
    finally:
        os.seteuid(somebody)
    assert result.exit_code == 1
    assert "it cannot be read (Permission denied)" in result.stderr
    assert "first inventory" not in result.stderr


def test_check_reports_on_the_first_file_though_the_second_cannot_be_read(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes("# Zürich\ntenants: {a: {}}\n".encode("latin-1"))
    (folder / "empty").mkdir()
    for wrong in ("missing.yaml", "empty", "x" * 300, "latin.yaml"):
        result = run("check", "base.yaml", wrong)
        assert result.exit_code == 1
        assert result.stdout.startswith("base.yaml: 4 tenants, 4 instances")
        assert result.stderr.startswith(f"{wrong} has 1 fault; nothing is deployed from it.\n")


_SHAPE = "For example: config: {tenant-nats:namespace: vrsky-tenants}"


@pytest.mark.parametrize(
    ("settings", "report"),
    [
        ("[a]", f"s.yaml: the file is ['a'], expected a mapping. {_SHAPE}"),
        ("x", f"s.yaml: the file is x, expected a mapping. {_SHAPE}"),
        ("config: [a]", f"s.yaml: config is ['a'], expected a mapping. {_SHAPE}"),
        ("config: x", f"s.yaml: config is x, expected a mapping. {_SHAPE}"),
        ("config: {5: x}", f"s.yaml: config has the key 5, expected text. {_SHAPE}"),
        ("5: x", f"s.yaml: the file has the key 5, expected text. {_SHAPE}"),
        (
            "config: {tenant-nats:inventory: 5}",
            "s.yaml: inventory is 5, expected the path of a file, for example tenants.yaml. "
            "Nothing was changed.",
        ),
        (
            "config: {tenant-nats:metrics: {5: x}}",
            "s.yaml: metrics[5] is 5, which is no text; put it between quotes. Nothing was ",
        ),
        ("config:\n  a: b\n  a: c\n", "s.yaml, line 3: not valid YAML: "),
        ("a: b: c", "s.yaml, line 1: not valid YAML: "),
    ],
)
def test_settings_of_another_shape_are_refused_and_nothing_is_rendered(
    folder: Path, settings: str, report: str
) -> None:
    (folder / "s.yaml").write_text(settings)
    result = run("render", "out", "--inventory", "base.yaml", "--settings", "s.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(report)
    assert len(result.stderr.splitlines()) == 1
    assert not (folder / "out").exists()
