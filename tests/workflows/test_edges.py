"""The edges of the command line: whatever a command is given, it ends with a documented exit code.

Every command of `--help` is run with each bad file, bad text, bad answer of another program and bad
output. Nothing of it may end in a traceback, nor be left to the edge (`operations.edge`): the
command that it happens to says what is wrong.
"""

import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperOption
from typer.testing import CliRunner, Result

from controlplane.tables import Point
from operations import adopt, autoscale, contract, edge, status
from operations.__main__ import app
from operations.shards import checking
from sandbox.layout import PROJECT
from tenancy.rows.snapshot import Snapshot
from tests.command_line import commands
from tests.github import GitHub, serving
from tests.unit.edit.test_steps import PREVIEWS

COMMANDS = commands()
INVENTORY = "tenants:\n  acme: {}\n  globex: {instances: 2}\n"
DUE = '{"cell": "eu", "base": null, "waves": [], "why": {}, "gone": []}'
STREAM = Path("/dev/full")

RIGHT: dict[str, list[str]] = {
    "check": ["@tenants.yaml"],
    "contract": ["--settings", "@Pulumi.prod.yaml", "--inventory", "@tenants.yaml"],
    "deployed": ["tenants.yaml", "--stack", "prod"],
    "drift": ["--stack", "prod", "--report", "@drift.md"],
    "changes": ["--base", "@tenants.yaml", "--head", "@tenants.yaml"],
    "add": ["initech", "--inventory", "@tenants.yaml"],
    "set": ["acme", "instances=2", "--inventory", "@tenants.yaml"],
    "database-roles": ["--settings", "@Pulumi.prod.yaml"],
    "guard": [
        *("--base", "@tenants.yaml", "--head", "@tenants.yaml"),
        *("--preview", "@preview.json", "--approval", "@approval"),
    ],
    "post": ["@report.md", "--pull-request", "7"],
    "render": ["@manifests", "--inventory", "@tenants.yaml", "--settings", "@Pulumi.prod.yaml"],
    "sql-exporter": ["--settings", "@Pulumi.prod.yaml"],
    "rules": ["--inventory", "@tenants.yaml"],
    "recover": ["--stack", "prod"],
    "adopt": ["--write", "@found.yaml"],
    "status": ["--inventory", "@tenants.yaml"],
    "verify": ["--inventory", "@tenants.yaml", "--nkey", "@acme.seed", "--ca", "@ca.crt"],
    "autoscale": ["--inventory", "@tenants.yaml"],
    "propose": ["@report.md", "--inventory", "@tenants.yaml"],
    "shards list": ["--cell", "eu"],
    "shards due": ["--cell", "eu"],
    "shards check": ["--cell", "eu"],
    "shards waves": ["--due", "@due.json"],
    "shards summary": ["@results", "--due", "@due.json"],
    "shards add": ["initech", "instances=2", "--cell", "eu"],
    "shards move": ["acme", "002", "--cell", "eu"],
    "shards split": ["001", "--cell", "eu"],
    "shards merge": ["002", "001", "--cell", "eu"],
    "shards settle": ["--cell", "eu"],
}
"""Arguments that are right, with an @ before the name of each file."""

CONTENTS = {
    "nothing": b"",
    "one byte that is no UTF-8": b"\xff",
    "latin-1": "# Zürich\ntenants:\n  acme: {}\n".encode("latin-1"),
    "UTF-16": INVENTORY.encode("utf-16"),
    "NUL": b"tenants:\0\n",
    "half a character": b'{"a": "\\ud800"}\n',
    "null": b"null\n",
    "a number": b"5\n",
    "a long number": b"9" * 5000 + b"\n",
    "a text": b"x\n",
    "a list": b"[a]\n",
    "a list of nothing": b"[{}]\n",
    "deep": b"[" * 20_000 + b"\n",
    "deep mappings": b'{"a":' * 20_000 + b"\n",
    "a number for tenants": b"tenants: 5\n",
    "keys that are numbers": b"5: {6: 7}\n",
    "config is a list": b"config: [a]\n",
    "config is a text": b"config: x\n",
    "config with a number for a key": b"config: {5: x}\n",
    "inventory is a number": b"config: {tenant-nats:inventory: 5}\n",
    "a tag": b"config: !!python/object:os.system {}\n",
    "a date": b"config: 2020-99-99\n",
    "a control character": b"config: \x1b[31m\n",
}

