"""What tests of several kinds share: a real Postgres with a database for each test, and a cluster.

The processes of one run (`pytest -n`) share both: who first needs one starts it, and the process
that started the others ends it.

With TENANT_NATS_E2E=kind the cluster is the one of the current KUBECONFIG, the engine the one on
PATH and the Kubernetes plugin the official one: the suite for CI, where those can be had.
"""

import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from filelock import FileLock
from hypothesis import HealthCheck
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from operations.edge import VARIABLE as TRACEBACK
from sandbox import database, engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from tests.access import Access
from tests.e2e.project import Target
from tests.isolation.tally import told
from tests.scheduling import Scheduling, group_of
from tests.seconds import by_folder, by_sweep
from tests.sweeps import ROUNDS, SEED, drawn

__all__ = ["drawn"]

NewDatabase = Callable[[], str]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Let tests/scheduling.py say which tests go to the same process."""
    return Scheduling(config, log)  # pyright: ignore[reportArgumentType]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that tests with a cluster of their own go to one process, which makes it once.

    A property is a sweep too: a soak draws other examples, and more of them.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.sweep)
        if "own_access" in getattr(item, "fixturenames", ()):
            assert group_of(item.nodeid) == "own cluster", f"add {item.nodeid} to TOGETHER"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what a soak did, and, where the slowest tests are asked for, where the time went."""
    reports = [
        each
        for category in terminalreporter.stats.values()
        for each in category
        if isinstance(each, pytest.TestReport)
    ]
    if checked := told(reports):
        terminalreporter.write_line(checked)
    if ROUNDS:
        terminalreporter.section(f"make soak ROUNDS={ROUNDS} SEED={SEED}")
        for line in by_sweep(reports):
            terminalreporter.write_line(line)
    if config.option.durations is not None:
        terminalreporter.section("where the time went")
        for line in by_folder(reports):
            terminalreporter.write_line(line)


_SHARED = "TENANT_NATS_TEST_RUN"
"""The variable by which a run's processes know the folder of what they share."""


