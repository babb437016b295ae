"""The exporter beside each server, and what lets Prometheus find it."""

from typing import Any

from monitoring.rule_file import rules
from rendering.recorder import Graph
from tenancy.inventory.models import Inventory
from tests.components.stack import EVERY_OPTION, LARGE, graph_of

OFF = {"exporter": False}


def test_an_exporter_asks_its_own_server_by_loopback_and_knows_it_by_name() -> None:
    exporter = _exporter(graph_of({"acme-corp": {}}))
    assert exporter["image"] == "natsio/prometheus-nats-exporter:0.20.2"
    assert exporter["args"] == [
        *("-varz", "-connz", "-healthz", "-use_internal_server_name", "-ri", "1"),
        *("-port", "7777", "http://127.0.0.1:8222"),
    ]
    assert "command" not in exporter, "the image has an entry point of its own"
    assert exporter["ports"] == [{"name": "metrics", "containerPort": 7777, "protocol": "TCP"}]


def test_an_exporter_that_waits_for_its_server_is_not_restarted_into_a_back_off() -> None:
    exporter = _exporter(graph_of({"acme-corp": {}}))
    probe = exporter["livenessProbe"]
    assert probe["tcpSocket"] == {"port": "metrics"}
    # The kubelet forgets a restart after ten minutes. In a back-off the pod is not ready.
    assert probe["periodSeconds"] * probe["failureThreshold"] > 600
    assert "readinessProbe" not in exporter, "a pod that is not ready leaves its Service"


def test_an_exporter_is_as_confined_as_its_server_and_small() -> None:
    server, exporter = _containers(graph_of({"acme-corp": {"size": "large"}}))
    assert exporter["securityContext"] == server["securityContext"]
    assert exporter["resources"] == {
        "requests": {"cpu": "10m", "memory": "32Mi"},
        "limits": {"cpu": "100m", "memory": "64Mi"},
    }
    assert "volumeMounts" not in exporter, "neither the configuration nor a key is its business"


def test_without_exporters_the_server_is_alone_and_their_port_closed() -> None:
    graph = graph_of({"globex": {**EVERY_OPTION, "instances": 1}}, metrics=OFF)
    assert [each["name"] for each in _containers(graph)] == ["nats"]
    policy = graph.one("NetworkPolicy", "globex-policy").inputs["spec"]
    assert 7777 not in {port["port"] for rule in policy["ingress"] for port in rule["ports"]}


def test_only_monitoring_may_read_the_figures() -> None:
    policy = graph_of({"acme-corp": {}}).one("NetworkPolicy", "acme-corp-policy").inputs["spec"]
    clients, monitoring = policy["ingress"]
    assert [port["port"] for port in clients["ports"]] == [4222]
    assert [port["port"] for port in monitoring["ports"]] == [8222, 7777]


def test_a_pod_monitor_is_made_only_where_it_is_asked_for() -> None:
    assert graph_of({"acme-corp": {}}).of_type("PodMonitor") == ()
    assert graph_of({"acme-corp": {}}).of_type("Monitoring") == ()


def test_a_pod_monitor_finds_the_pods_and_gives_series_the_labels_that_dashboards_know() -> None:
    metrics = {"podMonitor": True, "labels": {"release": "kube-prometheus-stack"}}
    monitor = graph_of({"acme-corp": {}}, metrics=metrics).one("PodMonitor").inputs
    metadata = monitor["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("tenant-nats", "vrsky-tenants")
    assert metadata["labels"] == {
        "release": "kube-prometheus-stack",
        "app.kubernetes.io/part-of": "tenant-nats",
        "app.kubernetes.io/managed-by": "pulumi",
    }
    assert monitor["spec"]["selector"] == {
        "matchLabels": {"app": "nats"},
        "matchExpressions": [
            {"key": "tenant-id", "operator": "Exists"},
            {"key": "instance-num", "operator": "Exists"},
        ],
    }
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"
    targets = [each["targetLabel"] for each in endpoint["relabelings"]]
    assert targets == ["job", "tenant_id", "instance_num"]


def test_the_rules_are_the_inventorys_and_made_only_where_they_are_asked_for() -> None:
    metrics = {"prometheusRule": True, "labels": {"release": "kube-prometheus-stack"}}
    tenants = {"acme-corp": {}, "globex": {"size": "large"}}
    rule = graph_of(tenants, metrics=metrics, namespace="eu-tenants").one("PrometheusRule").inputs
    assert rule["metadata"]["namespace"] == "eu-tenants"
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    inventory = Inventory.model_validate({"tenants": tenants, "sizes": {"large": LARGE}})
    assert rule["spec"] == rules(inventory, "eu-tenants")
    assert graph_of(tenants).of_type("PrometheusRule") == ()
    assert graph_of(tenants, metrics=metrics).of_type("PodMonitor") == ()


def test_adding_a_tenant_of_the_standard_size_changes_no_rule() -> None:
    metrics = {"prometheusRule": True}
    before = graph_of({"acme-corp": {}, "globex": {"size": "large"}}, metrics=metrics)
    after = graph_of(
        {"acme-corp": {"instances": 2}, "globex": {"size": "large"}, "hooli": {}}, metrics=metrics
    )
    assert before.one("PrometheusRule").inputs == after.one("PrometheusRule").inputs


def _containers(graph: Graph) -> list[Any]:
    return graph.one(":Deployment").inputs["spec"]["template"]["spec"]["containers"]


def _exporter(graph: Graph) -> Any:
    return _containers(graph)[1]
