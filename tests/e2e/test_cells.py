"""A namespace whose tenants are in several stacks, on the real engine, API server and database."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

from tests.e2e.cell import CELL, Cell
from tests.waiting import wait_until


def test_a_shard_waits_for_the_base_and_a_second_up_changes_nothing(cell: Cell) -> None:
    cell.write("001", "acme", "globex")
    cell.write("002", "hooli")
    early = cell.member("001").up()
    assert early.failed
    assert "deploy the base of the cell first" in early.output
    assert cell.any.rows() == []
    members = ("base", "001", "002")
    cell.up(*members)
    for name in members:
        again = cell.member(name).up()
        assert not again.failed, again.output
        assert again.changes == []
    assert cell.any.rows() == [(each, 1, "active") for each in ("acme", "globex", "hooli")]


def test_no_shard_goes_on_without_the_closing_policy(cell: Cell) -> None:
    cell.write("001", "acme")
    cell.up("base")
    cell.any.kubectl("delete", "networkpolicy", "tenant-nats-closed")
    refused = cell.member("001").up()
    assert refused.failed
    assert (
        f"the namespace {cell.namespace} has no NetworkPolicy tenant-nats-closed, which closes "
        "every server until its tenant's policy opens it: deploy the base of the cell first, "
        f"tenant-nats/{CELL}-base"
    ) in refused.output
    assert cell.identities() == {}


def test_the_base_is_not_destroyed_while_a_shard_has_servers(cell: Cell) -> None:
    cell.write("001", "acme")
    cell.up("base", "001")
    before = cell.any.names()
    refused = cell.base.destroy()
    assert refused.failed
    assert (
        f"the namespace {cell.namespace} still has 1 server of 1 tenant (acme), which this "
        "stack's closing policy protects: destroy the shards of the cell first"
    ) in refused.output
    assert "Traceback" not in refused.output
    assert cell.any.names() == before
    for name in ("001", "base"):
        run = cell.member(name).destroy()
        assert not run.failed, run.output
    assert cell.any.names() == []


def test_a_tenant_that_is_in_another_shards_state_is_left_alone(cell: Cell) -> None:
    """Whatever the files say, as in the middle of a move, or where one tenant is in two of them."""
    cell.write("001", "acme", "globex")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    before = cell.identities()
    cell.write("002", "acme", "hooli", "initech")
    target = cell.member("002").up("--continue-on-error")
    assert target.failed
    assert (
        f"acme has objects in the namespace {cell.namespace} that another stack of the cell has "
        "in its state. An `up` leaves them alone and fails for this tenant"
    ) in target.output
    assert ("initech", 1, "active") in cell.any.rows()
    cell.write("001", "globex")
    source = cell.member("001").up("--continue-on-error")
    assert source.failed
    assert "acme is no longer in it and still has 1 instance and 0 integrations" in source.output
    assert "If it has moved to another shard: `tenant-nats shards settle`." in source.output
    after = cell.identities()
    assert {name: after.get(name) for name in before} == before


def test_a_shard_whose_state_is_lost_takes_its_tenants_over_again(cell: Cell) -> None:
    """What no state of the cell has is nobody else's."""
    cell.write("001", "acme")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    before = cell.identities()
    cell.member("001").pulumi("stack", "rm", "--force", "--yes", "--preserve-config")
    cell.member("001").pulumi("stack", "init")
    cell.write("001", "acme", "hooli")
    run = cell.member("001").up("--continue-on-error")
    assert run.failed, "this may be another backend"
    assert "`kubectl delete configmap tenant-nats-mark-001` in the namespace" in run.output
    assert cell.identities() == before
    cell.any.kubectl("delete", "configmap", "tenant-nats-mark-001")
    run = cell.member("001").up("--continue-on-error")
    assert run.failed, "hooli is in the state of 002"
    assert (
        "acme has objects that no state of the cell eu has: an `up` takes them over" in run.output
    )
    cell.write("001", "acme")
    cell.up("001")
    assert cell.identities() == before
    assert cell.states("001", "002") == [{"acme"}, {"hooli"}]


