"""Whose lock is whose, and which files a dead engine has cut short."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from operations.outside.pulumi import Engine
from operations.recovery import leftovers
from operations.recovery.leftovers import Lock, judge, local_folder

HERE = "vm"
NOW = datetime.now(tz=UTC)


def lock(pid: int, *, hostname: str = HERE, since: datetime | None = NOW) -> Lock:
    return Lock(pid=pid, username="root", hostname=hostname, since=since)


@pytest.fixture
def running_engine(monkeypatch: pytest.MonkeyPatch) -> int:
    """The pid of a process that goes by the engine's name: this one."""

    def name(_: psutil.Process) -> str:
        return "pulumi"

    monkeypatch.setattr(psutil.Process, "name", name)
    return os.getpid()


def test_an_engine_that_runs_is_alive(running_engine: int) -> None:
    assert judge(lock(running_engine), HERE) == "alive"


def test_a_process_that_is_no_engine_has_only_got_its_number() -> None:
    assert judge(lock(os.getpid()), HERE) == "dead"


def test_an_engine_that_is_younger_than_the_lock_is_another_one(running_engine: int) -> None:
    long_ago = NOW - timedelta(days=9999)
    assert judge(lock(running_engine, since=long_ago), HERE) == "dead"


def test_a_number_that_no_process_has_is_of_a_dead_one() -> None:
    assert judge(lock(2**22 + 1), HERE) == "dead"


def test_nobody_here_knows_what_runs_on_another_machine(running_engine: int) -> None:
    assert judge(lock(running_engine, hostname="elsewhere"), HERE) == "unknown"


def test_a_lock_that_cannot_be_read_is_judged_by_nobody() -> None:
    assert judge(None, HERE) == "unknown"


def test_a_lock_is_read_as_the_engine_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    file.write_text(
        '{"pid":1167,"username":"root","hostname":"vm","timestamp":"2026-11-23T23:03:09.038589727Z"}'
    )
    read = Lock.read(file)
    assert str(read) == "pid 1167 of root on vm, since 2026-11-23 23:03:09 UTC"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"pid": "x"}', "{"])
def test_what_is_no_lock_is_not_read_as_one(tmp_path: Path, text: str) -> None:
    file = tmp_path / "lock.json"
    file.write_text(text)
    assert Lock.read(file) is None


def test_a_lock_that_goes_before_it_is_read_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def just_gone(_engine: Engine, folder: Path) -> list[Path]:
        return [folder / "gone.json"]

    def backend(_: Engine) -> str:
        return f"file://{tmp_path}"

    monkeypatch.setattr(Engine, "backend", backend)
    monkeypatch.setattr(leftovers, "_lock_files", just_gone)
    said: list[str] = []
    leftovers.clear(Engine(tmp_path, "prod"), said.append)
    assert said == []


@pytest.mark.parametrize(
    ("backend", "folder"),
    [
        ("file:///srv/state", "/srv/state/.pulumi"),
        ("file://state", "/project/state/.pulumi"),
        ("file:///srv/state?metadata=skip", "/srv/state/.pulumi"),
        ("s3://bucket", None),
        ("https://api.pulumi.com", None),
    ],
)
def test_only_a_local_backend_has_a_folder(backend: str, folder: str | None) -> None:
    found = local_folder(backend, Path("/project"))
    assert (found and str(found)) == folder


def test_only_empty_attributes_of_this_stack_are_dropped(tmp_path: Path) -> None:
    empty = [
        "stacks/tenant-nats/prod.json.attrs",
        "stacks/tenant-nats/prod.json.bak.attrs",
        "locks/organization/tenant-nats/prod/1.json.attrs",
        "meta.yaml.attrs",
    ]
    others = ["stacks/tenant-nats/staging.json.attrs", "stacks/tenant-nats/prod.json"]
    full = "history/tenant-nats/prod/prod-1.history.json.attrs"
    for name in [*empty, *others, full]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}" if name == full else "")
    said: list[str] = []
    leftovers.drop_empty_attributes(tmp_path, "prod", said.append)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {*others, full}
    assert len(said) == len(empty)
