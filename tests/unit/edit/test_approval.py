"""Which edits need an approval, in which words, and what approves them."""

import hashlib
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.edit.approval import approval, overlooked, refusals, removed, undated
from tenancy.edit.steps import Step, edit_steps, preview_steps
from tenancy.plan.plan import Plan
from tenancy.tokens import NATS_INSTANCE, TENANT, TENANT_RECORDS
from tests.sweeps import examples
from tests.unit.edit.test_steps import PREVIEWS
from tests.unit.plan.plans import planned

IN_THE_STACK = "urn:pulumi:prod::tenant-nats"
BELOW_AN_INSTANCE = f"{IN_THE_STACK}::{TENANT}${NATS_INSTANCE}$"
DEPLOYMENT = f"{BELOW_AN_INSTANCE}kubernetes:apps/v1:Deployment"
SERVICE = f"{BELOW_AN_INSTANCE}kubernetes:core/v1:Service"
CONFIG_MAP = f"{BELOW_AN_INSTANCE}kubernetes:core/v1:ConfigMap"


def judged(base: dict[str, int], head: dict[str, int]) -> tuple[str, ...]:
    """What the guard says about an edit of the numbers of instances."""
    before = planned(base)
    return refusals(before.instances, edit_steps(before, planned(head)))


def deleted(*names: str, kind: str = f"{IN_THE_STACK}::{TENANT}${NATS_INSTANCE}") -> list[Step]:
    return [Step("delete", f"{kind}::{name}") for name in names]


def test_an_edit_that_changes_nothing_needs_no_approval() -> None:
    assert judged({"acme": 12}, {"acme": 12}) == ()


def test_a_tenant_that_shrinks_and_changes_otherwise_is_not_gone() -> None:
    base = planned({"acme": 2, "globex": 2})
    head = planned({"acme": 1, "globex": 1}, egress="open")
    assert refusals(base.instances, edit_steps(base, head)) == ()


def test_growing_and_new_tenants_need_no_approval() -> None:
    assert judged({"acme": 9, "globex": 1}, {"acme": 90, "globex": 1, "hooli": 40}) == ()


def test_one_tenant_may_go() -> None:
    assert judged({"acme": 1, "globex": 1, "hooli": 1}, {"acme": 1, "globex": 1}) == ()


def test_the_only_tenant_may_go_for_another_one() -> None:
    assert judged({"acme": 9}, {"globex": 1}) == ()


def test_two_tenants_may_not_go() -> None:
    assert judged({"acme": 1, "globex": 1, "hooli": 1}, {"globex": 1}) == (
        "2 tenants lose every server: acme, hooli",
    )


def test_tenants_that_are_kept_without_servers_count_as_gone() -> None:
    assert judged({"acme": 1, "globex": 1, "hooli": 1}, {"acme": 0, "globex": 0, "hooli": 1}) == (
        "2 tenants lose every server: acme, globex",
    )


def test_tenants_that_had_no_server_may_go_together() -> None:
    assert judged({"acme": 0, "globex": 0, "hooli": 0, "initech": 1}, {"initech": 1}) == ()


def test_one_tenant_may_go_beside_one_that_had_no_server() -> None:
    assert judged({"acme": 1, "globex": 0, "hooli": 1}, {"hooli": 1}) == ()


def test_tenants_that_keep_one_server_are_not_gone() -> None:
    assert judged({"acme": 3, "globex": 3, "hooli": 3}, {"acme": 1, "globex": 1, "hooli": 1}) == ()


@pytest.mark.parametrize(
    ("base", "head", "reasons"),
    [
        pytest.param(12, 9, (), id="exactly a quarter"),
        pytest.param(
            12, 8, ("4 of 12 instances go (33.3%), and 25% is the most without an approval",),
            id="one more than a quarter",
        ),
        pytest.param(
            40, 28, ("12 of 40 instances go (30%), and 25% is the most without an approval",),
            id="12 of 40",
        ),
        pytest.param(
            98, 73, ("25 of 98 instances go (25.5%), and 25% is the most without an approval",),
            id="hardly more than a quarter",
        ),
        pytest.param(
            10, 7, ("3 of 10 instances go (30%), and 25% is the most without an approval",),
            id="the fewest that are judged by share",
        ),
        pytest.param(10, 8, (), id="less than a quarter of the fewest"),
        pytest.param(9, 1, (), id="too few to be judged by share"),
    ],
)  # fmt: skip
def test_a_quarter_of_ten_or_more_instances_may_go(
    base: int, head: int, reasons: tuple[str, ...]
) -> None:
    assert judged({"acme": base}, {"acme": head}) == reasons


