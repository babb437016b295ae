"""What CI runs, by the Makefile, from a git repository."""

import subprocess

from tests.e2e.conftest import NewProject

NAMES = ("acme", "globex", "hooli")
TENANTS = "tenants:\n" + "".join(f"  {name}: {{size: small}}\n" for name in NAMES)
SIZES = """\
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""
LEAVING = TENANTS.replace("  globex: {", "  globex: {state: decommissioned, ").replace(
    "  hooli: {", "  hooli: {state: decommissioned, "
)


def test_an_edit_that_ci_left_out_is_still_guarded_when_a_later_one_is_deployed(
    new_project: NewProject,
) -> None:
    project = new_project(TENANTS + SIZES)
    project.commit()
    code, said = project.make("deploy")
    assert code == 0, said
    assert "Nothing has been deployed yet." in said
    before = project.rows()

    # With the commit before as its base, the guard would miss initech, which never came.
    project.write(LEAVING + "  initech: {size: small}\n" + SIZES)
    project.commit()
    project.write(LEAVING + SIZES)
    project.commit()
    code, said = project.make("deploy")
    assert code != 0
    assert "2 tenants lose every server: globex, hooli" in said
    assert project.rows() == before

    [approve] = [line for line in said.splitlines() if "printf" in line]
    subprocess.run(approve, shell=True, check=True, cwd=project.folder)  # noqa: S602
    code, said = project.make("deploy")
    assert code == 0, said
    assert "Approved, by tenants.approval" in said
    assert project.names("deployment") == ["Deployment/nats-acme-1"]