def test_a_shard_judges_the_rows_of_its_own_tenants_only(cell: Cell) -> None:
    """Those of another shard are missing in its inventory, and are no loss."""
    cell.write("001", "acme")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    cell.any.execute("UPDATE nats_instances SET status = 'draining' WHERE tenant_id = 'acme'")
    run = cell.member("002").up()
    assert not run.failed, run.output
    assert run.changes == []
    assert "acme" not in run.output


def test_a_quota_counts_the_servers_of_other_shards_as_those_of_others(cell: Cell) -> None:
    cell.write("001", "acme")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    cell.any.kubectl("create", "quota", "team", "--hard=pods=2")
    wait_until(lambda: '"used":{"pods":"2"}' in cell.any.kubectl(
        "get", "quota", "team", "--output=jsonpath={.status}"
    ))  # fmt: skip
    cell.write("002", "hooli", "initech")
    refused = cell.member("002").up()
    assert refused.failed
    assert "team allows 2 pods; this plan needs 2, others use 1. Have the quota" in refused.output


def test_an_edit_that_failed_and_was_taken_back_is_still_due(cell: Cell) -> None:
    """Its shard is half-deployed, though all that it is deployed from is as before."""
    cell.write("001", "acme")
    cell.up("base", "001")
    assert cell.due() == []
    cell.any.kubectl("create", "service", "clusterip", "nats-globex-1", "--tcp=4222")
    cell.write("001", "acme", "globex")
    assert cell.member("001").up("--continue-on-error").failed
    assert cell.due() == ["eu-001"]
    cell.write("001", "acme")
    assert cell.due() == ["eu-001"], "the policy of globex is still there"
    cell.up("001")
    assert cell.due() == []
    assert not [each for each in cell.identities() if "globex" in each]


def test_a_shard_of_which_something_could_not_be_deleted_is_still_due(cell: Cell) -> None:
    cell.write("001", "acme", "globex")
    cell.up("base", "001")
    cell.write("001", "acme", "globex", leaving=["globex"])
    with undeletable(cell, "deployments"):
        assert cell.member("001").up("--continue-on-error").failed
    assert cell.due() == ["eu-001"]
    cell.up("001")
    assert cell.due() == []


@contextmanager
def undeletable(cell: Cell, resource: str) -> Generator[None]:
    """The API server refuses to delete any of these in the cell's namespace."""
    name = f"keep-{cell.namespace}"
    group = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "operations": ["DELETE"],
        "resources": [resource],
    }
    within = {"matchLabels": {"kubernetes.io/metadata.name": cell.namespace}}
    items = [
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"namespaceSelector": within, "resourceRules": [rule]},
                "validations": [{"expression": "false"}],
            },
        },
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
    file = cell.any.folder / "keep.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    cell.any.kubectl("apply", f"--filename={file}")
    wait_until(lambda: is_kept(cell, resource))
    yield
    cell.any.kubectl("delete", f"--filename={file}")
    wait_until(lambda: not is_kept(cell, resource))


def is_kept(cell: Cell, resource: str) -> bool:
    try:
        cell.any.kubectl("delete", resource, "--all", "--dry-run=server")
    except subprocess.CalledProcessError:
        return True
    return False


def test_a_cell_keeps_its_namespace(cell: Cell) -> None:
    cell.write("001", "acme")
    cell.up("base", "001")
    before = cell.identities()
    cell.configure({"namespace": f"{cell.namespace}-2"})
    refused = cell.base.up()
    assert refused.failed
    assert (
        f"Pulumi.eu.yaml: namespace is {cell.namespace}-2, and the cell lives in" in refused.output
    )
    assert cell.identities() == before