def pytest_configure(config: pytest.Config) -> None:
    """What holds for all tests, in each run and on each machine the same."""
    # A run in the background of a script ignores it, and so would the engine's plugins: the engine
    # ends them by this signal, and waits five seconds for each that goes on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A fault of this program is to fail a test as itself, and not as an exit code.
    os.environ[TRACEBACK] = "1"
    if _leads(config):
        # Not below pytest's own temporary folder: every pytest that starts makes that one private
        # to its user, and where the user is root, Postgres runs as another one.
        os.environ[_SHARED] = tempfile.mkdtemp(prefix="tenant-nats-")
    # But in a soak, examples are the same in each run. No machine is too slow for one.
    hypothesis.settings.register_profile(
        "repeatable",
        derandomize=not ROUNDS,
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


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers that the run's processes shared, and those that a dead process has left."""
    if _leads(config):
        shared = Path(os.environ.pop(_SHARED))
        for clusters in shared.glob("*/kwok"):
            Cluster.of(Layout(clusters.parent), build=False).delete()
        for data in shared.glob("*/data"):
            database.stop(data)
        shutil.rmtree(shared, ignore_errors=True)


def _leads(config: pytest.Config) -> bool:
    """Whether this process has started the others of the run, or is the only one."""
    return not hasattr(config, "workerinput")


@pytest.fixture(autouse=True)
def whole_tracebacks() -> Generator[None]:
    """Each test begins with tracebacks of the usual length.

    The provider of rows shortens those of its process when it reports an expected error. In a test
    that process is this one, and then Pulumi's SDK, which looks at its own stack, fails to register
    anything: `UnboundLocalError: 'i'`.
    """
    yield
    if hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of what the processes of a run share."""
    return Path(os.environ[_SHARED])


@pytest.fixture(scope="session")
def postgres(shared: Path) -> str:
    """The administrator's connection string of a real server.

    Its `template_migrated` has the schema, and the roles may do there what they may.
    """
    with FileLock(shared / "postgres.lock"):
        return with_template(database.start(shared / "postgres" / "data"))


def with_template(dsn: str) -> str:
    """The same connection string, of a server that has the database to copy."""
    known = "SELECT 1 FROM pg_database WHERE datname = 'template_migrated'"
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute(known).fetchone():
            return dsn
        connection.execute("DROP DATABASE IF EXISTS template_new")
        connection.execute("CREATE DATABASE template_new")
        database.prepare(make_conninfo(dsn, dbname="template_new"))
        connection.execute("ALTER DATABASE template_new RENAME TO template_migrated")
    return dsn


@pytest.fixture(scope="session")
def new_database(postgres: str, worker_id: str) -> NewDatabase:
    """Makes a database with the schema and no rows; returns the provisioner's connection string.

    `by_hand` in tests/controlplane/rows.py is for what the platform and its people do.
    """
    return databases(postgres, f"test_{worker_id}")


def databases(dsn: str, prefix: str) -> NewDatabase:
    """What `new_database` says, at a server that has the database to copy."""
    numbers = itertools.count(1)

    def create() -> str:
        name = f"{prefix}_{next(numbers)}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            statement = SQL("CREATE DATABASE {} TEMPLATE template_migrated")
            connection.execute(statement.format(Identifier(name)))
        return database.provisioner(make_conninfo(dsn, dbname=name))

    return create


@pytest.fixture
def dsn(new_database: NewDatabase) -> str:
    """A database with the schema and no rows, for one test; as the provisioner."""
    return new_database()


@pytest.fixture(scope="session")
def access(shared: Path) -> Access:
    """The administrator's way to a real API server: one cluster for the whole run."""
    if os.environ.get("TENANT_NATS_E2E") == "kind":
        return Access(kubectl="kubectl", kubeconfig=os.environ["KUBECONFIG"], context="kind-kind")
    with FileLock(shared / "cluster.lock"):
        return access_of(Layout(shared / "cluster"))


@pytest.fixture(scope="session")
def own_access(shared: Path, worker_id: str) -> Generator[Access]:
    """A cluster of one process alone, for what would disturb others: outages, admission policies.

    The tests that use it are all given to one process.
    """
    layout = Layout(shared / f"cluster-of-{worker_id}")
    yield access_of(layout)
    Cluster.of(layout).delete()


def access_of(layout: Layout) -> Access:
    """The administrator's way to the cluster of `layout`, made where there was none yet."""
    cluster = Cluster.of(layout)
    # Not by asking whether it is ready: a busy one that answers late would be replaced.
    if not layout.plugin_choice.exists():
        cluster.ensure()
        # Which plugin is not the question of these tests, and asking for the official takes time.
        layout.plugin_choice.write_text(engine.BUILT)
    return Access(kubectl=str(cluster.kubectl), kubeconfig=str(layout.kubeconfig), context=CONTEXT)


@pytest.fixture(scope="session")
def target(access: Access, shared: Path) -> Target:
    """The engine, and the cluster that its stacks are deployed to."""
    return target_of(access, shared)


@pytest.fixture(scope="session")
def own_target(own_access: Access, shared: Path) -> Target:
    """The engine, and the cluster of `own_access`."""
    return target_of(own_access, shared)


def target_of(access: Access, shared: Path) -> Target:
    """The engine, and the cluster of `access`."""
    layout = Layout(Path(access.kubeconfig).parent)
    where = (access.kubectl, access.kubeconfig, access.context)
    new_stack = shared / "new-stack"
    is_kind = os.environ.get("TENANT_NATS_E2E") == "kind"
    environment = dict(os.environ) if is_kind else engine.environment(layout, "")
    return Target(layout, *where, environment, new_stack)


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the project."""
    return Path(__file__).resolve().parent.parent
