"""What was changed behind the program's back, and what does not become ready."""

import json
import time

from tests.e2e.conftest import NewProject
from tests.e2e.project import Project

ONE_TENANT = """\
tenants:
  acme: {instances: 2, size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""


def test_objects_changed_or_deleted_by_hand_are_seen_by_refresh_and_put_right_by_up(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    assert project.make("drift") == (0, "Nothing in e2e differs from what the stack says.\n")
    assert (project.folder / "drift.md").read_text() == ""
    open_to_everybody(project, "networkpolicy/tenant-nats-isolation-acme")
    project.kubectl("delete", "service/nats-acme-2", "deployment/nats-acme-1")
    assert project.make("drift")[0] != 0
    drift = (project.folder / "drift.md").read_text()
    assert drift.startswith("3 resources differ from what the stack e2e says.")
    assert [line for line in drift.splitlines() if line.startswith("- ")] == [
        "- create Deployment `nats-acme-1-deployment`",
        "- create Service `nats-acme-2-service`",
        "- update NetworkPolicy `acme-policy`",
    ]
    assert not project.refresh().failed
    run = project.up()
    assert not run.failed, run.output
    assert run.changed == {
        "update NetworkPolicy acme-policy",
        "create Service nats-acme-2-service",
        "create Deployment nats-acme-1-deployment",
    }
    [policy] = [
        item
        for item in project.objects("networkpolicy")
        if item["metadata"]["name"] == "tenant-nats-isolation-acme"
    ]
    assert [len(rule["from"]) for rule in policy["spec"]["ingress"]] == [1, 1]
    assert project.preview().changes == []


def test_a_label_that_somebody_added_is_no_drift_and_stays_until_the_object_changes(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    policy = "networkpolicy/tenant-nats-isolation-acme"
    project.kubectl("label", policy, "team=blue")
    assert project.make("drift") == (0, "Nothing in e2e differs from what the stack says.\n")
    project.write(ONE_TENANT.replace("size: small}", "size: small, egress: open}", 1))
    run = project.up()
    assert run.changed == {"update NetworkPolicy acme-policy"}, run.output
    labels = json.loads(project.kubectl("get", policy, "-o", "json"))["metadata"]["labels"]
    assert "team" not in labels
    assert project.preview().changes == []


def test_a_server_that_kubectl_has_restarted_is_no_drift_and_is_not_restarted_again(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    before = pods(project)
    project.kubectl("rollout", "restart", "deployment", "--selector=app=nats,tenant-id=acme")
    for number in (1, 2):
        project.kubectl("rollout", "status", f"deployment/nats-acme-{number}", "--timeout=120s")
    restarted = pods(project)
    assert not before & restarted
    assert project.make("drift") == (0, "Nothing in e2e differs from what the stack says.\n")
    assert not project.refresh().failed
    run = project.up()
    assert not run.failed, run.output
    assert run.changed == set()
    assert pods(project) == restarted


def pods(project: Project) -> set[str]:
    """The names of the servers' pods that are not about to end."""
    return {
        each["metadata"]["name"]
        for each in project.objects("pods")
        if not each["metadata"].get("deletionTimestamp")
    }


def test_an_integration_that_waits_for_its_place_is_no_drift(new_project: NewProject) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    project.execute("INSERT INTO integrations (tenant_id) VALUES ('acme')")
    assert "acme: 1 integration to place" in project.preview().output
    assert project.make("drift") == (0, "Nothing in e2e differs from what the stack says.\n")