def test_all_instances_count_together() -> None:
    assert judged({"acme": 5, "globex": 5}, {"acme": 3, "globex": 4}) == (
        "3 of 10 instances go (30%), and 25% is the most without an approval",
    )


def test_what_comes_does_not_make_up_for_what_goes() -> None:
    assert judged({"acme": 8, "globex": 4}, {"acme": 4, "globex": 44}) == (
        "4 of 12 instances go (33.3%), and 25% is the most without an approval",
    )


def test_every_reason_is_told() -> None:
    base = {f"tenant-{number:02}": 1 for number in range(40)}
    head = {"tenant-00": 1}
    tenants = ", ".join(f"tenant-{number:02}" for number in range(1, 11))
    assert judged(base, head) == (
        f"39 tenants lose every server: {tenants} and 29 more",
        "39 of 40 instances go (97.5%), and 25% is the most without an approval",
    )


@pytest.mark.parametrize(
    "operation", ["replace", "create-replacement", "delete-replaced", "import-replacement"]
)
def test_no_deployment_may_be_replaced(operation: str) -> None:
    step = Step(operation, f"{DEPLOYMENT}::nats-acme-1-deployment")
    assert refusals(planned({"acme": 1}).instances, [step]) == (
        "1 to be replaced, not updated: Deployment nats-acme-1-deployment",
    )


def test_a_replaced_service_is_told_once_whichever_steps_the_engine_lists() -> None:
    operations = ("create-replacement", "replace", "delete-replaced")
    steps = [Step(operation, f"{SERVICE}::nats-acme-1-service") for operation in operations]
    assert refusals(planned({"acme": 1}).instances, steps) == (
        "1 to be replaced, not updated: Service nats-acme-1-service",
    )


def test_what_is_replaced_by_nature_needs_no_approval() -> None:
    step = Step("replace", f"{CONFIG_MAP}::nats-acme-1-config")
    assert refusals(planned({"acme": 1}).instances, [step]) == ()


def test_what_is_updated_in_place_needs_no_approval() -> None:
    step = Step("update", f"{DEPLOYMENT}::nats-acme-1-deployment")
    assert refusals(planned({"acme": 1}).instances, [step]) == ()


def test_of_a_real_preview_the_tenants_that_lose_every_server_are_told() -> None:
    steps = preview_steps((PREVIEWS / "removed.json").read_bytes())
    base = planned({"acme": 2, "globex": 1, "initech": 1})
    assert refusals(base.instances, steps) == ("2 tenants lose every server: globex, initech",)


def test_of_a_real_preview_the_replacements_are_told() -> None:
    steps = preview_steps((PREVIEWS / "moved.json").read_bytes())
    names = [f"nats-{instance}" for instance in ("acme-1", "acme-2", "globex-1", "initech-1")]
    deployments = ", ".join(f"Deployment {name}-deployment" for name in names)
    services = ", ".join(f"Service {name}-service" for name in names)
    assert refusals(planned({"acme": 2, "globex": 1, "initech": 1}).instances, steps) == (
        f"8 to be replaced, not updated: {deployments}, {services}",
    )


def test_a_preview_and_two_inventories_agree_on_what_goes() -> None:
    base, head = planned({"acme": 2, "globex": 1, "initech": 1}), planned({"acme": 1})
    steps = preview_steps((PREVIEWS / "removed.json").read_bytes())
    assert removed(steps) == removed(edit_steps(base, head))
    assert refusals(base.instances, steps) == refusals(base.instances, edit_steps(base, head))


@pytest.mark.parametrize("kind", [DEPLOYMENT, SERVICE])
def test_an_instance_without_its_deployment_or_service_is_gone(kind: str) -> None:
    suffix = f"-{kind.rpartition(':')[2].lower()}"
    steps = deleted(f"nats-acme-1{suffix}", f"nats-globex-1{suffix}", kind=kind)
    assert refusals(planned({"acme": 1, "globex": 1}).instances, steps) == (
        "2 tenants lose every server: acme, globex",
    )


def test_the_parts_of_an_instance_are_counted_once() -> None:
    steps = [
        *deleted("nats-acme-12"),
        *deleted("nats-acme-12-deployment", kind=DEPLOYMENT),
        *deleted("nats-acme-12-service", kind=SERVICE),
        *deleted("nats-acme-12-config", kind=CONFIG_MAP),
    ]
    assert refusals(planned({"acme": 12}).instances, steps) == ()