ANSWERS = {
    **CONTENTS,
    "no list of items": b'{"items": null}',
    "items that are nothing": b'{"items": [null]}',
    "items without a name": b'{"items": [{"kind": "Deployment", "metadata": null}]}',
    "a deployment that is nothing": b'{"deployment": null, "url": null}',
    "a resource that is nothing": b'{"deployment": {"resources": [null]}, "url": "file://~"}',
    "a resource without a type": b'{"deployment": {"resources": [{}]}, "url": "file://~"}',
    "a step that is nothing": b'{"steps": [null], "url": "file://~", "deployment": {}}',
    "a step without a state": b'{"steps": [{"op": "create"}], "url": "x", "deployment": {}}',
    "an update that is nothing": b"[null]",
    "an update without surroundings": (
        b'[{"kind": "update", "result": "succeeded", "environment": null}]'
    ),
}
"""What another program prints."""


@pytest.fixture(autouse=True)
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Generator[Path]:
    """A folder in which RIGHT is right, but that no program and no database answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(edge.VARIABLE, raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: tenant-nats\n")
    (tmp_path / "tenants.yaml").write_text(INVENTORY)
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {}\n")
    (tmp_path / "preview.json").write_text((PREVIEWS / "moved.json").read_text())
    for name in ("report.md", "approval", "acme.seed", "ca.crt"):
        (tmp_path / name).write_text("# nothing\n")
    (tmp_path / "inventory" / "eu").mkdir(parents=True)
    (tmp_path / "inventory" / "eu" / "001.yaml").write_text(INVENTORY)
    (tmp_path / "inventory" / "eu" / "002.yaml").write_text("tenants:\n  hooli: {}\n")
    (tmp_path / "Pulumi.eu.yaml").write_text("config: {tenant-nats:cell: eu}\n")
    (tmp_path / "due.json").write_text(DUE)
    (tmp_path / "results").mkdir()
    for module in (adopt, autoscale, checking, status):
        monkeypatch.setattr(module, "take_snapshot", no_rows)
    monkeypatch.setattr(contract, "_found", no_points)
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/nothing")
    for program in ("pulumi", "kubectl", "git"):
        answering(program, b"")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with serving() as github:
        for name, value in github.environment.items():
            monkeypatch.setenv(name, value)
        request.node.github = github
        yield tmp_path


def no_rows(_: str, **__: object) -> Snapshot:
    return Snapshot()


def no_points(*_: object) -> list[Point]:
    return []


def answering(program: str, answer: bytes, code: int = 0) -> None:
    """Make a `program` on PATH that prints `answer` on both streams, whatever it is asked."""
    folder = Path("bin").absolute()
    folder.mkdir(exist_ok=True)
    (folder / f"{program}.answer").write_bytes(answer)
    file = folder / program
    file.write_text(
        f"#!/bin/sh\n/bin/cat {folder}/{program}.answer\n"
        f"/bin/cat {folder}/{program}.answer >&2\nexit {code}\n"
    )
    file.chmod(0o755)


def right(command: str) -> list[str]:
    return [each.removeprefix("@") for each in RIGHT[command]]


def codes(command: str) -> set[int]:
    """The exit codes that the help of a command lists."""
    listed = COMMANDS[command].help.partition("Exit codes:")[2]
    return {int(code) for code in re.findall(r"^\s+(\d)  ", listed, re.MULTILINE)}


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*command.split(), *arguments])


def judged(command: str, result: Result) -> None:
    """It ended as its help says, in words of its own."""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code in codes(command), result.output
    assert "Traceback" not in result.output
    assert not result.stderr.startswith("Failed: "), result.stderr
    assert result.exit_code == 0 or result.output.strip()


def places(command: str) -> list[int]:
    """Where a command's arguments have a file."""
    return [number for number, each in enumerate(RIGHT[command]) if each.startswith("@")]


def named(file: str) -> Iterator[tuple[str, bool]]:
    """Names in place of `file`, and whether the message has to repeat it."""
    Path("folder").mkdir(exist_ok=True)
    Path("loop").unlink(missing_ok=True)
    Path("loop").symlink_to("loop")
    yield from (
        (name, True)
        for name in ("x" * 300, f"{file}/inside", "folder", "loop", "/proc/self/mem", "none/there")
    )
    yield os.fsdecode(b"caf\xe9"), False


