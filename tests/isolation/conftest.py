"""One stack, whose states and events all tests here read, and a count of what was checked."""

from collections.abc import Generator

import pytest

from tests.conftest import NewDatabase
from tests.e2e.project import Project, Target
from tests.isolation.lifecycle import Lifecycle, lived
from tests.isolation.tally import Tally
from tests.isolation.watch import Watch

_TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session")
def lifecycle(
    target: Target, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Lifecycle]:
    """What was seen of one stack from its first `up` to its end."""
    folder = tmp_path_factory.mktemp("lifecycle")
    project = Project(
        target, folder / "project", namespace="isolation", dsn=new_database(),
        settings={"drain": "0s"},
    )  # fmt: skip
    watch = Watch(target, folder)
    try:
        yield lived(project, watch)
    finally:
        watch.end()
        project.remove()


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Tally:
    """What this run has checked so far."""
    return pytestconfig.stash.setdefault(_TALLY, Tally())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how much was checked."""
    if tally := config.stash.get(_TALLY, None):
        terminalreporter.write_line(str(tally))