def test_tenants_that_only_the_stack_knows_count_as_gone_too() -> None:
    steps = deleted("nats-stray-1", "nats-forgotten-1")
    assert refusals(planned({"acme": 1}).instances, steps) == (
        "2 tenants lose every server: forgotten, stray",
    )


def test_a_tenant_that_keeps_what_the_inventory_has_is_not_gone() -> None:
    steps = deleted("nats-acme-2", "nats-acme-3", "nats-globex-2")
    assert refusals(planned({"acme": 1, "globex": 1}).instances, steps) == ()


def test_a_deleted_tenant_is_gone_though_the_stack_never_got_all_of_its_servers() -> None:
    steps = [
        *deleted("nats-acme-1", "nats-globex-1"),
        *deleted("acme", "globex", kind=f"{IN_THE_STACK}::{TENANT}"),
    ]
    assert refusals(planned({"acme": 2, "globex": 2}).instances, steps) == (
        "2 tenants lose every server: acme, globex",
    )


def test_names_that_look_like_numbers_and_parts_belong_to_the_right_tenant() -> None:
    base = planned({"acme": 1, "acme-1": 1, "acme-1-service": 1})
    assert refusals(base.instances, deleted("nats-acme-1-1", "nats-acme-1-service-1")) == (
        "2 tenants lose every server: acme-1, acme-1-service",
    )


def test_a_resource_that_is_no_instance_of_ours_may_go() -> None:
    names = ("web", "api", "mail", "nats-acme-x-deployment", "nats-acme-01-deployment")
    assert refusals(planned({"acme": 10}).instances, deleted(*names, kind=DEPLOYMENT)) == ()


def test_steps_that_keep_what_the_edit_removes_are_not_of_this_edit() -> None:
    base, head = planned({"acme": 3, "globex": 1}), planned({"acme": 1})
    assert overlooked(base.instances, head.instances, deleted("nats-acme-3")) == (
        "nats-acme-2",
        "nats-globex-1",
    )
    assert overlooked(base.instances, head.instances, edit_steps(base, head)) == ()


def test_the_approval_is_a_hash_of_sorted_lines_that_a_shell_can_make_too() -> None:
    steps = [Step("update", "a::b::c"), Step("delete", "b::c"), Step("create", "z::z")]
    expected = hashlib.sha256(b"create z::z\ndelete b::c\nupdate a::b::c\n").hexdigest()
    assert approval(steps) == expected


DAYS = ("2026-11-24T08:00:00Z", "2026-11-25T08:00:00.5Z")


@pytest.mark.parametrize(
    ("operation", "urn"),
    [
        ("delete", f"{IN_THE_STACK}::{TENANT}${NATS_INSTANCE}::nats-acme-1"),
        ("delete", f"{DEPLOYMENT}::nats-acme-1-deployment"),
        ("replace", f"{DEPLOYMENT}::nats-acme-1-deployment"),
        ("delete-replaced", f"{SERVICE}::nats-acme-1-service"),
    ],
)
def test_what_has_come_back_needs_another_approval_to_go_again(operation: str, urn: str) -> None:
    first, again = (approval([Step(operation, urn, since=day)]) for day in DAYS)
    assert first != again
    line = f"{operation} {urn} {DAYS[0]}\n"
    assert first == hashlib.sha256(line.encode()).hexdigest()


@pytest.mark.parametrize(
    ("operation", "urn"),
    [
        ("update", f"{DEPLOYMENT}::nats-acme-1-deployment"),
        ("replace", f"{CONFIG_MAP}::nats-acme-1-config"),
        ("same", f"{IN_THE_STACK}::{TENANT}${NATS_INSTANCE}::nats-globex-1"),
    ],
)
def test_since_when_the_stack_has_what_stays_is_no_part_of_the_approval(
    operation: str, urn: str
) -> None:
    steps = deleted("nats-acme-1")
    first, again = (approval([*steps, Step(operation, urn, since=day)]) for day in DAYS)
    assert first == again


def test_an_instance_of_which_no_part_that_goes_has_a_time_is_undated() -> None:
    known = Step("delete", f"{DEPLOYMENT}::nats-acme-1-deployment", since=DAYS[0])
    assert undated([*deleted("nats-acme-1"), known]) == ()
    replaced = Step("replace", f"{SERVICE}::nats-hooli-1-service")
    assert undated([*deleted("nats-globex-1"), known, replaced]) == (
        "nats-globex-1",
        "nats-hooli-1",
    )
    assert undated([Step("update", f"{DEPLOYMENT}::nats-acme-1-deployment")]) == ()


