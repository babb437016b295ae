"""What is refused, on the real engine: in words, and before anything was touched."""

import pytest
from psycopg.conninfo import make_conninfo

from tests.e2e.conftest import NewProject
from tests.e2e.project import Project, Run
from tests.sweeps import swept

TWO_INSTANCES = """\
tenants:
  acme: {instances: 2, size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""
ONE_INSTANCE = TWO_INSTANCES.replace("instances: 2, ", "")


def assert_refused(run: Run, words: str) -> None:
    """It failed, said so without a traceback, and nothing but the stack itself was begun."""
    assert run.failed
    assert words in run.output
    assert "Traceback" not in run.output
    assert run.changed == set()


def test_a_file_with_faults_is_told_whole_and_touches_nothing(new_project: NewProject) -> None:
    project = new_project("tenants:\n  acme: {instances: 0}\n  Globex: {}\n")
    run = project.up()
    assert_refused(run, "tenants.yaml has 2 faults; nothing is deployed from it.")
    assert "line 2, tenant acme, instances: 0" in run.output
    assert "line 3, tenant Globex" in run.output


MANY_TENANTS = """\
tenants:
  acme:
    instances: 2
    size: small
  globex: {size: "small"}
  hooli:
    integrations: 120
    clients:
      namespaces: [hooli-workers, hooli-jobs]
  initech: {size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""
CUTS = (
    "",
    "tenants:",
    "tenants:\n",
    "  acme:\n",
    "    instances:",
    "    size: small\n",
    "  globex: {",
    '  globex: {size: "small"}\n',
    "  hooli:\n",
    "    integrations: 12",
    "    integrations: 120\n",
    "      namespaces: [hooli-workers,",
    "      namespaces: [hooli-workers, hooli-jobs]\n",
    "  initech: {size: small}\n",
)
"""The last thing that is left of the file; the first time, nothing is."""


@pytest.mark.sweep
def test_a_file_that_was_cut_short_never_reaches_the_engine(new_project: NewProject) -> None:
    project = new_project(MANY_TENANTS)
    assert not project.up().failed
    before = project.names(), project.rows()
    for cut in swept(CUTS, 2):
        project.write(MANY_TENANTS[: MANY_TENANTS.index(cut) + len(cut)] if cut else "")
        run = project.up()
        assert run.failed, f"cut after {cut!r}"
        assert run.changed == set(), f"cut after {cut!r}"
        assert "Traceback" not in run.output
    assert (project.names(), project.rows()) == before


def test_a_strangers_row_shows_in_a_preview_and_is_never_changed(new_project: NewProject) -> None:
    project = new_project(TWO_INSTANCES)
    project.execute(
        "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
        "VALUES ('acme', 2, 'nats.example.com:4222', 'active')"
    )
    preview = project.preview()
    assert not preview.failed
    assert "2 at nats.example.com:4222" in preview.output
    run = project.up()
    assert run.failed
    assert "2 at nats.example.com:4222" in run.output
    assert "Traceback" not in run.output
    assert project.rows() == [("acme", 2, "active")]


def test_settings_that_are_wrong_are_told_in_words(new_project: NewProject) -> None:
    project = new_project(ONE_INSTANCE, image="nats", podSecurity="privileged", namespce="x")
    run = project.up()
    assert_refused(run, "image is nats, expected an image with a tag")
    assert_refused(run, "podSecurity is privileged, expected 'restricted' or")
    assert_refused(run, "there is no setting namespce")


def test_a_connection_string_that_is_no_secret_is_refused(new_project: NewProject) -> None:
    project = new_project(ONE_INSTANCE, databaseUrl="postgresql://x")
    assert_refused(project.up(), "databaseUrl stands in the stack's configuration as plain")


def test_without_a_database_a_preview_works_and_says_so_and_an_up_touches_nothing(
    new_project: NewProject, dsn: str
) -> None:
    project = new_project(ONE_INSTANCE, dsn=make_conninfo(dsn, host="127.0.0.1", port=1))
    preview = project.preview()
    assert not preview.failed, preview.output
    assert "This preview could not look at the rows and integrations" in preview.output
    assert "create Deployment nats-acme-1-deployment" in preview.changed
    up = project.up()
    assert up.failed
    assert "The database cannot be used: connection to server" in up.output
    assert "Nothing was changed." in up.output
    assert "Traceback" not in up.output
    assert namespace_objects(project) == []


def test_without_a_database_a_refresh_and_a_destroy_fail_in_one_line(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_INSTANCE)
    project.up()
    project.use_database(make_conninfo(project.dsn, host="127.0.0.1", port=1))
    for run in (project.refresh(), project.destroy()):
        assert run.failed
        assert "UnreachableError: The database cannot be used: connection to server" in run.output
        assert "Traceback" not in run.output
    assert "Deployment/nats-acme-1" in project.names(), "the rows go first, or nothing goes"


def test_a_destroy_that_would_lose_integrations_is_stopped(new_project: NewProject) -> None:
    project = new_project(ONE_INSTANCE)
    project.up()
    project.execute(
        "INSERT INTO integrations (tenant_id, nats_instance_id) "
        "SELECT tenant_id, id FROM nats_instances"
    )
    run = project.destroy()
    assert run.failed
    assert "rows that would be deleted: 1 to instance 1" in run.output
    assert "Traceback" not in run.output
    assert "Deployment/nats-acme-1" in project.names()
    assert project.rows() == [("acme", 1, "active")]


def test_a_missing_table_is_told_in_one_line(new_project: NewProject) -> None:
    project = new_project(ONE_INSTANCE)
    project.execute("DROP TABLE integrations CASCADE")
    run = project.up()
    assert run.failed
    assert "The database has no table public.integrations" in run.output
    assert "Traceback" not in run.output
    assert namespace_objects(project) == []


def namespace_objects(project: Project) -> list[str]:
    """The stack's own objects, of which a namespace that is not there has none."""
    return project.names()
