"""The worker in Go is formatted and vetted, as the one in Python is by `make check`."""

import subprocess
from pathlib import Path

import pytest

from tests.workers.conftest import GO_ENVIRONMENT, GO_WORKER


@pytest.fixture(scope="module", autouse=True)
def modules(go: Path) -> None:
    """The modules, fetched: else the first command that needs one says what it downloads."""
    subprocess.run([go, "mod", "download"], cwd=GO_WORKER, env=GO_ENVIRONMENT, check=True)


def run(*command: str | Path) -> str:
    finished = subprocess.run(
        command, cwd=GO_WORKER, env=GO_ENVIRONMENT, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_gofmt_would_change_nothing(go: Path) -> None:
    assert run(go.with_name("gofmt"), "-l", ".") == ""


def test_go_vet_finds_nothing(go: Path) -> None:
    assert run(go, "vet", "./...") == ""


def test_go_mod_tidy_would_change_nothing(go: Path) -> None:
    assert run(go, "mod", "tidy", "-diff") == ""
