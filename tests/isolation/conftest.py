"""One stack, whose states and events all tests here read, and a count of what was checked."""

from collections.abc import Callable, Generator
from dataclasses import asdict

import pytest

from tests.conftest import NewDatabase
from tests.e2e.project import Project, Target
from tests.isolation.lifecycle import Lifecycle, lived
from tests.isolation.tally import PROPERTY, Tally
from tests.isolation.watch import Watch


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
def tally(record_property: Callable[[str, object], None]) -> Generator[Tally]:
    """What a test has checked; it goes with the report of the test, from whichever process."""
    checked = Tally()
    yield checked
    record_property(PROPERTY, asdict(checked))
