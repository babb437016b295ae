"""The engine asks for the plugin of Postgres only for a stack that manages the database's roles.

The plugin cannot be had here: that is how it shows. Not for CI on kind, where it can.
"""

from tests.e2e.conftest import NewProject

ONE_TENANT = """\
tenants:
  acme: {size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""


def test_a_stack_needs_the_plugin_of_postgres_only_to_manage_roles(new_project: NewProject) -> None:
    project = new_project(ONE_TENANT)
    without = project.preview()
    assert not without.failed, without.output
    assert "create Deployment nats-acme-1-deployment" in without.changed
    project.configure({"database": {"manageRoles": True, "name": "platform"}})
    with_roles = project.preview()
    assert with_roles.failed
    assert "pulumi-resource-postgresql" in with_roles.output
