"""One NATS server: its Deployment, its Service, its configuration."""

import hashlib
import json
from typing import Any

import pytest

from rendering.recorder import Graph
from tests.components.stack import EVERY_OPTION, LARGE, graph_of
from tests.pod_security import BREACHES, broken, violations


def test_a_server_runs_once_and_is_gone_before_the_next_one_comes() -> None:
    spec = _deployment(graph_of({"acme-corp": {}}))["spec"]
    assert spec["replicas"] == 1, "two servers behind one Service do not know each other"
    assert spec["strategy"] == {"type": "Recreate"}


def test_selectors_are_exactly_the_three_labels_of_the_old_scripts() -> None:
    graph = graph_of({"acme-corp": {}})
    three = {"app": "nats", "tenant-id": "acme-corp", "instance-num": "1"}
    assert _deployment(graph)["spec"]["selector"] == {"matchLabels": three}
    assert graph.one(":Service").inputs["spec"]["selector"] == three


def test_a_pod_carries_the_labels_that_select_it() -> None:
    spec = _deployment(graph_of({"acme-corp": {}}))["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    assert wanted <= spec["template"]["metadata"]["labels"].items()


def test_a_server_and_its_service_have_the_name_that_workers_know() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    names = {
        (kind, each.inputs["metadata"]["name"])
        for kind in (":Deployment", ":Service")
        for each in graph.of_type(kind)
    }
    assert names == {
        (":Deployment", "nats-acme-corp-1"),
        (":Deployment", "nats-acme-corp-2"),
        (":Service", "nats-acme-corp-1"),
        (":Service", "nats-acme-corp-2"),
    }


def test_a_server_has_the_resources_of_its_size() -> None:
    container = _container(graph_of({"acme-corp": {"size": "large"}}))
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "4Gi"},
        "limits": {"cpu": "4", "memory": "8Gi"},
    }


def test_the_go_runtime_aims_at_four_fifths_of_the_memory_limit() -> None:
    container = _container(graph_of({"acme-corp": {"size": "large"}}))
    assert container["env"] == [{"name": "GOMEMLIMIT", "value": "6553MiB"}]


def test_a_server_runs_the_image_of_the_settings() -> None:
    graph = graph_of({"acme-corp": {}}, image="registry.example.com/nats:2.15.2-alpine")
    assert _container(graph)["image"] == "registry.example.com/nats:2.15.2-alpine"


def test_a_server_is_told_everything_by_its_configuration_file() -> None:
    assert _container(graph_of({"acme-corp": {}}))["command"] == [
        "nats-server",
        "-c",
        "/etc/nats/nats.conf",
    ], "an unknown flag ends nats-server with 0"


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_health_is_asked_at_healthz_on_the_monitoring_port(probe: str) -> None:
    container = _container(graph_of({"acme-corp": {}}))
    assert container[probe]["httpGet"] == {"path": "/healthz", "port": "monitoring"}
    assert {"name": "monitoring", "containerPort": 8222, "protocol": "TCP"} in container["ports"]


def test_a_certificate_is_mounted_for_the_server_alone_to_read() -> None:
    graph = graph_of({"acme-corp": {"tls": {"secretName": "acme-tls"}}})
    volume = _pod(graph)["volumes"][1]
    assert volume == {
        "name": "tls",
        "secret": {
            "secretName": "acme-tls",
            "items": [{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}],
            "defaultMode": 0o440,
        },
    }
    mount = {"name": "tls", "mountPath": "/etc/nats-tls", "readOnly": True}
    assert mount in _container(graph)["volumeMounts"]
    pod = _pod(graph)["securityContext"]
    assert pod["fsGroup"] == pod["runAsGroup"], "the files are root's, and its group may read them"


def test_where_tenants_have_neither_keys_nor_certificates_their_pods_are_as_before() -> None:
    graph = graph_of({"acme-corp": {}})
    assert [volume["name"] for volume in _pod(graph)["volumes"]] == ["config"]
    assert "fsGroup" not in _pod(graph)["securityContext"]
    config = graph.one(":ConfigMap").inputs
    assert config["metadata"]["name"] == "nats-acme-corp-1-31a72158"
    assert config["data"]["nats.conf"] == (
        'server_name: "nats-acme-corp-1"\nport: 4222\nhttp_port: 8222\n'
        "max_payload: 8MB\nmax_connections: 1000\nmax_pending: 16MB\n"
    )


def test_no_secret_is_made_only_referred_to() -> None:
    graph = graph_of({"globex": EVERY_OPTION})
    assert graph.of_type(":Secret") == ()


@pytest.mark.parametrize("tenant", [{}, EVERY_OPTION], ids=["with defaults", "with all options"])
def test_a_pod_breaks_no_control_of_the_restricted_pod_security_standard(
    tenant: dict[str, object],
) -> None:
    assert violations(_template(graph_of({"acme-corp": {**tenant, "instances": 1}}))) == set()


@pytest.mark.parametrize("name", BREACHES)
def test_a_pod_that_would_break_a_control_is_found(name: str) -> None:
    control, breach = BREACHES[name]
    found = violations(broken(_template(graph_of({"acme-corp": {}})), breach))
    also = {"allowPrivilegeEscalation != false"} if name == "privileged" else set[str]()
    assert found == {control, *also}


def test_no_container_writes_anywhere() -> None:
    contexts = [each["securityContext"] for each in _pod(graph_of({"acme-corp": {}}))["containers"]]
    assert [each["readOnlyRootFilesystem"] for each in contexts] == [True, True]


