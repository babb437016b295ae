"""A project, a stack, a namespace for each test."""

import itertools
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.e2e.project import Project, Target

NewProject = Callable[..., Project]


@pytest.fixture
def new_project(
    target: Target, new_database: NewDatabase, tmp_path: Path, request: pytest.FixtureRequest
) -> Generator[NewProject]:
    """Makes a project with a database and a namespace of its own; removed after the test."""
    made: list[Project] = []
    name = "".join(part for part in request.node.name.lower() if part.isalnum())[:30]

    def create(inventory: str, *, dsn: str | None = None, **settings: str) -> Project:
        number = next(_NUMBERS)
        project = Project(
            target,
            tmp_path / f"project-{number}",
            namespace=f"e2e-{number}-{name}",
            dsn=new_database() if dsn is None else dsn,
            settings=settings,
        )
        made.append(project)
        project.write(inventory)
        return project

    yield create
    for project in made:
        project.remove()


_NUMBERS = itertools.count(1)
