"""`render` on the command line: which folder it writes to, and with which settings."""

import json
from pathlib import Path

import pytest

from tests.unit.operations.test_commands import run

FILES = ["00-namespace.yaml", "10-acme.yaml", "90-rows.sql"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with an inventory and the settings of a stack."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenants.yaml").write_text("tenants:\n  acme: {}\n")
    (tmp_path / "prod.yaml").write_text("tenants:\n  globex: {}\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n"
        "  kubernetes:context: prod\n"
        "  tenant-nats:inventory: prod.yaml\n"
        "  tenant-nats:namespace: servers\n"
        "  tenant-nats:databaseUrl: {secure: v1:abc}\n"
    )
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_into_a_new_folder(folder: Path) -> None:
    result = run("render", "out/manifests")
    told = "3 files are written to out/manifests.\n"
    assert (result.exit_code, result.output) == (0, told)
    assert names(folder / "out" / "manifests") == FILES


def test_settings_come_from_the_stacks_file_and_from_options_which_go_before_it(
    folder: Path,
) -> None:
    arguments = ["render", "out", "--settings", "Pulumi.prod.yaml", "--set", "image=nats:2.14.0"]
    assert run(*arguments).exit_code == 0
    text = (folder / "out" / "10-globex.yaml").read_text()
    assert "  namespace: servers\n" in text
    assert "image: nats:2.14.0\n" in text
    assert run(*arguments, "--set", "namespace=others", "--json").exit_code == 0
    assert "  namespace: others\n" in (folder / "out" / "10-globex.yaml").read_text()


def test_what_an_earlier_call_has_written_goes(folder: Path) -> None:
    run("render", "out", "--inventory", "prod.yaml")
    assert json.loads(run("render", "out", "--json").stdout) == {"folder": "out", "files": FILES}
    assert names(folder / "out") == FILES


@pytest.mark.parametrize("name", ["kustomization.yaml", "10-mine.yaml"])
def test_a_folder_with_other_files_is_refused_and_stays_as_it_is(folder: Path, name: str) -> None:
    (folder / "out").mkdir()
    (folder / "out" / name).write_text("kind: ConfigMap\n")
    result = run("render", "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"out has {name}, which this command did not write; give it an empty folder. "
        "Nothing was written.\n"
    )
    assert names(folder / "out") == [name]


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        pytest.param(["--set", "image=nats"], "--set: image is nats, expected", id="value"),
        pytest.param(["--set", "imag=nats:1"], "--set: there is no setting imag", id="key"),
        pytest.param(["--inventory", "no.yaml"], "no.yaml has 1 fault", id="no inventory"),
        pytest.param(["--settings", "no.yaml"], "no.yaml cannot be used (", id="no settings"),
    ],
)  # fmt: skip
def test_nothing_is_written_when_something_is_wrong(
    folder: Path, arguments: list[str], report: str
) -> None:
    result = run("render", "out", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert report in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert not (folder / "out").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [[], ["out", "--set", "image"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run("render", *arguments).exit_code == 2
