"""A cluster and an engine for the whole run; a project, a stack, a namespace for each test.

With TENANT_NATS_E2E=kind the cluster is the one of the current KUBECONFIG, the engine the one on
PATH and the Kubernetes plugin the official one: the suite for CI, where those can be had.
"""

import itertools
import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from sandbox import engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from tests.conftest import NewDatabase
from tests.e2e.project import Project, Target

NewProject = Callable[..., Project]


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Generator[Target]:
    """Where the stacks of this run are deployed to."""
    layout = Layout(tmp_path_factory.mktemp("e2e") / "sandbox")
    if os.environ.get("TENANT_NATS_E2E") == "kind":
        # Without it, an object that somebody changed with kubectl is a conflict and stays so.
        settings = {"kubernetes:enablePatchForce": "true"}
        kubeconfig = os.environ["KUBECONFIG"]
        yield Target(layout, "kubectl", kubeconfig, "kind-kind", dict(os.environ), settings)
        return
    # Which plugin is not the question of these tests, and asking for the official one takes time.
    layout.root.mkdir(parents=True)
    layout.plugin_choice.write_text(f"pinned {engine.toolchain.KUBERNETES_PLUGIN_VERSION}")
    cluster = Cluster.of(layout)
    cluster.ensure()
    env = engine.environment(layout, "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", env["PATH"])  # where the Automation API looks for `pulumi`
        yield Target(layout, str(cluster.kubectl), str(layout.kubeconfig), CONTEXT, env)
    cluster.delete()


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
