"""What an edit does, according to two plans or to the engine's preview."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenancy.edit.steps import (
    PreviewError,
    Step,
    edit_steps,
    preview_steps,
    servers,
    servers_after,
)
from tenancy.tokens import TENANT_RECORDS
from tenancy.words import UNSEEN
from tests.unit.plan.plans import planned

PREVIEWS = Path(__file__).parent / "previews"
"""What `pulumi preview --json` 3.272 printed for this program, less states, diffs and paths;
of the states, a made-up `created` is left.

The stack had acme with two instances, globex and initech. `removed`: the edit leaves one instance
of acme. `moved`: the setting `namespace` is changed. `failed`: the inventory has a fault."""

STACK = "urn:pulumi:prod::tenant-nats::pulumi:pulumi:Stack::tenant-nats-prod"
WANTED = "expected all that `pulumi preview --json` prints, and nothing else"


def told(*steps: Step) -> set[str]:
    return {f"{step.operation} {step.urn.removeprefix('tenant-nats:index:')}" for step in steps}


def test_an_edit_that_changes_nothing_has_no_steps() -> None:
    assert edit_steps(planned({"acme": 2}), planned({"acme": 2})) == ()


def test_the_steps_of_an_edit_name_tenants_and_instances() -> None:
    base, head = planned({"acme": 3, "globex": 1}), planned({"acme": 2, "hooli": 1})
    assert edit_steps(base, head) == (
        Step("create", "tenant-nats:index:NatsInstance::nats-hooli-1"),
        Step("create", "tenant-nats:index:Tenant::hooli"),
        Step("delete", "tenant-nats:index:NatsInstance::nats-acme-3"),
        Step("delete", "tenant-nats:index:NatsInstance::nats-globex-1"),
        Step("delete", "tenant-nats:index:Tenant::globex"),
    )


def test_a_tenant_that_is_kept_without_servers_loses_its_instances_only() -> None:
    steps = edit_steps(planned({"acme": 2, "globex": 1}), planned({"acme": 0, "globex": 1}))
    assert told(*steps) == {
        "delete NatsInstance::nats-acme-1",
        "delete NatsInstance::nats-acme-2",
    }


def test_what_is_not_about_servers_updates_the_tenant() -> None:
    steps = edit_steps(planned({"acme": 1}), planned({"acme": 1}, egress="open"))
    assert told(*steps) == {"update Tenant::acme"}


def test_another_configuration_updates_the_instance() -> None:
    base = planned({"acme": 1, "globex": 1})
    acme, globex = base.tenants
    smaller = replace(acme.instances[0], gomemlimit="1MiB")
    head = replace(base, tenants=(replace(acme, instances=(smaller,)), globex))
    assert told(*edit_steps(base, head)) == {"update NatsInstance::nats-acme-1"}


def test_a_step_knows_the_type_and_name_of_its_resource() -> None:
    parents = "tenant-nats:index:Tenant$tenant-nats:index:NatsInstance"
    urn = f"urn:pulumi:prod::tenant-nats::{parents}$kubernetes:apps/v1:Deployment::nats-acme-2-x"
    step = Step("delete", urn)
    assert (step.type, step.name) == ("kubernetes:apps/v1:Deployment", "nats-acme-2-x")
    short = Step("delete", "tenant-nats:index:NatsInstance::nats-acme-2")
    assert (short.type, short.name) == ("tenant-nats:index:NatsInstance", "nats-acme-2")


def test_a_real_preview_is_read_step_by_step() -> None:
    steps = preview_steps((PREVIEWS / "removed.json").read_bytes())
    assert len(steps) == 22
    assert steps == tuple(sorted(steps))
    assert Step("same", STACK, since="2026-11-24T00:14:01.5Z") in steps
    assert {step.name for step in steps if step.type == "tenant-nats:index:NatsInstance"} == {
        "nats-acme-2",
        "nats-globex-1",
        "nats-initech-1",
    }


def preview(*steps: tuple[str, str], **more: Any) -> str:
    """A preview of `steps` beside the stack's own."""
    listed = [("same", STACK), *steps]
    return json.dumps({"steps": [{"op": op, "urn": urn} for op, urn in listed], **more})


def test_warnings_are_no_failure() -> None:
    warning = {"severity": "warning", "message": "No digest (@sha256:…): nats:2.15.1-alpine"}
    assert preview_steps(preview(diagnostics=[warning])) == (Step("same", STACK),)


