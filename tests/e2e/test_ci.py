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
    assert "Nothing here needs an approval." in said
    before = project.rows()

    # With the commit before as its base, the guard would ask for initech, which never came.
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

    # They come back and are lost again, with the approval still there.
    project.write(TENANTS + SIZES)
    code, said = project.make("deploy")
    assert code == 0, said
    before = project.rows()
    project.write(LEAVING + SIZES)
    code, said = project.make("guard")
    assert code != 0
    assert "tenants.approval approves another plan." in said
    assert project.rows() == before


RED = """\
sizes:
  small: {requests: {cpu: '999', memory: 64Mi}, limits: {cpu: '999', memory: 64Mi}}
"""
WITH_A_RED_ONE = """\
tenants:
  acme: {instances: 2}
  globex: {state: decommissioned}
  hooli: {size: small}
"""


def test_the_guard_judges_what_the_stack_has_whatever_commit_it_comes_from(
    new_project: NewProject,
) -> None:
    project = new_project("tenants:\n  acme: {}\n" + SIZES, readyTimeout="10s", drain="0s")
    project.commit()
    # The program is linked into the folder, and not part of the repository.
    (project.folder / ".git" / "info" / "exclude").write_text("*\n")

    # An `up` from an edited working tree: no commit has what it deployed.
    project.write("tenants:\n  acme: {instances: 2}\n  globex: {}\n  hooli: {}\n" + SIZES)
    assert not project.up().failed
    code, said = project.operations("deployed", "tenants.yaml", "--stack", "e2e")
    assert code == 1
    assert "from a working tree with uncommitted edits or files" in said
    # Which says what to do.
    project.commit()
    assert not project.up().failed
    assert project.operations("deployed", "tenants.yaml", "--stack", "e2e")[0] == 0

    # One tenant is red from here on: no later `up` succeeds as a whole, and most of each is done.
    project.write(WITH_A_RED_ONE + RED)
    project.commit()
    code, said = project.make("deploy")
    assert code != 0
    assert "Nothing here needs an approval." in said
    there = ["Deployment/nats-acme-1", "Deployment/nats-acme-2", "Deployment/nats-hooli-1"]
    assert project.names("deployment") == there

    # Globex went with that one. It is neither counted again nor missed.
    project.write(WITH_A_RED_ONE.replace("{instances: 2}", "{}") + RED)
    project.commit()
    code, said = project.make("deploy")
    assert code != 0
    assert "Nothing here needs an approval." in said
    assert project.names("deployment") == [there[0], there[2]]