def test_updates_of_rows_have_no_part_in_the_approval() -> None:
    steps = deleted("nats-acme-1")
    rows = f"urn:pulumi:prod::tenant-nats::{TENANT_RECORDS}::hooli-records"
    assert approval([*steps, Step("update", rows)]) == approval(steps)
    assert approval([*steps, Step("delete", rows)]) != approval(steps)


@pytest.mark.parametrize("operation", ["same", "read", "refresh"])
def test_what_changes_nothing_has_no_part_in_the_approval(operation: str) -> None:
    steps = deleted("nats-acme-1")
    assert approval([*steps, Step(operation, "b::c")]) == approval(steps)


def test_the_approval_of_one_edit_is_that_of_no_other() -> None:
    base = planned({"acme": 1, "globex": 1, "hooli": 1, "initech": 1})
    heads = [planned({"acme": 1}), planned({"globex": 1}), planned({"acme": 1, "globex": 1})]
    assert len({approval(edit_steps(base, head)) for head in heads}) == 3


CHANGES = st.builds(
    Step,
    st.sampled_from(["create", "update", "delete", "replace"]),
    st.sampled_from([f"{NATS_INSTANCE}::nats-{name}-1" for name in "abcdef"]),
)


@examples(100)
@given(steps=st.lists(CHANGES, max_size=8), order=st.randoms(use_true_random=False))
def test_the_order_of_the_steps_does_not_change_the_approval(
    steps: list[Step], order: Random
) -> None:
    shuffled = order.sample(steps, len(steps))
    assert approval(shuffled) == approval(steps)


@examples(200)
@given(steps=st.lists(CHANGES, max_size=8), change=CHANGES, place=st.integers(0, 7))
def test_a_step_more_less_or_other_voids_the_approval(
    steps: list[Step], change: Step, place: int
) -> None:
    assert approval([*steps, change]) != approval(steps)
    if place < len(steps) and steps[place] != change:
        assert approval([*steps[:place], change, *steps[place + 1 :]]) != approval(steps)


COUNTS = st.dictionaries(st.sampled_from([f"tenant-{n}" for n in range(9)]), st.integers(0, 9))


@examples(200)
@given(base=COUNTS, head=COUNTS)
def test_the_rules_are_those_of_the_design(base: dict[str, int], head: dict[str, int]) -> None:
    base, head = base or {"tenant-0": 1}, head or {"tenant-0": 1}
    gone = [tenant for tenant, count in base.items() if count and not head.get(tenant)]
    lost = sum(max(0, count - head.get(tenant, 0)) for tenant, count in base.items())
    total = sum(base.values())
    expected = len(gone) > 1 or (total >= 10 and lost / total > 0.25)
    assert bool(judged(base, head)) == expected


@examples(100)
@given(base=COUNTS, head=COUNTS)
def test_steps_tell_all_that_an_edit_removes(base: dict[str, int], head: dict[str, int]) -> None:
    before, after = planned(base or {"tenant-0": 1}), planned(head or {"tenant-0": 1})
    assert overlooked(before.instances, after.instances, edit_steps(before, after)) == ()
    assert removed(edit_steps(before, after)) == names(before) - names(after)


def names(plan: Plan) -> set[str]:
    return set(plan.instances)


def test_rows_that_get_another_address_need_an_approval_for_exactly_these_addresses() -> None:
    records = f"{IN_THE_STACK}::{TENANT}${TENANT_RECORDS}"
    kept = Step("update", f"{records}::hooli-records")
    steps = [
        Step("update", f"{records}::{name}-records", "", "ns.svc.old:4222 → ns.svc.new:4222")
        for name in ("globex", "acme")
    ]
    base = ["nats-acme-1", "nats-globex-1", "nats-hooli-1"]
    assert refusals(base, [kept]) == ()
    assert refusals(base, [kept, *steps]) == (
        "2 tenants get other addresses (ns.svc.old:4222 → ns.svc.new:4222): acme, globex",
    )
    other = [replace(step, readdressing="ns.svc.old:4222 → ns.svc.newer:4222") for step in steps]
    assert approval([*steps, kept]) == approval(steps)
    assert len({approval(steps), approval(other), approval(steps[:1]), approval(())}) == 4