@pytest.mark.parametrize("severity", ["warning", "info#err"])
@pytest.mark.parametrize(
    "message",
    [
        f"The database cannot be used. This preview {UNSEEN} the rows and integrations: an `up`",
        f"This preview {UNSEEN} the cluster: no route to host.",
        f"The check {UNSEEN} rows of tenant acme and maybe others: nobody is there.",
    ],
)
def test_a_preview_that_did_not_see_everything_proves_nothing(severity: str, message: str) -> None:
    with pytest.raises(PreviewError, match=r"did not see all, so it proves nothing: .*could not"):
        preview_steps(preview(diagnostics=[{"severity": severity, "message": message}]))


def test_the_summary_may_count_what_is_not_listed_because_it_stays() -> None:
    text = preview(("delete", STACK), changeSummary={"same": 31, "delete": 1})
    assert len(preview_steps(text)) == 2


def of_servers(**operations: str) -> list[tuple[str, str]]:
    """The steps of a preview about instances: `nats_acme_1="delete"`."""
    tenant = "urn:pulumi:prod::tenant-nats::tenant-nats:index:Tenant$tenant-nats:index:NatsInstance"
    return [(op, f"{tenant}::{name.replace('_', '-')}") for name, op in operations.items()]


def test_a_whole_preview_tells_which_servers_the_stack_has_and_is_left_with() -> None:
    steps = of_servers(nats_acme_1="same", nats_acme_2="delete", nats_globex_1="update")
    new = of_servers(nats_hooli_1="create")
    summary = {"same": 2, "delete": 1, "update": 1, "create": 1}
    read = preview_steps(preview(*steps, *new, changeSummary=summary), whole=True)
    assert servers(read) == {"nats-acme-1", "nats-acme-2", "nats-globex-1"}
    assert servers_after(read) == {"nats-acme-1", "nats-globex-1", "nats-hooli-1"}


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"changeSummary": {"same": 23, "delete": 1}}, "1 of 23 resources"),
        ({}, "1 of an unknown number of resources"),
    ],
)
def test_a_preview_that_leaves_out_what_stays_does_not_show_what_the_stack_has(
    more: dict[str, Any], counts: str
) -> None:
    text = preview(*of_servers(nats_acme_1="delete"), **more)
    with pytest.raises(PreviewError) as caught:
        preview_steps(text, whole=True)
    assert str(caught.value) == (
        f"it lists {counts} that stay the same, so it does not show what the stack has: make it "
        "with `pulumi preview --json --show-sames`"
    )


@pytest.mark.parametrize("old", [None, {}, {"created": None}])
def test_a_state_without_a_time_is_read_as_one_that_does_not_tell(old: object) -> None:
    text = json.dumps({"steps": [{"op": "same", "urn": STACK, "oldState": old}]})
    assert preview_steps(text) == (Step("same", STACK),)


def test_a_preview_that_failed_says_nothing_about_what_goes() -> None:
    with pytest.raises(PreviewError) as caught:
        preview_steps((PREVIEWS / "failed.json").read_bytes())
    assert str(caught.value) == (
        "the preview failed, so it does not show what is removed: "
        "error: tenants.yaml has 1 fault; nothing is deployed from it."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "Invalid JSON: EOF while parsing a value at line 1 column 0", id="empty"),
        pytest.param("null", "Input should be an object", id="null"),
        pytest.param("[]", "Input should be an object", id="a list"),
        pytest.param(
            "{}",
            "it has no steps, and even a preview of no change has the stack's",
            id="an empty object",
        ),
        pytest.param(
            '{"steps": []}',
            "it has no steps, and even a preview of no change has the stack's",
            id="no step",
        ),
        pytest.param('{"steps": null}', "steps: Input should be a valid array", id="null steps"),
        pytest.param('{"steps": {}}', "steps: Input should be a valid array", id="no list"),
        pytest.param('{"steps": [1]}', "steps[0]: Input should be an object", id="a number"),
        pytest.param(
            '{"steps": [{"op": "same"}]}', "steps[0].urn: Field required", id="a step without a URN"
        ),
        pytest.param(
            f'{{"steps": [{{"urn": "{STACK}"}}]}}',
            "steps[0].op: Field required",
            id="a step without an operation",
        ),
        pytest.param(
            preview(("explode", STACK)),
            "steps[1].op: Input should be 'same', 'create', 'update'",
            id="an operation that this does not know",
        ),
        pytest.param(
            preview(("delete", "nats-acme-1")),
            "steps[1].urn: String should match pattern",
            id="no URN",
        ),
        pytest.param(
            preview(("delete", f"{STACK}\ndelete {STACK}")),
            "steps[1].urn: String should match pattern",
            id="two lines in a URN",
        ),
        pytest.param(
            preview(("delete", f"{STACK}\n")),
            "steps[1].urn: String should match pattern",
            id="a line end in a URN",
        ),
        pytest.param(
            preview(diagnostics=[{"severity": 3}]),
            "diagnostics[0].severity: Input should be a valid string",
            id="a severity that is no text",
        ),
        pytest.param(
            preview(changeSummary={"same": 31, "delete": 20}),
            "its steps have 0 times delete, its changeSummary has 20",
            id="a list that was filtered",
        ),
        pytest.param(
            preview(("create", STACK), changeSummary={"same": 31}),
            "its steps have 1 times create, its changeSummary has 0",
            id="a list that was added to",
        ),
        pytest.param(
            preview() + preview(),
            "Invalid JSON: trailing characters",
            id="the lines of a streamed preview",
        ),
        pytest.param(
            (PREVIEWS / "removed.json").read_text()[:-3],
            "Invalid JSON: EOF while parsing",
            id="cut short",
        ),
        pytest.param(
            "Previewing update (prod):\n + create", "Invalid JSON: expected value", id="for people"
        ),
    ],
)
def test_what_is_no_whole_preview_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PreviewError) as caught:
        preview_steps(text)
    assert problem in str(caught.value)
    assert WANTED in str(caught.value)


