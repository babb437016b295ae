"""What the settings of a stack and its sizes make of a pod; without any, nothing."""

from typing import Any

import pytest

from rendering.recorder import Graph
from tests.components.stack import EVERY_OPTION, LARGE, graph_of
from tests.pod_security import violations

EVERY_SETTING: dict[str, Any] = {
    "nodeSelector": {"pool": "nats"},
    "tolerations": [{"key": "dedicated", "value": "nats", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
                ]
            }
        },
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "labelSelector": {"matchLabels": {"app": "batch"}},
                        "topologyKey": "kubernetes.io/hostname",
                    },
                }
            ]
        },
    },
    "spread": "zones",
    "priorityClassName": "servers",
    "imagePullSecrets": ["registry", "mirror"],
    "annotations": {"karpenter.sh/do-not-disrupt": "true"},
    "labels": {"team": "platform"},
    "serviceAccountName": "nats",
    "runtimeClassName": "gvisor",
    "nodeLostSeconds": 30,
}
"""A section `pod` that leaves nothing to the defaults."""


def template(graph: Graph, name: str = "nats-acme-1") -> Any:
    """The pod of a server, as its Deployment has it."""
    return graph.one(":Deployment", f"{name}-deployment").inputs["spec"]["template"]


def spec(**settings: Any) -> Any:
    return template(graph_of({"acme": {}}, **settings))["spec"]


def test_every_setting_is_a_field_of_the_pod_in_kubernetes_own_form() -> None:
    pod = spec(pod=EVERY_SETTING)
    said = {key: pod[key] for key in pod.keys() - spec().keys()}
    assert said == {
        "nodeSelector": {"pool": "nats"},
        "tolerations": [
            {"key": "dedicated", "value": "nats", "effect": "NoSchedule"},
            *(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}
                for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            ),
        ],
        "affinity": EVERY_SETTING["affinity"],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "nats", "tenant-id": "acme"}},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "priorityClassName": "servers",
        "imagePullSecrets": [{"name": "registry"}, {"name": "mirror"}],
        "serviceAccountName": "nats",
        "serviceAccount": "nats",
        "runtimeClassName": "gvisor",
    }
    assert {key: pod[key] for key in spec()} == spec(), "the other fields stay as they were"


def test_every_setting_is_tried_here() -> None:
    from settings.pods import Pod

    assert set(EVERY_SETTING) == {field.alias for field in Pod.model_fields.values()}


def test_labels_and_annotations_are_those_of_the_pod_alone() -> None:
    graph = graph_of({"acme": {}}, pod=EVERY_SETTING)
    plain = graph_of({"acme": {}})
    metadata = template(graph)["metadata"]
    assert metadata["annotations"] == {"karpenter.sh/do-not-disrupt": "true"}
    assert metadata["labels"] == {**template(plain)["metadata"]["labels"], "team": "platform"}
    one, other = (each.one(":Deployment").inputs for each in (graph, plain))
    assert one["metadata"] == other["metadata"]
    assert one["spec"]["selector"] == other["spec"]["selector"]


def test_settings_of_the_pods_change_their_deployments_and_nothing_else() -> None:
    def others(graph: Graph) -> dict[str, Any]:
        return {each.urn: each.inputs for each in graph.resources if "Deployment" not in each.urn}

    tenants = {"acme": {}, "globex": EVERY_OPTION}
    changed = graph_of(tenants, pod=EVERY_SETTING, runAsUser="none")
    assert others(changed) == others(graph_of(tenants))


def test_servers_of_a_size_run_on_nodes_of_their_own() -> None:
    own = {
        "nodeSelector": {"pool": "large"},
        "tolerations": ({"key": "large", "operator": "Exists"},),
        "priorityClassName": "large",
    }
    graph = graph_of(
        {"acme": {}, "globex": {"size": "large"}},
        sizes={"large": {**LARGE, **own}},
        pod={"nodeSelector": {"pool": "nats", "arch": "arm64"}},
    )
    small, large = (template(graph, f"nats-{each}-1")["spec"] for each in ("acme", "globex"))
    assert small["nodeSelector"] == {"pool": "nats", "arch": "arm64"}
    assert {"tolerations", "priorityClassName"}.isdisjoint(small)
    assert large["nodeSelector"] == {"pool": "large", "arch": "arm64"}
    assert large["tolerations"] == [{"key": "large", "operator": "Exists"}]
    assert large["priorityClassName"] == "large"


def test_spreading_over_nodes_asks_for_no_zones() -> None:
    [constraint] = spec(pod={"spread": "nodes"})["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"


@pytest.mark.parametrize("tenant", [{}, {"tls": {"secretName": "acme-tls"}}], ids=["plain", "TLS"])
def test_a_stack_that_names_no_user_leaves_user_and_groups_to_the_platform(
    tenant: dict[str, object],
) -> None:
    graph = graph_of({"acme": tenant}, runAsUser="none")
    pod = template(graph)["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in pod["containers"]:
        assert {"runAsUser", "runAsGroup"}.isdisjoint(container["securityContext"])
    assert violations(template(graph)) == set()


def test_another_user_is_the_group_as_well_and_owns_the_certificate() -> None:
    graph = graph_of({"acme": {"tls": {"secretName": "acme-tls"}}}, runAsUser="65532")
    context = template(graph)["spec"]["securityContext"]
    assert {context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {65532}
