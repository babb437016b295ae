"""Invariant 3: who reaches a server, and what a server reaches."""

from typing import Any

from tests.components.stack import graph_of


def test_a_tenants_policy_selects_the_nats_pods_of_that_tenant_in_both_directions() -> None:
    spec = _policy({})
    assert spec["podSelector"] == {"matchLabels": {"app": "nats", "tenant-id": "acme-corp"}}
    assert spec["policyTypes"] == ["Ingress", "Egress"]


def test_only_pods_with_the_tenants_own_label_reach_the_client_port() -> None:
    assert _sources_of(_policy({}), 4222) == [
        {"podSelector": {"matchLabels": {"tenant-id": "acme-corp"}}}
    ]


def test_in_further_namespaces_too_only_pods_with_the_tenants_own_label_may_connect() -> None:
    spec = _policy({"clients": {"namespaces": ("acme-workers", "acme-jobs")}})
    own_pods = {"matchLabels": {"tenant-id": "acme-corp"}}
    assert _sources_of(spec, 4222) == [
        {"podSelector": own_pods},
        {"podSelector": own_pods, "namespaceSelector": _named("acme-jobs", "acme-workers")},
    ], "two selectors in one item mean AND; in two items they would admit whole namespaces"


def test_only_the_monitoring_namespace_reaches_the_monitoring_port() -> None:
    spec = _policy({}, monitoringNamespace="observability")
    assert _sources_of(spec, 8222) == [{"namespaceSelector": _named("observability")}]


def test_no_other_port_is_open() -> None:
    spec = _policy({"clients": {"namespaces": ("acme-workers",)}, "egress": "open"})
    ports = [rule["ports"] for rule in spec["ingress"]]
    assert ports == [
        [{"port": 4222, "protocol": "TCP"}],
        [{"port": 8222, "protocol": "TCP"}, {"port": 7777, "protocol": "TCP"}],
    ]


def test_a_server_reaches_name_resolution_and_nothing_else() -> None:
    assert _policy({})["egress"] == [
        {
            "to": [{"namespaceSelector": _named("kube-system")}],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        }
    ]


def test_a_server_of_a_tenant_with_open_egress_reaches_everything() -> None:
    assert {} in _policy({"egress": "open"})["egress"], "a rule without peers and ports is all-open"


def test_a_server_of_a_tenant_without_egress_reaches_nothing() -> None:
    spec = _policy({"egress": "none"})
    assert "egress" not in spec, "with Egress among its types and no rule a policy lets nothing out"
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == _policy({})["ingress"]


def test_open_egress_lets_nobody_in() -> None:
    assert _policy({"egress": "open"})["ingress"] == _policy({})["ingress"]


def test_the_policy_tells_the_admission_policy_whose_pods_may_carry_the_label() -> None:
    accounts = ("acme-workers/importer", "acme-jobs/nightly")
    metadata = _inputs({"clients": {"serviceAccounts": accounts}})["metadata"]
    accounts = metadata["annotations"]["tenant-nats/service-accounts"]
    assert accounts == "acme-jobs/nightly,acme-workers/importer"


def test_a_tenant_that_lists_no_accounts_relies_on_the_label() -> None:
    assert "tenant-nats/service-accounts" not in _inputs({})["metadata"]["annotations"]


def _inputs(tenant: dict[str, object], **settings: Any) -> Any:
    graph = graph_of({"acme-corp": tenant}, **settings)
    return graph.one("NetworkPolicy", "acme-corp-policy").inputs


def _policy(tenant: dict[str, object], **settings: Any) -> Any:
    """What the policy of a tenant says."""
    return _inputs(tenant, **settings)["spec"]


def _sources_of(spec: Any, port: int) -> list[Any]:
    """Who reaches `port`, by all rules."""
    return [
        source
        for rule in spec["ingress"]
        for source in rule["from"]
        if port in [each["port"] for each in rule["ports"]]
    ]


def _named(*names: str) -> dict[str, object]:
    """The selector of namespaces by the label with their name that Kubernetes itself sets."""
    return {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(names)}
        ]
    }
