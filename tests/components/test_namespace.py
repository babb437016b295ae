"""The servers' namespace, and the policy that closes it."""

from typing import Literal

import pytest

from tests.components.stack import graph_of


def test_a_managed_namespace_is_made() -> None:
    namespace = graph_of({"acme-corp": {}}, namespace="servers").one("core/v1:Namespace")
    assert namespace.inputs["metadata"]["name"] == "servers"


def test_an_existing_namespace_is_not_touched() -> None:
    graph = graph_of({"acme-corp": {}}, namespaceMode="existing")
    assert graph.of_type("core/v1:Namespace") == ()


@pytest.mark.parametrize("mode", ["managed", "existing"])
def test_the_namespace_is_closed_whoever_has_made_it(mode: Literal["managed", "existing"]) -> None:
    graph = graph_of({"acme-corp": {}}, namespaceMode=mode)
    metadata = graph.one("NetworkPolicy", "vrsky-tenants-closed").inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("tenant-nats-closed", "vrsky-tenants")


def test_the_closing_policy_lets_nothing_in_and_nothing_out_of_any_nats_pod() -> None:
    graph = graph_of({"acme-corp": {}})
    assert graph.one("NetworkPolicy", "vrsky-tenants-closed").inputs["spec"] == {
        "podSelector": {"matchLabels": {"app": "nats"}},
        "policyTypes": ["Ingress", "Egress"],
    }, "a rule would open, and a wider selector would close the workers that share the namespace"


@pytest.mark.parametrize("retain", [True, False])
def test_whether_the_namespace_outlives_the_stack_is_a_setting(retain: bool) -> None:
    graph = graph_of({"acme-corp": {}}, retainNamespace=retain)
    assert graph.one("core/v1:Namespace").options == {"retainOnDelete": retain}


def test_a_namespace_outlives_its_stack_unless_told_otherwise() -> None:
    options = graph_of({"acme-corp": {}}).one("core/v1:Namespace").options
    assert options == {"retainOnDelete": True}, "workers live there too"


def test_nothing_but_the_namespace_outlives_the_stack() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    kept = [each.name for each in graph.resources if each.options.get("retainOnDelete")]
    assert kept == ["vrsky-tenants-namespace"]


@pytest.mark.parametrize("level", ["restricted", "baseline"])
def test_the_api_server_enforces_a_pod_security_standard(
    level: Literal["restricted", "baseline"],
) -> None:
    namespace = graph_of({"acme-corp": {}}, podSecurity=level).one("core/v1:Namespace")
    labels = namespace.inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == level


def test_a_stray_container_in_a_managed_namespace_is_small() -> None:
    limits = graph_of({"acme-corp": {}}).one("LimitRange").inputs["spec"]["limits"]
    assert limits == [
        {
            "type": "Container",
            "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
            "default": {"memory": "1Gi"},
        }
    ], "a maximum would refuse sizes and workers"


def test_an_existing_namespace_keeps_its_own_limits() -> None:
    assert graph_of({"acme-corp": {}}, namespaceMode="existing").of_type("LimitRange") == ()


def test_everything_is_in_the_namespace_of_the_settings() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}}, namespace="servers")
    metadata = [each.inputs["metadata"] for each in graph.resources if "metadata" in each.inputs]
    namespaces = {each["namespace"] for each in metadata if each["name"] != "servers"}
    assert namespaces == {"servers"}


def test_every_object_is_applied_by_one_manager_whatever_somebody_else_has_set() -> None:
    metrics = {"podMonitor": True, "prometheusRule": True}
    graph = graph_of({"acme-corp": {}}, metrics=metrics)
    made = [each.inputs for each in graph.resources if each.type.startswith("kubernetes:")]
    assert len(made) == 9
    for manifest in made:
        annotations = manifest["metadata"]["annotations"]
        assert annotations["pulumi.com/patchFieldManager"] == "tenant-nats"
        assert annotations["pulumi.com/patchForce"] == "true"
