"""What tests of several kinds share: a real Postgres with many databases, a cluster, an engine."""

import itertools
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from controlplane.schema import migrate
from sandbox import database, engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from tests.e2e.project import Target

NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def postgres() -> Generator[str]:
    """The connection string of a real server, with the schema in `template_migrated`."""
    # Not below pytest's own temporary folder: every pytest that starts makes that one private to
    # its user, and where the user is root, the server runs as another one.
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "data"
        yield _migrated(database.start(folder))
        database.stop(folder)


def _migrated(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_migrated")
    migrate(make_conninfo(dsn, dbname="template_migrated"))
    return dsn


@pytest.fixture(scope="session")
def new_database(postgres: str) -> NewDatabase:
    """Makes a database with the schema and no rows, and returns its connection string."""
    numbers = itertools.count(1)

    def create() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            statement = SQL("CREATE DATABASE {} TEMPLATE template_migrated")
            connection.execute(statement.format(Identifier(name)))
        return make_conninfo(postgres, dbname=name)

    return create


@pytest.fixture
def dsn(new_database: NewDatabase) -> str:
    """A database with the schema and no rows, for one test."""
    return new_database()


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Generator[Target]:
    """A cluster and an engine for the whole run: where its stacks are deployed to.

    With TENANT_NATS_E2E=kind the cluster is the one of the current KUBECONFIG, the engine the one
    on PATH and the Kubernetes plugin the official one: for CI, where those can be had.
    """
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
    env = engine.environment(layout, "")  # first: it may have to build, and a build may fail
    cluster = Cluster.of(layout)
    cluster.ensure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", env["PATH"])  # where the Automation API looks for `pulumi`
        yield Target(layout, str(cluster.kubectl), str(layout.kubeconfig), CONTEXT, env)
    cluster.delete()


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the project."""
    return Path(__file__).resolve().parent.parent
