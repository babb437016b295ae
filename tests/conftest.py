"""What tests of several kinds share: a real Postgres with a database for each test, and a cluster.

With TENANT_NATS_E2E=kind the cluster is the one of the current KUBECONFIG, the engine the one on
PATH and the Kubernetes plugin the official one: the suite for CI, where those can be had.
"""

import itertools
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from sandbox import database, engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from tests.access import Access
from tests.e2e.project import Target

NewDatabase = Callable[[], str]


def pytest_configure() -> None:
    """What holds for all tests, in each run and on each machine the same."""
    # Examples are the same in each run, and no machine is too slow for one.
    hypothesis.settings.register_profile(
        "repeatable",
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )
    hypothesis.settings.load_profile("repeatable")
    # A make that a test runs is no part of the one that runs the tests.
    for name in [name for name in os.environ if name.startswith("MAKE")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres() -> Generator[str]:
    """The administrator's connection string of a real server.

    Its `template_migrated` has the schema, and the roles may do there what they may.
    """
    # Not below pytest's own temporary folder: every pytest that starts makes that one private to
    # its user, and where the user is root, the server runs as another one.
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "data"
        yield _migrated(database.start(folder))
        database.stop(folder)


def _migrated(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_migrated")
    database.prepare(make_conninfo(dsn, dbname="template_migrated"))
    return dsn


@pytest.fixture(scope="session")
def new_database(postgres: str) -> NewDatabase:
    """Makes a database with the schema and no rows; returns the provisioner's connection string.

    `by_hand` in tests/controlplane/rows.py is for what the platform and its people do.
    """
    numbers = itertools.count(1)

    def create() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            statement = SQL("CREATE DATABASE {} TEMPLATE template_migrated")
            connection.execute(statement.format(Identifier(name)))
        return database.provisioner(make_conninfo(postgres, dbname=name))

    return create


@pytest.fixture
def dsn(new_database: NewDatabase) -> str:
    """A database with the schema and no rows, for one test; as the provisioner."""
    return new_database()


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> Generator[Access]:
    """The administrator's way to a real API server: one cluster for the whole run."""
    if os.environ.get("TENANT_NATS_E2E") == "kind":
        yield Access(kubectl="kubectl", kubeconfig=os.environ["KUBECONFIG"], context="kind-kind")
        return
    layout = Layout(tmp_path_factory.mktemp("cluster") / "sandbox")
    cluster = Cluster.of(layout)
    cluster.ensure()
    yield Access(kubectl=str(cluster.kubectl), kubeconfig=str(layout.kubeconfig), context=CONTEXT)
    cluster.delete()


@pytest.fixture(scope="session")
def target(access: Access) -> Generator[Target]:
    """The engine, and the cluster that its stacks are deployed to."""
    layout = Layout(Path(access.kubeconfig).parent)
    where = (access.kubectl, access.kubeconfig, access.context)
    if os.environ.get("TENANT_NATS_E2E") == "kind":
        # Without it, an object that somebody changed with kubectl is a conflict and stays so.
        settings = {"kubernetes:enablePatchForce": "true"}
        yield Target(layout, *where, dict(os.environ), settings)
        return
    # Which plugin is not the question of these tests, and asking for the official one takes time.
    layout.plugin_choice.write_text(f"pinned {engine.toolchain.KUBERNETES_PLUGIN_VERSION}")
    env = engine.environment(layout, "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", env["PATH"])  # where the Automation API looks for `pulumi`
        yield Target(layout, *where, env)


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the project."""
    return Path(__file__).resolve().parent.parent
