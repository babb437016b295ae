"""The database or the API server goes away in the middle of an `up`, and comes back."""

from collections.abc import Generator
from pathlib import Path

import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict

from sandbox import database
from sandbox.cluster import NAME, PORTS, Cluster
from tests.conftest import databases, with_template
from tests.e2e.conftest import NewProject, projects
from tests.e2e.project import Project, Target
from tests.waiting import wait_until

TENANTS = ("acme", "globex", "hooli", "initech", "stark")
FIVE = (
    "tenants:\n"
    + "".join(f"  {tenant}: {{instances: 2, size: small}}\n" for tenant in TENANTS)
    + "sizes:\n"
    + "  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}\n"
)


@pytest.fixture(scope="module")
def new_project(
    own_target: Target, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[NewProject]:
    """Makes projects on a cluster and a Postgres that nobody else would miss."""
    data = shared / "outages" / "data"
    new_database = databases(with_template(database.start(data)), "outages")
    with projects(own_target, new_database, tmp_path_factory.mktemp("outages"), "outages") as new:
        yield new
    database.stop(data)


def test_a_database_that_is_stopped_in_the_middle_of_an_up(new_project: NewProject) -> None:
    project = new_project(FIVE)
    folder = Path(str(conninfo_to_dict(project.dsn)["host"]))
    process = project.begin_up()
    # The servers are being made; what the program decides by has been read.
    wait_until(lambda: len(project.names("service")) > 0)
    try:
        database.stop(folder)
        code = process.wait(120)
    finally:
        database.start(folder)
    assert code != 0, project.said()
    assert "UnreachableError: The database cannot be used" in project.said()
    assert "Traceback" not in project.said()
    assert_as_if_nothing_had_happened(project)


def test_a_database_that_is_restarted_in_the_middle_of_an_up(new_project: NewProject) -> None:
    project = new_project(FIVE)
    folder = Path(str(conninfo_to_dict(project.dsn)["host"]))
    process = project.begin_up()
    wait_until(lambda: len(project.rows()) > 0)
    database.stop(folder)
    database.start(folder)
    process.wait(120)
    assert_as_if_nothing_had_happened(project)


def test_an_api_server_that_is_killed_in_the_middle_of_an_up(new_project: NewProject) -> None:
    project = new_project(FIVE, readyTimeout="30s")
    cluster = Cluster.of(project.target.layout)
    project.target.layout.is_replaced.unlink(missing_ok=True)
    process = project.begin_up()
    wait_until(lambda: len(project.names("deployment")) > 0)
    pid = project.target.layout.kwok / "clusters" / NAME / "pids" / "kube-apiserver.pid"
    server = psutil.Process(int(pid.read_text()))
    with PORTS:  # else somebody's new cluster may take its port
        server.kill()
        server.wait(10)
        cluster.ensure()
    process.wait(180)
    assert not project.target.layout.is_replaced.exists(), "it must be the same cluster"
    project.configure({"readyTimeout": "3m"})  # its controllers may be busy coming back
    assert_as_if_nothing_had_happened(project)


def assert_as_if_nothing_had_happened(project: Project) -> None:
    """What the runbook says ends in the state that no outage would have left."""
    code, output = project.recover()
    assert code == 0, output
    up = project.up()
    assert not up.failed, up.output
    assert project.rows() == [(tenant, number, "active") for tenant in TENANTS for number in (1, 2)]
    assert project.names("deployment", "service") == sorted(
        f"{kind}/nats-{tenant}-{number}"
        for kind in ("Deployment", "Service")
        for tenant in TENANTS
        for number in (1, 2)
    )
    assert len(project.names("configmap", "networkpolicy")) == 10 + 6
    preview = project.preview()
    assert preview.changes == [], preview.output