def test_every_command_is_here() -> None:
    assert RIGHT.keys() == COMMANDS.keys()
    assert all({2} < codes(command) <= {0, 1, 2, 3, 4, 5} for command in COMMANDS)


@pytest.mark.parametrize("command", [name for name in RIGHT if places(name)])
def test_a_file_that_cannot_be_read_or_written_is_told(command: str) -> None:
    for place in places(command):
        for name, is_told in named("tenants.yaml"):
            arguments = right(command)
            arguments[place] = name
            result = run(command, *arguments)
            judged(command, result)
            if is_told and result.exit_code == 1 and command not in _BLIND:
                assert name[:200] in result.stderr.replace("\n", ""), result.stderr


_BLIND = {"verify", "adopt", "drift"}
"""They ask another program first, and that answers nothing here."""


@pytest.mark.parametrize("command", [name for name in RIGHT if places(name)])
def test_a_file_of_anything_is_told(command: str) -> None:
    for place in places(command):
        name = right(command)[place]
        before = Path(name).read_bytes() if Path(name).is_file() else None
        for content in CONTENTS.values():
            if before is not None:
                Path(name).write_bytes(content)
                judged(command, run(command, *right(command)))
                Path(name).write_bytes(before)


@pytest.mark.parametrize("command", RIGHT)
def test_bytes_that_are_no_text_are_told_wherever_they_are_given(command: str) -> None:
    wrong = os.fsdecode(b"a\xff")
    for place, each in enumerate(RIGHT[command]):
        if not each.startswith(("-", "@")):
            arguments = right(command)
            arguments[place] = wrong
            judged(command, run(command, *arguments))
    for option in COMMANDS[command].params:
        if isinstance(option, TyperOption) and not option.is_flag:
            judged(command, run(command, *right(command), option.opts[0], wrong))


@pytest.mark.parametrize(
    "variable",
    [
        *(
            "DATABASE_URL",
            "DATABASE_URL_FILE",
            "DATABASE_URL_COMMAND",
            "PROMETHEUS_TOKEN",
            "PROMETHEUS_HEADERS",
            "PROMETHEUS_URL",
        ),
        *("AUTOSCALE_EXCEPT", "GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"),
        *("GITHUB_SERVER_URL", "GIT_CONFIG_COUNT"),
    ],
)
@pytest.mark.parametrize("value", [b"\xff", b"http://[", b"-1", b" "])
def test_a_variable_of_the_environment_that_is_no_text_is_told(
    variable: str, value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not variable.startswith("PROMETHEUS"):
        monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    monkeypatch.setenv(variable, os.fsdecode(value))
    for command in ("adopt", "autoscale", "contract", "status", "post", "propose"):
        judged(command, run(command, *right(command)))


_MOVES = {f"shards {each}" for each in ("move", "split", "merge", "settle")}


def asks(command: str, program: str) -> bool:
    """Whether a command runs `program`."""
    return (
        command
        in {
            "pulumi": {"deployed", "drift", "recover", *_MOVES},
            "kubectl": {"adopt", "status", "verify", "recover", "shards list", "shards due"},
            "git": {"changes", "deployed", "propose"},
        }[program]
    )


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    ("command", "program"),
    [
        (command, program)
        for command in RIGHT
        for program in ("pulumi", "kubectl", "git")
        if asks(command, program)
    ],
)
def test_an_answer_of_another_program_that_is_none_is_told(
    command: str, program: str, code: int
) -> None:
    history = [{"kind": "update", "result": "succeeded", "environment": {"git.head": "f" * 40}}]
    if program == "git":
        answering("pulumi", json.dumps(history).encode())
    arguments = right(command)
    if command == "changes":
        arguments[1] = "HEAD"
    for answer in ANSWERS.values():
        answering(program, answer, code)
        result = run(command, *arguments)
        judged(command, result)
        if program != "git" and code:
            assert result.exit_code != 0


@pytest.mark.parametrize("command", ["deployed", "drift", "recover", "shards settle"])
@pytest.mark.parametrize("answer", ["nothing", "null", "a list of nothing", "a text"])
def test_an_engine_that_answers_nothing_proves_nothing(command: str, answer: str) -> None:
    answering("pulumi", ANSWERS[answer])
    result = run(command, *right(command))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pulumi" in result.stderr