def test_a_pod_knows_neither_the_api_server_nor_its_neighbours() -> None:
    pod = _pod(graph_of({"acme-corp": {}}))
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False, "they put every Service's address into the pod"


def test_the_engine_waits_for_a_server_as_long_as_the_settings_say() -> None:
    deployment = graph_of({"acme-corp": {}}, readyTimeout="7m").one(":Deployment")
    assert deployment.options == {"customTimeouts": {"create": "7m", "update": "7m"}}


def test_the_engine_waits_for_servers_and_not_for_services() -> None:
    graph = graph_of({"acme-corp": {}})
    annotations = {
        kind: graph.one(kind).inputs["metadata"]["annotations"]
        for kind in (":Service", ":Deployment")
    }
    assert annotations[":Service"]["pulumi.com/skipAwait"] == "true"
    assert "pulumi.com/skipAwait" not in annotations[":Deployment"]
    assert json.loads(annotations[":Deployment"]["pulumi.com/waitFor"]) == [
        "jsonpath={.status.updatedReplicas}=1",
        "jsonpath={.status.replicas}=1",
        "jsonpath={.status.availableReplicas}=1",
    ]


def test_a_service_opens_both_ports_inside_the_cluster_only() -> None:
    assert graph_of({"acme-corp": {}}).one(":Service").inputs["spec"] == {
        "type": "ClusterIP",
        "selector": {"app": "nats", "tenant-id": "acme-corp", "instance-num": "1"},
        "ports": [
            {"name": "client", "port": 4222, "targetPort": 4222, "appProtocol": "tcp"},
            {
                "name": "monitoring",
                "port": 8222,
                "targetPort": 8222,
                "appProtocol": "http",
            },
        ],
    }


def test_a_configuration_is_immutable_and_named_by_its_content() -> None:
    config_map = graph_of({"acme-corp": {}}).one("ConfigMap").inputs
    digest = hashlib.sha256(config_map["data"]["nats.conf"].encode()).hexdigest()
    assert config_map["immutable"] is True
    assert config_map["metadata"]["name"] == f"nats-acme-corp-1-{digest[:8]}"


def test_a_pod_reads_the_configuration_of_its_own_instance() -> None:
    graph = graph_of({"acme-corp": {"instances": 2}})
    for name in ("nats-acme-corp-1", "nats-acme-corp-2"):
        config_map = graph.one("ConfigMap", f"{name}-config").inputs["metadata"]["name"]
        pod = graph.one(":Deployment", f"{name}-deployment").inputs["spec"]["template"]["spec"]
        assert pod["volumes"] == [{"name": "config", "configMap": {"name": config_map}}]
        assert pod["containers"][0]["volumeMounts"] == [
            {"name": "config", "mountPath": "/etc/nats", "readOnly": True}
        ]


def test_a_changed_configuration_is_a_new_object_under_the_same_logical_name() -> None:
    tenants = {"acme-corp": {"size": "large"}}
    before = graph_of(tenants, sizes={"large": LARGE})
    after = graph_of(tenants, sizes={"large": {**LARGE, "maxPayload": "1MB"}})
    assert [each.urn for each in before.resources] == [each.urn for each in after.resources]
    names = [graph.one("ConfigMap").inputs["metadata"]["name"] for graph in (before, after)]
    assert names[0] != names[1], "the pod rolls because the name that it mounts is another one"


def test_the_rows_say_where_each_server_is() -> None:
    assert graph_of({"acme-corp": {"instances": 2}}).one("TenantRecords").inputs == {
        "tenant_id": "acme-corp",
        "instances": [
            {
                "instance_number": number,
                "dns_name": f"nats-acme-corp-{number}.vrsky-tenants.svc.cluster.local:4222",
            }
            for number in (1, 2)
        ],
        "state": "active",
        "domain": "vrsky-tenants.svc.cluster.local:4222",
        "capacity": 50,
        "placement": "pack",
        "due": "",
        "drain_seconds": 30,
    }


def test_a_tenant_that_is_decommissioned_has_rows_and_nothing_else() -> None:
    graph = graph_of({"acme-corp": {"instances": 2, "state": "decommissioned"}})
    assert {each.name for each in graph.resources if each.custom} == {
        "acme-corp-records",
        "vrsky-tenants-closed",
        "vrsky-tenants-namespace",
        "vrsky-tenants-strays",
    }
    records = graph.one("TenantRecords").inputs
    assert (records["state"], records["instances"]) == ("decommissioned", [])


def test_an_id_that_looks_like_a_number_stays_text() -> None:
    graph = graph_of({"007": {}})
    metadata = [each.inputs["metadata"] for each in graph.resources if "metadata" in each.inputs]
    labelled = [each["labels"] for each in metadata]
    assert {"007"} == {labels["tenant-id"] for labels in labelled if "tenant-id" in labels}
    assert {str} == {type(value) for labels in labelled for value in labels.values()}
    assert graph.one("TenantRecords").inputs["tenant_id"] == "007"


def _deployment(graph: Graph) -> Any:
    return graph.one(":Deployment").inputs


def _template(graph: Graph) -> Any:
    return _deployment(graph)["spec"]["template"]


def _pod(graph: Graph) -> Any:
    return _template(graph)["spec"]


def _container(graph: Graph) -> Any:
    container, _ = _pod(graph)["containers"]
    return container
