"""The node, and stacks that are deployed to it."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.access import Access
from tests.conftest import NewDatabase, target_of
from tests.e2e.conftest import NewProject, projects
from tests.e2e.project import Project, Target
from tests.node import INSIDE, programs
from tests.node.node import Node, running


@pytest.fixture(scope="session")
def node(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Generator[Node]:
    """The only node of the cluster; real."""
    assert INSIDE in os.environ, "`make node` runs these tests"
    with running(access, programs.ensure(), tmp_path_factory.mktemp("node")) as real:
        yield real


@pytest.fixture(scope="session")
def target(node: Node, shared: Path) -> Target:
    """The engine, and the cluster of the node."""
    return target_of(node.access, shared)


@pytest.fixture
def new_project(
    target: Target,
    new_database: NewDatabase,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Generator[NewProject]:
    """Makes a project with a database and a namespace of its own; removed after the test.

    Its servers have no exporter, of which there is no image.
    """
    with projects(target, new_database, tmp_path, request.node.name) as make:

        def create(inventory: str) -> Project:
            project = make(inventory)
            project.configure({"metrics": {"exporter": False}, "drain": "0s"})
            return project

        yield create