@pytest.mark.parametrize("program", ["pulumi", "kubectl", "git"])
def test_a_program_that_cannot_be_run_is_told(program: str) -> None:
    Path("bin", program).write_text("no program")
    for command in RIGHT:
        if asks(command, program):
            judged(command, run(command, *right(command)))


Answer = Callable[[str, str, Any], tuple[int, Any]]

PEOPLE = [None, 5, {}, {"type": None}, {"type": "Bot"}]
POSTS: list[Any] = [
    None,
    5,
    "x",
    {},
    [None],
    [5],
    [[]],
    [{}],
    *([{"user": user, "body": body}] for user in PEOPLE for body in (None, 5)),
    [{"user": {"type": "Bot"}, "body": "<!-- tenant-nats: changes -->\n", "html_url": None}],
]


@pytest.mark.parametrize("command", ["post", "propose"])
@pytest.mark.parametrize("request_", range(4))
def test_an_answer_of_github_that_is_none_is_told(
    command: str, request_: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    github: GitHub = request.node.github  # pyright: ignore
    answering("git", b"100644 blob abc\ttenants.yaml\n")
    for garbage in POSTS:
        with monkeypatch.context() as patched:
            patched.setattr(github, "answer", once(github.answer, request_, garbage))
            judged(command, run(command, *right(command)))


def once(as_ever: Answer, number: int, garbage: object) -> Answer:
    """As ever, but for the request of this number."""
    counter = itertools.count()

    def answer(method: str, address: str, sent: Any) -> tuple[int, Any]:
        return (200, garbage) if next(counter) == number else as_ever(method, address, sent)

    return answer


class Full(io.TextIOWrapper):
    """A stdout whose disk is full."""

    def __init__(self) -> None:
        super().__init__(STREAM.open("wb"), encoding="utf-8")


@pytest.mark.parametrize("command", [*RIGHT, "--help"])
def test_a_full_disk_behind_stdout_is_told(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout = Full()
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(SystemExit) as ended:
        app([*command.split(), *(["--json"] if command in RIGHT else []), *right_of(command)])
    stdout.close()
    monkeypatch.undo()
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip()


def right_of(command: str) -> list[str]:
    return right(command) if command in RIGHT else []


@pytest.mark.parametrize("command", RIGHT)
def test_a_terminal_that_lacks_characters_gets_escapes(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    Path("half.yaml").write_text("tenants:\n  acme: {instances: 3}\n")
    arguments = [each.replace("--head", "--base=half.yaml") for each in right(command)]
    if command == "changes":
        arguments = ["--base", "half.yaml"]
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    with pytest.raises(SystemExit) as ended:
        app([*command.split(), *arguments])
    assert ended.value.code in codes(command)
    if command == "changes":
        assert rb"acme: 3 \u2192 1" in written.getvalue()


def test_the_comment_is_utf8_whatever_the_terminal_has(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("half.yaml").write_text("tenants:\n  acme: {instances: 3}\n")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    with pytest.raises(SystemExit):
        app(["changes", "--base", "half.yaml", "--format", "markdown"])
    assert "3 → 1" in written.getvalue().decode()


def outside(command: str, **more: Any) -> "subprocess.CompletedProcess[bytes]":
    """A command line, in a process of its own."""
    return subprocess.run(  # noqa: S602
        f"{sys.executable} -m operations {command}",
        shell=True,
        executable="/bin/bash",
        cwd=PROJECT,
        env={"PATH": os.defpath, "HOME": "/nonexistent", **more},
        capture_output=True,
    )


def test_the_interpreter_adds_nothing_when_it_ends() -> None:
    full = outside("database-roles >/dev/full")
    assert (full.returncode, full.stderr) == (
        1,
        b"Failed: the output: No space left on device.\n",
    )
    read = outside("check tenants.yaml tenants.yaml | true; exit ${PIPESTATUS[0]}")
    assert (read.returncode in (0, 1), read.stderr) == (True, b"")
    unseen = outside("check none.yaml 2>/dev/full")
    assert unseen.returncode == 1


def test_an_argument_of_a_shell_may_have_any_byte() -> None:
    wrong = outside(r"add $'\xff'", LC_ALL="C")
    assert wrong.returncode == 2
    assert b"bytes that are not UTF-8" in wrong.stderr
    missing = outside(r"check $'caf\xe9.yaml'", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert missing.returncode == 1
    assert missing.stderr.startswith(rb"caf\udce9.yaml has 1 fault")