def test_recover_of_a_shard_leaves_the_objects_of_the_others_alone(cell: Cell) -> None:
    """They are in no state that `recover` of this stack reads, and yet they are recorded."""
    cell.write("001", "acme")
    cell.write("002", "hooli")
    cell.up("base", "001", "002")
    before = cell.identities()
    for name in ("base", "002"):
        code, said = cell.member(name).recover()
        assert code == 0, said
        again = cell.member(name).up()
        assert again.changes == [], again.output
    assert cell.identities() == before


def test_a_stack_without_the_settings_of_its_cell_is_refused(cell: Cell) -> None:
    """It would deploy another inventory, into another namespace."""
    cell.write("001", "acme")
    cell.up("base")
    output = cell.member("001").up_with_preview()
    assert (
        f"The stack {CELL}-001 is a member of the cell {CELL} by its name, and its settings have "
        f"no `cell`: add `--config-file Pulumi.{CELL}.yaml` to the command"
    ) in output
    assert cell.identities() == {}


def test_what_many_shards_lose_is_judged_over_the_whole_cell(cell: Cell) -> None:
    """Each shard loses one tenant, which no guard of one stack would stop."""
    cell.write("001", "acme", "globex")
    cell.write("002", "hooli", "initech")
    cell.up("base", "001", "002")
    check = ("check", f"--context={cell.any.target.context}")
    code, said = cell.shards(*check)
    assert (code, said) == (
        0,
        "eu: 2 shards, 4 tenants, 4 instances, which request 0.04 CPU and 0.25Gi of memory\n"
        "Nothing here needs an approval.\n",
    )
    cell.write("001", "acme", "globex", leaving=["globex"])
    cell.write("002", "hooli", "initech", leaving=["initech"])
    code, said = cell.shards(*check)
    assert code == 3
    assert "  - 2 tenants lose every server: globex, initech" in said
    assert "tenant-nats shards check --cell eu --approve 'why it is meant'" in said
    code, said = cell.shards(*check, "--approve", "They have left.")
    assert code == 0, said
    approval = (cell.folder.parent / "eu.approval").read_text()
    assert approval.startswith("# They have left.\n")
    assert "# nats-globex-1\n" in approval
    cell.up("001")
    assert cell.shards(*check)[0] == 0, "one loss is left, and it is approved"
    cell.write("002", "hooli", "initech", leaving=["hooli", "initech"])
    code, said = cell.shards(*check)
    assert code == 4, said
    assert "1 server of 2 is not approved" in said


def test_a_move_is_no_loss_and_a_tenant_is_in_exactly_one_file(cell: Cell) -> None:
    cell.write("001", "acme", "globex", "hooli", "initech")
    cell.write("002", "umbrella")
    cell.up("base", "001", "002")
    check = ("check", f"--context={cell.any.target.context}")
    cell.write("001", "acme")
    code, said = cell.shards(*check)
    assert code == 1
    assert "globex is no longer in it and still has 1 instance and 0 integrations" in said
    cell.write("002", "umbrella", "globex", "hooli", "initech", "acme")
    code, said = cell.shards(*check)
    assert code == 1
    assert "inventory/eu/001.yaml, line 2, has this tenant too" in said
    cell.write("002", "umbrella", "globex", "hooli", "initech")
    assert cell.shards(*check)[0] == 0
    cell.configure({"maxInstances": "4"})
    code, said = cell.shards(*check)
    assert code == 1
    assert "The cell eu asks for too much: 5 instances in all, where maxInstances allows 4" in said


def test_without_a_database_only_the_files_are_checked_and_that_is_said(cell: Cell) -> None:
    cell.write("001", "acme")
    del cell.any.env["DATABASE_URL"]
    code, said = cell.shards("check", "--files-only")
    assert code == 0
    assert said.endswith("Only the files were read; the rows were not.\n")
    code, said = cell.shards("check")
    assert code == 1
    assert said.startswith("The table could not be looked at: ")
