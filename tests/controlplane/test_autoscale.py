"""`autoscale` from end to end: a real database, a Prometheus on loopback, and the file."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from operations import autoscale as autoscaler
from operations.__main__ import app
from operations.editing.text import EditError
from tests.controlplane.rows import ONE, TWO, execute, insert
from tests.unit.operations.cells import cell
from tests.unit.operations.outside.prometheus import IDLE, Prometheus, serving

FILE = """\
# who the tenants are
tenants:
  acme: # the first
    integrations: 80 # so two
  globex: {egress: open}
"""
BUSY = IDLE | {"rate": 123_456.0, "rate_peak": 130_000.0}


@pytest.fixture
def prometheus() -> Generator[Prometheus]:
    with serving() as running:
        running.figures = {("acme", 1): IDLE, ("acme", 2): IDLE, ("globex", 1): IDLE}
        yield running


@pytest.fixture
def file(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inventory, of a stack that has what it asks for: 60 of acme, none of globex."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.chdir(tmp_path)
    insert(dsn, "acme", ONE, integrations=30)
    insert(dsn, "acme", TWO, integrations=30)
    globex = "nats-globex-1.vrsky-tenants.svc.cluster.local:4222"
    execute(
        dsn,
        "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
        "VALUES ('globex', 1, %s, 'active')",
        globex,
    )
    (tmp_path / "tenants.yaml").write_text(FILE)
    return tmp_path / "tenants.yaml"


def autoscale(prometheus: Prometheus, *more: str) -> Result:
    return CliRunner().invoke(app, ["autoscale", "--prometheus", prometheus.url, *more])


def integrate(dsn: str, tenant: str, count: int) -> None:
    """Add integrations that have no server yet."""
    execute(
        dsn,
        "INSERT INTO integrations (tenant_id) SELECT %s FROM generate_series(1, %s)",
        tenant,
        count,
    )


def test_what_is_as_it_should_be_is_left_alone(file: Path, prometheus: Prometheus) -> None:
    result = autoscale(prometheus)
    assert (result.exit_code, result.stdout) == (
        0,
        "Nothing needs to change. tenants.yaml is not written.\n",
    )
    assert file.read_text() == FILE


def test_a_tenant_grows_by_what_the_table_says_and_no_other_byte_changes(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "acme", 60)
    result = autoscale(prometheus)
    assert (result.exit_code, result.stdout) == (
        0,
        "acme: 2 → 3 instances (integrations: 132). 120 integrations fill 2 instances of 50.\n"
        "tenants.yaml is written.\n",
    )
    assert file.read_text() == FILE.replace("80", "132")
    again = autoscale(prometheus)
    assert "Nothing needs to change." in again.stdout
    assert file.read_text() == FILE.replace("80", "132")


def test_a_tenant_grows_by_what_prometheus_says(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "globex", 10)
    prometheus.figures["globex", 1] = BUSY
    result = autoscale(prometheus)
    assert result.stdout == (
        "globex: 1 → 2 instances (instances: 2, placement: spread). Instance 1 has had 123,456 "
        "messages a second for 5 minutes, over 100,000.\n"
        "tenants.yaml is written.\n"
    )
    assert file.read_text() == FILE.replace(
        "{egress: open}", "{egress: open, instances: 2, placement: spread}"
    )


def test_a_tenant_shrinks_when_the_table_and_prometheus_agree(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    execute(dsn, "DELETE FROM integrations WHERE id %% 2 = 0")
    result = autoscale(prometheus)
    assert result.exit_code == 0
    assert result.stdout.startswith("acme: 2 → 1 instances (integrations: 50). Instance 2 has 15 ")
    assert file.read_text() == FILE.replace("80", "50")


def test_a_dry_run_prints_and_writes_nothing(file: Path, prometheus: Prometheus, dsn: str) -> None:
    integrate(dsn, "acme", 60)
    result = autoscale(prometheus, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.startswith("acme: 2 → 3 instances")
    assert result.stdout.endswith("\ntenants.yaml is not written.\n")
    assert file.read_text() == FILE


def test_without_prometheus_a_tenant_grows_by_integrations_alone_and_the_output_says_so(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "globex", 51)
    execute(dsn, "DELETE FROM integrations WHERE tenant_id = 'acme'")
    prometheus.status = 503
    result = autoscale(prometheus)
    assert (result.exit_code, result.stdout) == (
        0,
        "globex: 1 → 2 instances (integrations: 57). 51 integrations fill 1 instance of 50.\n"
        "Judged by integrations only, and nothing shrinks: Prometheus answered 503 Service "
        "Unavailable.\n"
        "tenants.yaml is written.\n",
    )
    assert "integrations: 80" in file.read_text()


def test_where_no_prometheus_is_named_a_tenant_grows_by_integrations_alone(
    file: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrate(dsn, "globex", 51)
    for named in (None, ""):
        if named is not None:
            monkeypatch.setenv("PROMETHEUS_URL", named)  # as an unset variable of a workflow is
        result = CliRunner().invoke(app, ["autoscale", "--dry-run"])
        assert (result.exit_code, result.stdout) == (
            0,
            "globex: 1 → 2 instances (integrations: 57). 51 integrations fill 1 instance of 50.\n"
            "Judged by integrations only, and nothing shrinks: no Prometheus is named.\n"
            "tenants.yaml is not written.\n",
        )
    assert file.read_text() == FILE


def test_the_servers_of_another_namespace_are_those_of_another_stack(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "globex", 10)
    prometheus.figures["globex", 1] = BUSY
    elsewhere = autoscale(prometheus, "--namespace", "staging")
    assert "this namespace" in elsewhere.stdout
    assert file.read_text() == FILE
    assert "globex: 1 → " in autoscale(prometheus, "--namespace", "vrsky-tenants").stdout


def test_a_server_that_has_just_started_makes_nobody_grow(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "globex", 10)
    prometheus.figures["globex", 1] = BUSY | {"uptime": 130.0}
    assert autoscale(prometheus).stdout == (
        "globex: judged by integrations only, and does not shrink: instance 1 started 2 "
        "minutes ago.\nNothing needs to change. tenants.yaml is not written.\n"
    )
    assert file.read_text() == FILE


def test_json_says_what_the_words_say(file: Path, prometheus: Prometheus, dsn: str) -> None:
    integrate(dsn, "acme", 60)
    integrate(dsn, "globex", 50)
    del prometheus.figures["globex", 1]
    told: dict[str, Any] = json.loads(autoscale(prometheus, "--json", "--most", "1").stdout)
    assert told == {
        "file": "tenants.yaml",
        "written": True,
        "failure": None,
        "recommendations": [
            {
                "action": "grow",
                "tenant": "acme",
                "before": 2,
                "after": 3,
                "changes": {"integrations": 132},
                "reason": "120 integrations fill 2 instances of 50.",
                "urgency": 1.2,
            }
        ],
        "held_back": [
            {
                "action": "grow",
                "tenant": "globex",
                "before": 1,
                "after": 2,
                "changes": {"integrations": 55},
                "reason": "50 integrations fill 1 instance of 50.",
                "urgency": 1.0,
            }
        ],
        "notes": [
            "globex: judged by integrations only, and does not shrink: instance 1 has no recent "
            "data in Prometheus."
        ],
    }
    assert file.read_text() == FILE.replace("80", "132")


def test_more_servers_than_may_come_at_once_are_held_back(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "acme", 60)
    integrate(dsn, "globex", 150)
    result = autoscale(prometheus, "--most-servers", "2")
    assert result.stdout.startswith("acme: 2 → 3 instances ")
    assert "\nHeld back, since it is too much at once: globex: 1 → 4 instances " in result.stdout
    assert file.read_text() == FILE.replace("80", "132")


def refused(text: str, tenant: str, _: object) -> str:
    """In place of the edit: no text is known that the real one refuses, so that one is made up."""
    if tenant == "acme":
        raise EditError("Edit it by hand.")
    return text + "# edited\n"


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--json",)])
def test_tenants_of_which_none_can_be_edited_are_no_reason_to_close_the_pull_request(
    file: Path,
    prometheus: Prometheus,
    dsn: str,
    more: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(autoscaler, "edited", refused)
    integrate(dsn, "acme", 60)
    result = autoscale(prometheus, *more)
    assert result.exit_code == 1
    assert "Nothing needs to change" not in result.output
    assert "acme: 2 \u2192 3 instances" in result.stdout.replace("\\u2192", "\u2192")
    assert result.stderr.startswith("Tenants have to change, and none could: ")
    assert file.read_text() == FILE


def test_one_tenant_that_cannot_be_edited_holds_up_no_other(
    file: Path, prometheus: Prometheus, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoscaler, "edited", refused)
    integrate(dsn, "acme", 60)
    integrate(dsn, "globex", 60)
    result = autoscale(prometheus)
    assert result.exit_code == 0
    assert "Edit it by hand." in result.stdout
    assert file.read_text() == FILE + "# edited\n"


def test_a_tenant_alone_that_needs_more_servers_than_may_come_is_told_as_a_failure(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "globex", 150)
    result = autoscale(prometheus, "--most-servers", "2")
    assert result.exit_code == 1
    assert result.stdout.startswith("Held back, since it is too much at once: globex: 1 → 4 ")
    assert "Nothing needs to change" not in result.stdout
    assert "--most-servers" in result.stderr
    assert file.read_text() == FILE


def test_a_tenant_that_is_excepted_stays_as_it_is(
    file: Path, prometheus: Prometheus, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrate(dsn, "acme", 60)
    assert "Nothing needs to change." in autoscale(prometheus, "--except", "acme").stdout
    assert file.read_text() == FILE
    monkeypatch.setenv("AUTOSCALE_EXCEPT", "globex acme")
    assert "Nothing needs to change." in autoscale(prometheus).stdout
    unknown = autoscale(prometheus, "--except", "acme-corp")
    assert unknown.exit_code == 2
    assert "there is no tenant acme-corp" in unknown.stderr


def test_a_file_with_a_fault_is_reported_and_nothing_is_written(
    file: Path, prometheus: Prometheus
) -> None:
    file.write_text(FILE.replace("80", "lots"))
    result = autoscale(prometheus)
    assert result.exit_code == 1
    assert "line 4, tenant acme, integrations: lots" in result.stderr
    assert not prometheus.headers, "nothing is asked for a file that is wrong"


def test_without_the_database_nothing_is_decided(
    file: Path, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ops:hunter2@127.0.0.1:1/platform")
    result = autoscale(prometheus)
    assert result.exit_code == 1
    assert result.stderr.startswith("The database cannot be used: ")
    assert result.stderr.endswith("\nNothing was written.\n")
    assert "hunter2" not in result.output
    monkeypatch.delenv("DATABASE_URL")
    assert (
        "set DATABASE_URL, DATABASE_URL_FILE or DATABASE_URL_COMMAND;"
        in autoscale(prometheus).stderr
    )
    assert file.read_text() == FILE


@pytest.mark.usefixtures("file")
def test_an_address_of_prometheus_must_be_a_url() -> None:
    result = CliRunner().invoke(app, ["autoscale", "--prometheus", "hunter2"])
    assert result.exit_code == 2
    assert "expected http://" in result.stderr
    assert "hunter2" not in result.output


def test_the_command_reads_the_database_and_writes_nothing_to_it(
    file: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "acme", 60)
    before = execute(dsn, "SELECT id, nats_instance_id FROM integrations ORDER BY 1")
    autoscale(prometheus)
    assert file.read_text() != FILE
    assert execute(dsn, "SELECT id, nats_instance_id FROM integrations ORDER BY 1") == before


@pytest.fixture
def folder(file: Path, tmp_path: Path) -> Path:
    """The folder of a cell with the tenants of `file` in two shards, and with one at rest."""
    file.unlink()
    folder = cell(tmp_path, {"001": ACME, "002": GLOBEX, "003": "tenants:\n  hooli: {}\n"})
    return tmp_path / folder


ACME = "# who is here\ntenants:\n  acme: # the first\n    integrations: 80 # so two\n"
GLOBEX = "tenants:\n  globex: {egress: open}\n"
OF_A_CELL = ("--inventory", "inventory/eu")


def test_each_tenant_of_a_cell_grows_in_the_file_that_it_is_in(
    folder: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "acme", 60)
    integrate(dsn, "globex", 10)
    prometheus.figures["globex", 1] = BUSY
    dry = autoscale(prometheus, *OF_A_CELL, "--dry-run")
    assert dry.stdout.endswith("inventory/eu is not written.\n")
    assert (folder / "001.yaml").read_text() == ACME
    rest = (folder / "003.yaml").stat().st_mtime_ns
    result = autoscale(prometheus, *OF_A_CELL)
    assert result.exit_code == 0
    assert result.stdout.endswith("inventory/eu/001.yaml, inventory/eu/002.yaml are written.\n")
    assert (folder / "001.yaml").read_text() == ACME.replace("80", "132")
    assert (folder / "002.yaml").read_text() == GLOBEX.replace(
        "{egress: open}", "{egress: open, instances: 2, placement: spread}"
    )
    assert (folder / "003.yaml").stat().st_mtime_ns == rest
    told = json.loads(autoscale(prometheus, *OF_A_CELL, "--json").stdout)
    assert (told["file"], told["written"], told["files"]) == ("inventory/eu", False, [])


def test_how_many_may_change_at_once_holds_for_the_whole_cell(
    folder: Path, prometheus: Prometheus, dsn: str
) -> None:
    integrate(dsn, "acme", 60)
    integrate(dsn, "globex", 60)
    told = json.loads(autoscale(prometheus, *OF_A_CELL, "--most", "1", "--json").stdout)
    assert len(told["recommendations"]) == len(told["held_back"]) == 1
    [written] = told["files"]
    changed = [file.name for file in folder.iterdir() if "132" in file.read_text()]
    changed += [file.name for file in folder.iterdir() if "integrations: 66" in file.read_text()]
    assert [f"inventory/eu/{name}" for name in changed] == [written]


def test_a_file_that_cannot_be_written_is_named_with_those_that_were(
    folder: Path, prometheus: Prometheus, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is full half-way."""
    integrate(dsn, "acme", 60)
    integrate(dsn, "globex", 60)
    write = autoscaler.replace_file

    def full(file: Path, content: bytes) -> None:
        if file.name == "002.yaml":
            raise OSError(28, "No space left on device")
        write(file, content)

    monkeypatch.setattr(autoscaler, "replace_file", full)
    result = autoscale(prometheus, *OF_A_CELL)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "inventory/eu/002.yaml cannot be written (No space left on device); it is as it was. "
        "Written before it: inventory/eu/001.yaml. Run this again for the rest.\n"
    )
    assert (folder / "001.yaml").read_text() != ACME
    assert (folder / "002.yaml").read_text() == GLOBEX
