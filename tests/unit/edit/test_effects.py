"""What an edit means for each tenant, and what is grave about it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tenancy.edit import effects as module
from tenancy.edit.effects import Kind, Totals, changes_between
from tenancy.inventory.models import Inventory
from tenancy.inventory.nkeys import EXAMPLE
from tenancy.plan.plan import InstancePlan, Plan, TenantPlan, expand

OTHER = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"
SIZES = {
    "large": {
        "requests": {"cpu": "2", "memory": "4Gi"},
        "limits": {"cpu": "4", "memory": "8Gi"},
        "maxPayload": "4MB",
        "capacity": 100,
    }
}


def inventory(**tenants: dict[str, Any]) -> Inventory:
    given = {name.replace("_", "-"): tenant for name, tenant in tenants.items()}
    return Inventory.model_validate({"tenants": given, "sizes": SIZES})


def told(base: dict[str, Any] | None, head: dict[str, Any] | None) -> list[tuple[Kind, str]]:
    """What is said about one tenant, beside one that stays as it is."""
    stays: dict[str, Any] = {"other": {}}
    before = inventory(**stays if base is None else {**stays, "acme_corp": base})
    after = inventory(**stays if head is None else {**stays, "acme_corp": head})
    return [(change.kind, change.words) for change in changes_between(before, after).tenants]


def stay_in(namespaces: str) -> str:
    return (
        f"connected clients in {namespaces} stay connected until the servers restart: after the "
        "`up`, `kubectl -n $NS delete pod -l app=nats,tenant-id=acme-corp`"
    )


def keep_label(accounts: str) -> str:
    return (
        f"running pods of {accounts} keep its label, and the way to the servers, until somebody "
        "deletes them: after the `up`, `kubectl -n NAMESPACE delete pod -l tenant-id=acme-corp "
        "--field-selector spec.serviceAccountName=ACCOUNT`"
    )


@pytest.mark.parametrize(
    ("base", "head", "kind", "words"),
    [
        pytest.param(
            {"integrations": 80},
            {"integrations": 120},
            Kind.ADDS,
            "2 → 3 instances (80 → 120 integrations): "
            "+1 Deployment, +1 Service, +1 ConfigMap, +1 row",
            id="grows by integrations",
        ),
        pytest.param(
            None,
            {"instances": 2},
            Kind.ADDS,
            "0 → 2 instances: +2 Deployments, +2 Services, +2 ConfigMaps, +2 rows, "
            "+1 NetworkPolicy; new",
            id="comes",
        ),
        pytest.param(
            None,
            {"egress": "open"},
            Kind.REACH,
            "0 → 1 instance: +1 Deployment, +1 Service, +1 ConfigMap, +1 row, +1 NetworkPolicy; "
            "egress: open; new",
            id="comes, and reaches everything",
        ),
        pytest.param(
            {"instances": 3, "integrations": 30},
            {"integrations": 30},
            Kind.REMOVES,
            "3 → 1 instance (30 integrations): -2 Deployments, -2 Services, -2 ConfigMaps, "
            "-2 rows; integrations on removed servers move first",
            id="shrinks",
        ),
        pytest.param(
            {"instances": 2},
            {"state": "decommissioned"},
            Kind.REMOVES,
            "2 → 0 instances: -2 Deployments, -2 Services, -2 ConfigMaps, -1 NetworkPolicy; "
            "decommissioned, which `up` refuses while it has integrations; its rows stay",
            id="is decommissioned",
        ),
        pytest.param(
            {"state": "decommissioned"},
            {},
            Kind.ADDS,
            "0 → 1 instance: +1 Deployment, +1 Service, +1 ConfigMap, +1 row, +1 NetworkPolicy; "
            "active again",
            id="comes back",
        ),
        pytest.param(
            {},
            None,
            Kind.REMOVES,
            "1 → 0 instances: -1 Deployment, -1 Service, -1 ConfigMap, -1 row, -1 NetworkPolicy; "
            "removed, which `up` refuses: first deploy `state: decommissioned`",
            id="its key goes too soon",
        ),
        pytest.param(
            {"state": "decommissioned"},
            None,
            Kind.OTHER,
            "0 instances: removed",
            id="its key goes when it is time",
        ),
        pytest.param(
            {"instances": 2},
            {"instances": 2, "size": "large"},
            Kind.RESTARTS,
            "2 instances: 2 servers restart (maxPayload: 8MB → 4MB, maxPending: 16MB → 8MB, "
            "requests.cpu: 1 → 2, "
            "requests.memory: 2Gi → 4Gi, limits.cpu: 2 → 4, limits.memory: 4Gi → 8Gi); "
            "capacity: 50 → 100",
            id="another size",
        ),
        pytest.param({}, {"egress": "open"}, Kind.REACH, "1 instance: egress: dns → open",
                     id="egress is opened"),
        pytest.param({}, {"egress": "none"}, Kind.REACH, "1 instance: egress: dns → none",
                     id="egress is closed"),
        pytest.param(
            {"clients": {"namespaces": ("acme-jobs", "acme-web")}},
            {"clients": {"namespaces": ("acme-web", "acme-workers")}},
            Kind.REACH,
            f"1 instance: clients.namespaces: +acme-workers, -acme-jobs; {stay_in('acme-jobs')}",
            id="other clients",
        ),
        pytest.param(
            {"instances": 2, "clients": {"namespaces": ("acme-jobs", "acme-web")}},
            {"instances": 3},
            Kind.REACH,
            "2 → 3 instances: +1 Deployment, +1 Service, +1 ConfigMap, +1 row; "
            f"clients.namespaces: -acme-jobs, -acme-web; {stay_in('acme-jobs, acme-web')}",
            id="fewer clients, and another server",
        ),
        pytest.param(
            {"clients": {"namespaces": ("acme-jobs",)}},
            {"size": "large"},
            Kind.RESTARTS,
            "1 instance: 1 server restarts (maxPayload: 8MB → 4MB, maxPending: 16MB → 8MB, "
            "requests.cpu: 1 → 2, requests.memory: 2Gi → 4Gi, limits.cpu: 2 → 4, "
            "limits.memory: 4Gi → 8Gi); clients.namespaces: -acme-jobs; capacity: 50 → 100",
            id="fewer clients, and a restart that ends their connections",
        ),
        pytest.param(
            {"clients": {"namespaces": ("acme-jobs",)}},
            {"state": "decommissioned"},
            Kind.REMOVES,
            "1 → 0 instances: -1 Deployment, -1 Service, -1 ConfigMap, -1 NetworkPolicy; "
            "decommissioned, which `up` refuses while it has integrations; its rows stay; "
            "clients.namespaces: -acme-jobs",
            id="no clients, and no server that they could be connected to",
        ),
        pytest.param(
            {"clients": {"nkeys": (EXAMPLE, OTHER)}},
            {"clients": {"nkeys": (EXAMPLE,)}},
            Kind.RESTARTS,
            f"1 instance: 1 server restarts (authorization changed); clients.nkeys: -{OTHER}",
            id="a key is taken away, and the restart ends its connections",
        ),
        pytest.param(
            {"clients": {"serviceAccounts": ("acme-jobs/importer", "acme-web/app")}},
            {"clients": {"serviceAccounts": ("acme-web/app",)}},
            Kind.REACH,
            "1 instance: clients.serviceAccounts: -acme-jobs/importer; "
            f"{keep_label('acme-jobs/importer')}",
            id="an account is taken away",
        ),
        pytest.param(
            {},
            {"clients": {"serviceAccounts": ("acme-web/app",)}},
            Kind.REACH,
            "1 instance: clients.serviceAccounts: +acme-web/app; "
            f"{keep_label('every other service account')}",
            id="asks for an account from now on",
        ),
        pytest.param(
            {"instances": 2},
            {
                "instances": 2,
                "clients": {"nkeys": (EXAMPLE,), "serviceAccounts": ("acme-jobs/importer",)},
                "tls": {"secretName": "acme-tls"},
            },
            Kind.RESTARTS,
            "2 instances: 2 servers restart (authorization added, tls added, tls.secretName added);"
            f" clients.serviceAccounts: +acme-jobs/importer; clients.nkeys: +{EXAMPLE}; "
            f"{keep_label('every other service account')}",
            id="asks its clients who they are",
        ),
        pytest.param(
            {"clients": {"nkeys": (EXAMPLE,)}},
            {},
            Kind.RESTARTS,
            f"1 instance: 1 server restarts (authorization removed); clients.nkeys: -{EXAMPLE}; "
            "every pod with its label may connect, without a key",
            id="asks no longer",
        ),
        pytest.param(
            {"clients": {"nkeys": ({"key": EXAMPLE, "publish": ("orders.created",)},)}},
            {"clients": {"nkeys": ({"key": EXAMPLE, "subscribe": ("prices.*",)},)}},
            Kind.RESTARTS,
            "1 instance: 1 server restarts (authorization changed); "
            f"{EXAMPLE[:8]}… publish: +>, -orders.created; "
            f"{EXAMPLE[:8]}… subscribe: +prices.*, ->",
            id="a key may do other things",
        ),
        pytest.param(
            {"clients": {"serviceAccounts": ("acme-jobs/importer",)}},
            {},
            Kind.REACH,
            "1 instance: clients.serviceAccounts: -acme-jobs/importer; "
            "pods of every service account may carry its label",
            id="asks no longer for an account",
        ),
        pytest.param(
            {"tls": {"secretName": "acme-tls"}},
            {},
            Kind.RESTARTS,
            "1 instance: 1 server restarts (tls removed, tls.secretName removed); "
            "its clients speak in plain text",
            id="speaks TLS no longer",
        ),
        pytest.param(
            {},
            {"placement": "spread"},
            Kind.MOVES,
            "1 instance: placement: pack → spread",
            id="another placement",
        ),
        pytest.param(
            {"integrations": 42},
            {"integrations": 45},
            Kind.NOTHING,
            "1 instance (42 → 45 integrations): the servers stay as they are",
            id="still has room",
        ),
    ],
)  # fmt: skip
def test_what_an_edit_means_is_said_in_one_line(
    base: dict[str, Any] | None, head: dict[str, Any] | None, kind: Kind, words: str
) -> None:
    assert told(base, head) == [(kind, words)]


def test_a_size_that_gets_nodes_of_its_own_restarts_its_servers() -> None:
    tenants: dict[str, dict[str, Any]] = {"acme": {"size": "large", "instances": 2}, "other": {}}
    before = inventory(**tenants)
    nodes = {
        "nodeSelector": {"pool": "large", "disk": "ssd"},
        "tolerations": ({"key": "large", "operator": "Exists", "effect": "NoSchedule"},),
        "priorityClassName": "large",
    }
    sizes = {"large": {**SIZES["large"], **nodes}}
    after = Inventory.model_validate({"tenants": tenants, "sizes": sizes})
    assert [(each.kind, each.words) for each in changes_between(before, after).tenants] == [
        (
            Kind.RESTARTS,
            "2 instances: 2 servers restart (nodeSelector: +pool=large, +disk=ssd, tolerations: "
            "+large:NoSchedule, priorityClassName added)",
        )
    ]
    assert [each.words for each in changes_between(after, before).tenants] == [
        "2 instances: 2 servers restart (nodeSelector: -pool=large, -disk=ssd, tolerations: "
        "-large:NoSchedule, priorityClassName removed)"
    ]


@pytest.mark.parametrize(
    ("toleration", "written_out"),
    [
        ({"key": "large"}, {"operator": "Equal"}),
        ({"key": "large"}, {"operator": "Equal", "value": ""}),
        ({"key": "large", "value": "nats"}, {"operator": "Equal"}),
        ({"key": "large", "operator": "Exists"}, {"value": ""}),
    ],
)
def test_a_toleration_that_writes_out_what_it_meant_before_changes_nothing(
    toleration: dict[str, Any], written_out: dict[str, Any]
) -> None:
    before, after = (
        Inventory.model_validate({
            "tenants": {"acme": {"size": "large"}},
            "sizes": {"large": {**SIZES["large"], "tolerations": (each,)}},
        })
        for each in (toleration, {**toleration, **written_out})
    )  # fmt: skip
    assert changes_between(before, after).tenants == ()
    [tolerated] = after.sizes["large"].tolerations
    assert tolerated.model_dump(by_alias=True, exclude_none=True) == toleration, (
        "nor for the engine"
    )


def test_an_edit_that_says_the_same_in_other_words_changes_nothing() -> None:
    assert told({"integrations": 60}, {"integrations": 60, "instances": 2}) == []


def test_the_gravest_comes_first_and_of_its_kind_the_first_by_name() -> None:
    before = inventory(a={}, b={}, c={"instances": 2}, d={}, e={}, f={})
    after = inventory(
        a={"instances": 2},
        b={"placement": "spread"},
        c={"placement": "spread"},
        d={"size": "large"},
        e={"egress": "open"},
        f={"integrations": 1},
    )
    found = [(each.tenant, each.kind) for each in changes_between(before, after).tenants]
    assert found == [
        ("c", Kind.REMOVES),
        ("d", Kind.RESTARTS),
        ("e", Kind.REACH),
        ("b", Kind.MOVES),
        ("a", Kind.ADDS),
        ("f", Kind.NOTHING),
    ]


def test_totals_are_those_of_all_tenants() -> None:
    edit = changes_between(inventory(a={}, b={}), inventory(a={"size": "large"}, b={}, c={}))
    assert edit.before == Totals(tenants=2, instances=2, cpu=2, memory=4)
    assert edit.after == Totals(tenants=3, instances=3, cpu=4, memory=8)


def test_a_first_inventory_is_all_new() -> None:
    edit = changes_between(None, inventory(a={}, b={}))
    assert [change.kind for change in edit.tenants] == [Kind.ADDS, Kind.ADDS]
    assert (edit.before, edit.reasons) == (Totals(), ())


def test_the_guard_is_asked() -> None:
    edit = changes_between(inventory(a={}, b={}, c={}), inventory(a={}))
    assert edit.reasons == ("2 tenants lose every server: b, c",)


@dataclass(frozen=True, kw_only=True)
class LaterInstance(InstancePlan):
    leaf_node: str | None


@dataclass(frozen=True, kw_only=True)
class LaterTenant(TenantPlan):
    service_accounts: tuple[str, ...]


def test_fields_that_nobody_thought_of_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    base, head = inventory(acme={}), inventory(acme={"egress": "open"})

    def expand_later(of: Inventory, *, namespace: str) -> Plan:
        plan = expand(base, namespace=namespace)
        server: dict[str, Any] = {**vars(plan.tenants[0].instances[0]), "leaf_node": None}
        tenant: dict[str, Any] = {**vars(plan.tenants[0]), "service_accounts": ("worker",)}
        if of is head:
            server["config"] += "authorization {\n  users: [{nkey: U1}]\n}\n"
            server["leaf_node"] = "acme-tls"
            tenant["service_accounts"] = ("worker", "job")
        tenant["instances"] = (LaterInstance(**server),)
        return replace(plan, tenants=(LaterTenant(**tenant),))

    monkeypatch.setattr(module, "expand", expand_later)
    (change,) = changes_between(base, head).tenants
    assert change.words == (
        "1 instance: 1 server restarts (authorization added, leaf_node added); "
        "service_accounts: +job"
    )
