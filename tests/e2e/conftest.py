"""A project, a stack, a namespace and a database for each test."""

import itertools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.e2e.cell import Cell
from tests.e2e.project import Project, Target

NewProject = Callable[..., Project]


@pytest.fixture
def new_project(
    target: Target,
    new_database: NewDatabase,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    worker_id: str,
) -> Generator[NewProject]:
    """Makes a project with a database and a namespace of its own; removed after the test."""
    with projects(target, new_database, tmp_path, f"{worker_id}-{request.node.name}") as create:
        yield create


@pytest.fixture
def cell(target: Target, dsn: str, tmp_path: Path, worker_id: str) -> Generator[Cell]:
    """A cell with a database and a namespace of its own; removed after the test."""
    namespace = f"e2e-cell-{next(_NUMBERS)}-{worker_id}"
    made = Cell(target, tmp_path / "cell", namespace=namespace, dsn=dsn)
    yield made
    made.any.remove()


@contextmanager
def projects(
    target: Target, new_database: NewDatabase, folder: Path, name: str
) -> Generator[NewProject]:
    """What `new_project` says, on this cluster and with databases of this server."""
    made: list[Project] = []
    readable = "".join(part for part in name.lower() if part.isalnum() or part == "-")[:30]

    def create(inventory: str, *, dsn: str | None = None, **settings: str) -> Project:
        number = next(_NUMBERS)
        project = Project(
            target,
            folder / f"project-{number}",
            namespace=f"e2e-{number}-{readable}".rstrip("-"),
            dsn=new_database() if dsn is None else dsn,
            settings=dict(settings),
        )
        made.append(project)
        project.write(inventory)
        return project

    yield create
    for project in made:
        project.remove()


_NUMBERS = itertools.count(1)