def test_rows_changed_or_deleted_by_hand_are_seen_by_refresh_and_put_right_by_up(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    right = project.execute(
        "SELECT tenant_id, instance_number, dns_name, status FROM nats_instances"
    )
    for statement, operation in (
        ("UPDATE nats_instances SET status = 'draining' WHERE instance_number = 1", "update"),
        ("UPDATE nats_instances SET dns_name = 'x:4222' WHERE instance_number = 2", "update"),
        ("DELETE FROM nats_instances WHERE instance_number = 2", "update"),
        ("DELETE FROM nats_instances", "create"),
    ):
        project.execute(statement)
        assert not project.refresh().failed
        run = project.up()
        assert run.changed == {f"{operation} TenantRecords acme-records"}, run.output
        rows = project.execute(
            "SELECT tenant_id, instance_number, dns_name, status FROM nats_instances"
        )
        assert sorted(rows) == sorted(right)
    project.execute("UPDATE nats_instances SET dns_name = 'x:4222' WHERE instance_number = 2")
    assert project.make("drift")[0] != 0
    assert "- update TenantRecords `acme-records`\n" in (project.folder / "drift.md").read_text()


def test_a_server_that_never_becomes_ready_fails_in_time_and_gets_no_row(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT.replace("instances: 2, ", ""))
    project.up()
    project.configure({"readyTimeout": "5s"})
    greedy = ONE_TENANT.replace("size: small}\n", "size: small}\n  globex: {size: huge}\n", 1) + (
        "  huge: {requests: {cpu: '999', memory: 64Mi}, limits: {cpu: '999', memory: 64Mi}}\n"
    )
    project.write(greedy.replace("instances: 2, ", ""))
    began = time.monotonic()
    run = project.up()
    assert time.monotonic() - began < 300
    assert run.failed
    assert "nats-globex-1" in run.output
    assert "Insufficient cpu" in run.output or "timed out" in run.output, run.output
    assert project.rows() == [("acme", 1, "active")]


def test_a_changed_server_that_never_becomes_ready_fails_the_up_too(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    project.configure({"readyTimeout": "5s"})
    project.write(
        ONE_TENANT.replace("requests: {cpu: 10m", "requests: {cpu: '999'").replace(
            "limits: {cpu: 100m", "limits: {cpu: '999'"
        )
    )
    run = project.up()
    assert run.failed, "an up that ends green says that its servers are ready"
    assert "nats-acme-1" in run.output
    project.write(ONE_TENANT)
    project.configure({"readyTimeout": "3m"})
    run = project.up()
    assert not run.failed, run.output
    assert project.preview().changes == []


def test_a_growing_tenant_whose_new_server_fails_keeps_what_it_had(new_project: NewProject) -> None:
    project = new_project(ONE_TENANT.replace("instances: 2, ", ""))
    project.up()
    project.configure({"readyTimeout": "5s"})
    # One of pods would be seen before anything is touched.
    project.kubectl("create", "quota", "full", "--hard=count/replicasets.apps=1")
    project.write(ONE_TENANT)
    run = project.up()
    assert run.failed
    assert project.rows() == [("acme", 1, "active")]
    project.kubectl("delete", "quota", "full")
    # What was refused is tried again ever later.
    project.kubectl("rollout", "status", "deployment/nats-acme-2", "--timeout=120s")
    project.configure({"readyTimeout": "3m"})
    again = project.up()
    assert not again.failed, again.output
    assert project.rows() == [("acme", 1, "active"), ("acme", 2, "active")]


def test_with_continue_on_error_a_server_that_never_becomes_ready_holds_up_no_other_tenant(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    project.configure({"readyTimeout": "5s", "drain": "0s"})
    # acme loses a server, globex never becomes ready, hooli is new.
    project.write(
        "tenants:\n  acme: {size: small}\n  globex: {size: huge}\n  hooli: {size: small}\nsizes:\n"
        "  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}\n"
        "  huge: {requests: {cpu: '999', memory: 64Mi}, limits: {cpu: '999', memory: 64Mi}}\n"
    )
    run = project.up("--continue-on-error")
    assert run.failed, "it ends red"
    assert project.rows() == [("acme", 1, "active"), ("hooli", 1, "active")]
    names = project.names("deployment")
    assert "Deployment/nats-acme-2" not in names
    assert "Deployment/nats-hooli-1" in names


def test_a_namespace_that_is_being_deleted_is_told_in_words_and_in_time(
    new_project: NewProject,
) -> None:
    project = new_project(ONE_TENANT)
    project.up()
    held = '{"metadata": {"finalizers": ["example.com/held"]}}'
    project.kubectl("create", "configmap", "held")
    project.kubectl("patch", "configmap", "held", "--patch", held)
    try:
        project.kubectl("delete", "namespace", project.namespace, "--wait=false")
        project.write(ONE_TENANT.replace("instances: 2", "instances: 3"))
        began = time.monotonic()
        run = project.up()
        assert time.monotonic() - began < 120
        assert run.failed
        assert "because it is being terminated" in run.output, run.output
    finally:
        project.kubectl(
            "patch", "configmap", "held", "--patch", '{"metadata": {"finalizers": null}}'
        )


def open_to_everybody(project: Project, name: str) -> None:
    """Change a policy as a person would who applies an edited manifest."""
    policy = json.loads(project.kubectl("get", name, "-o", "json"))
    policy["metadata"] = {key: policy["metadata"][key] for key in ("name", "namespace", "labels")}
    policy["spec"]["ingress"] = [{}]
    manifest = project.folder / "edited.json"
    manifest.write_text(json.dumps(policy))
    project.kubectl("apply", "-f", str(manifest))
