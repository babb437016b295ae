"""Which plans a namespace's ResourceQuotas hold, and in which words the others are told."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from tenancy.plan.quota import Amounts, Asked, Quota, Verdict, amounts, asked_by, judge
from tenancy.quantities import quantity
from tests.unit.plan.plans import planned

ONE = amounts(
    [{"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}]
)
"""A standard server without an exporter."""


def quota(hard: Mapping[str, str], used: Mapping[str, str] | None = None, *scopes: str) -> Quota:
    """What is not said to be used is not used."""
    return Quota(
        name="team",
        hard=_read(hard),
        used=_read(dict.fromkeys(hard, "0") | dict(used or {})),
        scopes=frozenset(scopes),
    )


def _read(values: Mapping[str, str]) -> Amounts:
    return {key: quantity(value) or Decimal(0) for key, value in values.items()}


def asked(*servers: str, each: Amounts = ONE) -> Asked:
    return Asked(servers=dict.fromkeys(servers, each), objects={"configmaps": frozenset(servers)})


NOTHING = asked()


def judged(one: Quota, *, plan: Asked, there: Asked = NOTHING) -> Verdict:
    """With a pod for each server that is there."""
    return judge([one], planned=plan, there=there, running=there.servers)


def test_a_plan_asks_for_its_servers_and_the_exporters_beside_them() -> None:
    plan = planned({"acme": 2, "hooli": 0})
    bare = asked_by(plan, {}, exporter=False)
    assert bare == Asked(servers={"nats-acme-1": ONE, "nats-acme-2": ONE}, objects={})
    assert asked_by(plan, {}, exporter=True).servers["nats-acme-1"] == _read(
        {
            "pods": "1",
            "requests.cpu": "1010m",
            "requests.memory": "2080Mi",
            "limits.cpu": "2100m",
            "limits.memory": "4160Mi",
        }
    )


def test_a_container_that_requests_nothing_requests_its_limit() -> None:
    assert amounts([{"limits": {"cpu": "2"}}, {}])["requests.cpu"] == 2


@pytest.mark.parametrize(
    ("hard", "words"),
    [
        ({"requests.cpu": "2"}, ""),
        ({"requests.cpu": "1999m"}, "1999m requests.cpu; this plan needs 2"),
        ({"cpu": "2"}, ""),
        ({"cpu": "1"}, "1 cpu; this plan needs 2"),
        ({"requests.memory": "4Gi"}, ""),
        ({"memory": "4095Mi"}, "4095Mi memory; this plan needs 4Gi"),
        ({"limits.cpu": "3500m"}, "3500m limits.cpu; this plan needs 4"),
        ({"limits.memory": "8G"}, "7630Mi limits.memory; this plan needs 8Gi"),
        ({"pods": "1"}, "1 pods; this plan needs 2"),
        ({"count/pods": "1"}, "1 count/pods; this plan needs 2"),
        ({"configmaps": "1"}, "1 configmaps; this plan needs 2"),
        ({"count/configmaps": "1"}, "1 count/configmaps; this plan needs 2"),
        ({"secrets": "0", "persistentvolumeclaims": "0", "requests.storage": "0"}, ""),
    ],
)
def test_a_plan_that_grows_beyond_a_quota_is_refused(hard: dict[str, str], words: str) -> None:
    verdict = judged(quota(hard), plan=asked("nats-acme-1", "nats-acme-2"))
    assert verdict == Verdict(refusals=(f"ResourceQuota team allows {words}",) if words else ())


def test_what_others_use_counts_and_what_the_servers_use_does_not_count_twice() -> None:
    there, plan = asked("nats-acme-1"), asked("nats-acme-1", "nats-acme-2")
    full = {"pods": "5", "configmaps": "3"}
    assert (
        judged(quota(full, {"pods": "4", "configmaps": "2"}), plan=plan, there=there) == Verdict()
    )
    verdict = judged(quota(full, {"pods": "5", "configmaps": "3"}), plan=plan, there=there)
    assert verdict.refusals == (
        "ResourceQuota team allows 3 configmaps; this plan needs 2, others use 2",
        "ResourceQuota team allows 5 pods; this plan needs 2, others use 4",
    )


def test_a_changed_configuration_needs_a_second_configmap_for_a_while() -> None:
    there = Asked(servers={"a": ONE}, objects={"configmaps": frozenset({"a-old"})})
    plan = Asked(servers={"a": ONE}, objects={"configmaps": frozenset({"a-new"})})
    assert judged(quota({"configmaps": "2"}, {"configmaps": "1"}), plan=plan, there=there) == (
        Verdict()
    )
    verdict = judged(quota({"configmaps": "1"}, {"configmaps": "1"}), plan=plan, there=there)
    assert verdict.refusals == (
        "ResourceQuota team allows 1 configmaps; this plan needs 2, "
        "1 of it until this `up` has removed what leaves, after which there is room",
    )


def test_a_server_that_leaves_has_no_room_to_give_in_the_same_up() -> None:
    there, plan = asked("nats-acme-1"), asked("nats-globex-1")
    verdict = judged(quota({"requests.cpu": "1"}, {"requests.cpu": "1"}), plan=plan, there=there)
    assert verdict.refusals == (
        "ResourceQuota team allows 1 requests.cpu; this plan needs 2, "
        "1 of it until this `up` has removed what leaves, after which there is room",
    )


@pytest.mark.parametrize("plan", [asked("a", "b"), asked("a")], ids=["the same", "fewer"])
def test_a_plan_that_does_not_grow_is_never_refused(plan: Asked) -> None:
    there = asked("a", "b")
    used = {"pods": "2", "configmaps": "2"}
    verdict = judged(quota({"pods": "1", "configmaps": "1"}, used), plan=plan, there=there)
    assert verdict.refusals == ()
    [told] = verdict.warnings
    assert told.startswith("ResourceQuota team allows 1 pods; this plan needs 2")


def test_a_server_whose_pod_is_gone_is_no_growth() -> None:
    there = asked("a", "b")
    verdict = judge(
        [quota({"pods": "1"}, {"pods": "1"})],
        planned=there,
        there=there,
        running={"a": ONE},
    )
    assert verdict.refusals == ()
    assert verdict.warnings == ("ResourceQuota team allows 1 pods; this plan needs 2",)


def test_a_larger_size_is_growth() -> None:
    larger = amounts([{"requests": {"cpu": "3"}}])
    one = quota({"requests.cpu": "2"}, {"requests.cpu": "1"})
    verdict = judged(one, plan=asked("a", each=larger), there=asked("a"))
    assert verdict.refusals == ("ResourceQuota team allows 2 requests.cpu; this plan needs 3",)


LARGER = amounts([{"requests": {"cpu": "2"}}])


def swapped(*, takes_turns: bool) -> Verdict:
    """Of a full quota, when one server grows and another shrinks."""
    there = Asked(servers={"nats-acme-1": ONE, "nats-globex-1": LARGER}, objects={})
    plan = Asked(servers={"nats-acme-1": LARGER, "nats-globex-1": ONE}, objects={})
    return judge(
        [quota({"requests.cpu": "3"}, {"requests.cpu": "3"})],
        planned=plan,
        there=there,
        running=there.servers,
        takes_turns=takes_turns,
    )


def test_one_that_grows_in_its_turn_may_need_what_another_gives_back_only_later() -> None:
    assert swapped(takes_turns=False) == Verdict()
    assert swapped(takes_turns=True) == Verdict(
        warnings=(
            "ResourceQuota team allows 3 requests.cpu; this plan needs 3, "
            "4 if tenants that grow have their turn first",
        )
    )


@pytest.mark.parametrize("plan", [asked("a", "b"), asked("a"), asked("a", "b", "c")])
def test_turns_need_nothing_on_top_if_no_server_shrinks(plan: Asked) -> None:
    there, most = asked("a", "b"), {"requests.cpu": "3"}
    verdict = judge(
        [quota(most, {"requests.cpu": "2"})],
        planned=plan,
        there=there,
        running=there.servers,
        takes_turns=True,
    )
    assert verdict == Verdict()


def test_pods_of_servers_that_are_neither_planned_nor_made_here_are_others() -> None:
    there, plan = asked("nats-acme-1"), asked("nats-acme-1", "nats-acme-2")
    verdict = judge(
        [quota({"pods": "3"}, {"pods": "3"})],
        planned=plan,
        there=there,
        running=asked("nats-acme-1", "nats-old-1", "nats-old-2").servers,
    )
    assert verdict.refusals == (
        "ResourceQuota team allows 3 pods; this plan needs 2, others use 2",
    )


def test_the_pod_of_a_planned_server_that_somebody_else_made_is_its_own() -> None:
    """Until the `up` that takes it over."""
    plan = asked("nats-acme-1")
    one = quota({"pods": "1"}, {"pods": "1"})
    assert judge([one], planned=plan, there=NOTHING, running=plan.servers) == Verdict()


@pytest.mark.parametrize(
    ("scopes", "refused", "unjudged"),
    [
        (["NotTerminating"], True, ()),
        (["NotTerminating", "NotBestEffort"], True, ()),
        (["Terminating"], False, ()),
        (["BestEffort", "PriorityClass"], False, ()),
        (["PriorityClass"], False, ("team (scope PriorityClass)",)),
        (
            ["CrossNamespacePodAffinity", "NotBestEffort"],
            False,
            ("team (scope CrossNamespacePodAffinity)",),
        ),
    ],
)
def test_a_scope_says_whether_a_quota_counts_servers(
    scopes: list[str], refused: bool, unjudged: tuple[str, ...]
) -> None:
    verdict = judged(quota({"pods": "0"}, None, *scopes), plan=asked("a"))
    assert (bool(verdict.refusals), verdict.unjudged) == (refused, unjudged)


def test_what_cannot_be_judged_is_told() -> None:
    uncounted = Quota(
        name="new", hard=_read({"pods": "9", "secrets": "9"}), used={}, scopes=frozenset()
    )
    unread = Quota(name="odd", hard={}, used={}, scopes=frozenset(), unread=frozenset({"pods"}))
    of_others = quota({"count/replicasets.apps": "1"}, {"count/replicasets.apps": "1"})
    for one, words in (
        (uncounted, "new (pods)"),
        (of_others, "team (count/replicasets.apps)"),
        (unread, "odd (pods)"),
    ):
        assert judged(one, plan=asked("a")) == Verdict(unjudged=(words,))
