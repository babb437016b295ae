"""Another `clusterDomain`, on the real engine, API server and database: a change of address."""

from pathlib import Path

import pytest

from tests.controlplane.rows import execute, table
from tests.e2e.conftest import NewProject
from tests.e2e.project import SIZES, Project

TENANTS = "tenants:\n  acme: {instances: 2, size: small}\n  globex: {size: small}\n" + SIZES
INSTANCES = (("acme", 1), ("acme", 2), ("globex", 1))
UPDATES = {
    "update TenantRecords acme-records",
    "update TenantRecords globex-records",
    "update pulumi-python default",  # the provider of the rows, which is given every setting
}


def deployed(new_project: NewProject) -> Project:
    """A stack with integrations on every server, and one that has none yet."""
    project = new_project(TENANTS)
    first = project.up()
    assert not first.failed, first.output
    execute(
        project.dsn,
        "INSERT INTO integrations (tenant_id, nats_instance_id) "
        "SELECT tenant_id, id FROM nats_instances, generate_series(1, 3)",
    )
    return project


def addresses(project: Project, domain: str) -> list[tuple[str, int, str, str]]:
    end = f"{project.namespace}.svc.{domain}:4222"
    return [
        (tenant, number, f"nats-{tenant}-{number}.{end}", "active") for tenant, number in INSTANCES
    ]


def places(project: Project) -> list[tuple[object, ...]]:
    """Each integration, its instance's id and number."""
    return execute(
        project.dsn,
        "SELECT g.id, i.id, i.tenant_id, i.instance_number FROM integrations g "
        "LEFT JOIN nats_instances i ON i.id = g.nats_instance_id ORDER BY g.id",
    )


def identities(project: Project) -> set[str]:
    """Of all that runs: it changes when something is replaced or restarted."""
    return {each["metadata"]["uid"] for each in project.objects("deployment", "service", "pod")}


def test_one_up_rewrites_every_row_and_touches_nothing_else(
    new_project: NewProject, tmp_path: Path
) -> None:
    project = deployed(new_project)
    assert table(project.dsn) == addresses(project, "cluster.local")
    placed, running = places(project), identities(project)

    project.configure({"clusterDomain": "corp.example"})
    preview = project.preview()
    assert preview.changed == UPDATES
    ends = (
        f"{project.namespace}.svc.{domain}:4222" for domain in ("cluster.local", "corp.example")
    )
    before, after = ends
    told = f"3 rows of 2 tenants end in {before} and are rewritten to end in {after}."
    assert f"Addresses change: {told}" in " ".join(preview.output.split())
    assert table(project.dsn) == addresses(project, "cluster.local"), "a preview writes nothing"

    file = tmp_path / "preview.json"
    file.write_text(project.pulumi("preview", "--json", "--show-sames"))
    judge = ("guard", "--head", "tenants.yaml", "--preview", str(file))
    code, said = project.operations(*judge)
    assert code == 3, said
    assert f"2 tenants get other addresses ({before} → {after}): acme, globex" in said

    up = project.up()
    assert not up.failed, up.output
    assert up.changed == UPDATES
    assert table(project.dsn) == addresses(project, "corp.example")
    assert places(project) == placed
    assert identities(project) == running
    assert project.outputs()["urls"]["globex"] == [f"nats://nats-globex-1.{after}"]
    again = project.up()
    assert again.changes == []
    assert "Addresses change" not in again.output

    code, said = project.operations("drift", "--stack", "e2e")
    assert code == 0, said
    where = ("status", "--namespace", project.namespace)
    code, said = project.operations(*where)
    assert code == 5
    assert "3 rows have the cluster domain corp.example." in said
    for option in (("--settings", "Pulumi.e2e.yaml"), ("--cluster-domain", "corp.example")):
        code, said = project.operations(*where, *option)
        assert code == 0, said

    execute(project.dsn, "DELETE FROM integrations")
    destroyed = project.destroy()
    assert not destroyed.failed, destroyed.output
    assert table(project.dsn) == []


def test_a_tenant_may_shrink_in_the_same_up_and_none_may_disappear(new_project: NewProject) -> None:
    project = deployed(new_project)
    project.configure({"clusterDomain": "corp.example"})
    project.write(TENANTS.replace("  globex: {size: small}\n", ""))
    refused = project.preview()
    assert refused.failed
    assert "globex is no longer in it and still has 1 instance and 3 integrations" in refused.output

    project.write(TENANTS.replace("instances: 2, ", ""))
    up = project.up("--config", "drain=0s")
    assert not up.failed, up.output
    acme_1, _, globex_1 = addresses(project, "corp.example")
    assert table(project.dsn) == [acme_1, globex_1]
    assert [place[2:] for place in places(project)].count(("acme", 1)) == 6
    assert project.up("--config", "drain=0s").changes == []


@pytest.mark.parametrize("domain", ["cluster.local.", "Corp.Example", "-a.b"])
def test_what_is_no_domain_is_refused_before_anything(new_project: NewProject, domain: str) -> None:
    project = new_project(TENANTS, clusterDomain=domain)
    up = project.up()
    assert up.failed
    assert f"clusterDomain is {domain}, expected the DNS domain of the cluster" in up.output
    assert project.rows() == []


def test_a_change_that_fails_for_one_tenant_is_finished_by_the_next_up(
    new_project: NewProject,
) -> None:
    project = deployed(new_project)
    placed, running = places(project), identities(project)
    project.configure({"clusterDomain": "corp.example"})
    for statement in (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'not yet'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE OF dns_name ON nats_instances FOR EACH ROW "
        "WHEN (NEW.tenant_id = 'globex') EXECUTE FUNCTION refuse()",
    ):
        execute(project.dsn, statement)
    failed = project.up("--continue-on-error")
    assert failed.failed
    old, new = addresses(project, "cluster.local"), addresses(project, "corp.example")
    assert table(project.dsn) == [*new[:2], old[2]]
    assert places(project) == placed

    execute(project.dsn, "DROP TRIGGER refuse ON nats_instances")
    up = project.up()
    assert not up.failed, up.output
    assert "Addresses change: 1 row of 1 tenant ends in" in " ".join(up.output.split())
    assert up.changed == {"update TenantRecords globex-records"}
    assert table(project.dsn) == new
    assert (places(project), identities(project)) == (placed, running)
    assert project.up().changes == []