def test_bytes_that_are_no_text_are_no_preview() -> None:
    with pytest.raises(PreviewError, match="Invalid JSON"):
        preview_steps(b'{"steps": "\xff"}')


def test_no_prefix_of_a_preview_is_a_preview() -> None:
    text = (PREVIEWS / "removed.json").read_bytes().rstrip()
    for length in range(len(text)):
        with pytest.raises(PreviewError):
            preview_steps(text[:length])


def previewed(before: str, after: str, *, kind: str = TENANT_RECORDS, numbers: int = 1) -> Step:
    """The step of a tenant's rows whose addresses go from one end to another."""

    def state(end: str) -> dict[str, object]:
        rows = [
            {"instance_number": number, "dns_name": f"nats-acme-{number}.{end}"}
            for number in range(1, numbers + 1)
        ]
        return {"inputs": {"tenant_id": "acme", "instances": rows}}

    step = {
        "op": "update",
        "urn": f"urn:pulumi:prod::tenant-nats::{kind}::acme-records",
        "oldState": state(before),
        "newState": state(after),
    }
    [found] = preview_steps(json.dumps({"steps": [step], "changeSummary": {"update": 1}}))
    return found


def test_a_preview_tells_which_rows_get_another_address() -> None:
    assert previewed("ns.svc.old:4222", "ns.svc.new:4222").readdressing == (
        "ns.svc.old:4222 → ns.svc.new:4222"
    )
    assert previewed("ns.svc.old:4222", "ns.svc.old:4222").readdressing == ""
    assert previewed("a:4222", "b:4222", kind="tenant-nats:index:Tenant").readdressing == ""
    assert previewed("a:4222", "b:4222", numbers=0).readdressing == ""


@pytest.mark.parametrize(
    ("instances", "problem"),
    [
        ('"04da6b54-80e4-46f7-96ec-b56ff0331ba9"', "instances: Input should be a valid tuple"),
        ("[1]", "instances[0]: Input should be"),
        ('[{"dns_name": "a"}]', "instances[0].instance_number: Field required"),
        ('[{"instance_number": 1, "dns_name": null}]', "instances[0].dns_name: Input should be"),
        (
            '[{"instance_number": NaN, "dns_name": "a"}]',
            "instances[0].instance_number: Input should be a finite number",
        ),
    ],
)
@pytest.mark.parametrize("state", ["oldState", "newState"])
def test_rows_that_are_none_are_refused_with_the_resource_that_has_them(
    state: str, instances: str, problem: str
) -> None:
    urn = f"urn:pulumi:prod::tenant-nats::{TENANT_RECORDS}::acme-records"
    states = {"oldState": "[]", "newState": "[]", state: instances}
    told = ", ".join(f'"{key}": {{"inputs": {{"instances": {it}}}}}' for key, it in states.items())
    text = f'{{"steps": [{{"op": "update", "urn": "{urn}", {told}}}]}}'
    with pytest.raises(PreviewError) as caught:
        preview_steps(text)
    assert str(caught.value).startswith(f"{urn}: {problem}")
    assert WANTED in str(caught.value)
