"""Prometheus finds each server once, by either way: real API server, Prometheus and operator."""

import gzip
import json
import os
import subprocess
from base64 import b64decode
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cluster.kinds import KINDS
from cluster.kubectl import Kubectl
from monitoring.rule_file import rules
from monitoring.scrape import scrape_configs
from operations.recovery.unrecorded import live_objects
from sandbox.toolchain import PROMETHEUS, PROMETHEUS_OPERATOR, ensure, source_of
from tenancy.inventory.validation import load
from tenancy.names import METRICS_JOB
from tests.access import Access
from tests.conftest import NewDatabase
from tests.e2e.project import Project, Target
from tests.metrics.prometheus import running
from tests.nats.server import free_port
from tests.waiting import wait_until

NAMESPACE, WATCHING = "metrics", "metrics-watching"
INVENTORY = """\
tenants:
  acme: {size: small, instances: 2}
  globex: {size: small}
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}, capacity: 10}
"""
SERVERS = {("acme", "1"), ("acme", "2"), ("globex", "1")}
LABELS = ("job", "namespace", "pod", "tenant_id", "instance_num")
OPERATOR_MODULE = "github.com/prometheus-operator/prometheus-operator"

OF_THE_TEMPLATES = """\
scrape_configs:
  - job_name: "tenant-nats"
    kubernetes_sd_configs:
      - role: pod
        namespaces:
          names:
            - vrsky-tenants
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_label_app]
        action: keep
        regex: nats
      - source_labels: [__meta_kubernetes_pod_label_tenant_id]
        target_label: tenant_id
      - source_labels: [__meta_kubernetes_pod_label_instance_num]
        target_label: instance_num
      - source_labels: [__address__]
        target_label: __address__
        replacement: $1:8222
    metrics_path: /metrics
"""
"""The scrape configuration of the hand-run templates, word for word."""

Found = set[tuple[str, ...]]
"""The address of each target, and its labels in the order of `LABELS`."""


@pytest.fixture(scope="module")
def access(own_access: Access) -> Access:
    """A cluster with the operator, unlike that of the other tests."""
    return own_access


@pytest.fixture(scope="module")
def target(own_target: Target) -> Target:
    return own_target


@pytest.fixture(scope="module")
def kinds(access: Access) -> None:
    """The kinds of objects that the operator brings to a cluster."""
    folder = source_of(PROMETHEUS_OPERATOR, OPERATOR_MODULE) / "example" / "prometheus-operator-crd"
    access.run("apply", "--server-side", f"--filename={folder}")
    access.run("wait", "--for=condition=Established", f"--filename={folder}", "--timeout=60s")


@pytest.fixture(scope="module")
def stack(
    target: Target,
    new_database: NewDatabase,
    kinds: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Project]:
    """Three servers with exporters, and what the operator needs to find them."""
    assert kinds is None
    project = Project(
        target,
        tmp_path_factory.mktemp("metrics") / "project",
        namespace=NAMESPACE,
        dsn=new_database(),
        settings={
            "drain": "0s",
            "metrics": {
                "podMonitor": True,
                "prometheusRule": True,
                "labels": {"release": "prometheus"},
            },
        },
    )
    project.write(INVENTORY)
    run = project.up()
    assert not run.failed, run.output
    yield project
    project.remove()


@pytest.fixture(scope="module")
def right(stack: Project, access: Access) -> Found:
    """The servers that Prometheus should find; beside them are pods that are none."""
    pods = json.loads(stack.kubectl("get", "pods", "--selector=app=nats", "--output=json"))["items"]
    _make_strangers(access, pods[0]["spec"])
    found = {
        (
            f"{pod['status']['podIP']}:7777",
            METRICS_JOB,
            NAMESPACE,
            pod["metadata"]["name"],
            pod["metadata"]["labels"]["tenant-id"],
            pod["metadata"]["labels"]["instance-num"],
        )
        for pod in pods
    }
    assert {labels[-2:] for labels in found} == SERVERS
    return found


def test_the_plain_configuration_finds_each_server_once_and_nothing_else(
    right: Found, access: Access, tmp_path: Path
) -> None:
    assert discovered(tmp_path, scrape_configs(NAMESPACE), access) == right


def test_the_templates_configuration_finds_each_server_thrice_at_no_address(
    right: Found, access: Access, tmp_path: Path
) -> None:
    config = YAML(typ="safe").load(OF_THE_TEMPLATES.replace("vrsky-tenants", NAMESPACE))
    found = discovered(tmp_path, config, access, at_least=2 * len(right) + 1)
    assert {address.count(":") for address, *_ in found} == {2}
    assert len(found) > 2 * len(right)


def test_by_the_pod_monitor_the_operator_finds_the_same(
    stack: Project, right: Found, access: Access, tmp_path: Path
) -> None:
    with operating(access, tmp_path):
        config = _operators_configuration(access)
        rule = _operators_rules(access)
    (tmp_path / "prometheus.json").write_text(json.dumps({**config, "rule_files": []}))
    checked = subprocess.run(
        [ensure(PROMETHEUS) / "promtool", "check", "config", "prometheus.json"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert discovered(tmp_path, {"scrape_configs": config["scrape_configs"]}, access) == right
    wanted = rules(load(stack.folder / "tenants.yaml"), NAMESPACE)
    assert [each["name"] for each in rule["groups"]] == [each["name"] for each in wanted["groups"]]
    alerts = [
        each["alert"] for group in rule["groups"] for each in group["rules"] if "alert" in each
    ]
    assert "TenantNatsServerDown" in alerts


def test_recover_looks_for_what_the_operator_brings_where_that_is_there(stack: Project) -> None:
    path = os.pathsep.join([str(Path(stack.target.kubectl).parent), stack.env["PATH"]])
    kubectl = Kubectl(stack.target.context, {**stack.env, "PATH": path})
    found = {each["kind"] for each in live_objects([NAMESPACE], kubectl)}
    assert found == {"Namespace", *KINDS}


def discovered(
    folder: Path, config: dict[str, Any], access: Access, at_least: int = len(SERVERS)
) -> Found:
    """What a real Prometheus finds by this configuration, once it has that many targets."""
    servers = [each for each in config["scrape_configs"] if "kubernetes_sd_configs" in each]
    for each in servers:
        for discovery in each["kubernetes_sd_configs"]:
            discovery["kubeconfig_file"] = access.kubeconfig
    with running(folder, {"scrape_configs": servers}) as prometheus:

        def targets() -> Found:
            return {
                (
                    each["scrapeUrl"].removeprefix("http://").partition("/")[0],
                    *(each["labels"].get(label, "") for label in LABELS),
                )
                for each in prometheus.get("targets", state="active")["activeTargets"]
            }

        wait_until(lambda: len(targets()) >= at_least)
        return targets()


@contextmanager
def operating(access: Access, folder: Path) -> Generator[None]:
    """The operator, and a Prometheus that it configures, in a namespace of their own."""
    access.new_namespace(WATCHING)
    which = {"matchLabels": {"release": "prometheus"}}
    where = {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    spec = {
        "podMonitorSelector": which,
        "podMonitorNamespaceSelector": where,
        "ruleSelector": which,
        "ruleNamespaceSelector": where,
    }
    prometheus = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": "main", "namespace": WATCHING},
        "spec": spec,
    }
    access.apply([prometheus])
    with (folder / "operator.log").open("wb") as log:
        process = subprocess.Popen(
            [ensure(PROMETHEUS_OPERATOR) / "operator", f"--namespaces={NAMESPACE},{WATCHING}",
             f"--web.listen-address=127.0.0.1:{free_port()}", *_way_to(access, folder)],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        question = ("get", "secret", "prometheus-main", f"--namespace={WATCHING}")
        wait_until(lambda: process.poll() is not None or not access.ask(*question).returncode)
        assert process.poll() is None, (folder / "operator.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
        access.run("delete", "namespace", WATCHING, "--wait=false")


def _way_to(access: Access, folder: Path) -> Iterator[str]:
    """How the operator reaches the API server, since it reads no kubeconfig."""
    view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    config = json.loads(access.run(*view))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    yield f"--apiserver={cluster['server']}"
    for option, data in {
        "ca-file": cluster["certificate-authority-data"],
        "cert-file": user["client-certificate-data"],
        "key-file": user["client-key-data"],
    }.items():
        (folder / option).write_bytes(b64decode(data))
        yield f"--{option}={folder / option}"


def _operators_configuration(access: Access) -> dict[str, Any]:
    def configured() -> dict[str, Any]:
        question = ("get", "secret", "prometheus-main", f"--namespace={WATCHING}", "--output=json")
        data = json.loads(access.run(*question))["data"]
        text = gzip.decompress(b64decode(data["prometheus.yaml.gz"])).decode()
        # The sidecar of each Prometheus replaces this by its own number; here there is one.
        return YAML(typ="safe").load(text.replace("$(SHARD)", "0"))

    wait_until(lambda: configured().get("scrape_configs"))
    return configured()


def _operators_rules(access: Access) -> dict[str, Any]:
    question = ("get", "configmap", f"--namespace={WATCHING}", "--output=json")

    def found() -> list[str]:
        items = json.loads(access.run(*question))["items"]
        return [
            text
            for each in items
            if "rulefiles" in each["metadata"]["name"]
            for text in each.get("data", {}).values()
        ]

    wait_until(found)
    [text] = found()
    return YAML(typ="safe").load(text)


def _make_strangers(access: Access, server: dict[str, Any]) -> None:
    """Pods that are no servers, or no longer; each differs from a server in one detail."""
    spec = {key: server[key] for key in ("securityContext", "containers", "volumes")}
    spec["automountServiceAccountToken"] = False
    nats, _ = spec["containers"]
    labels = {"app": "nats", "tenant-id": "acme", "instance-num": "9"}
    strangers = {
        "other-app": ({**labels, "app": "other"}, spec),
        "without-exporter": (labels, {**spec, "containers": [nats]}),
        "of-no-tenant": ({"app": "nats"}, spec),
        "finished": (labels, spec),
    }
    access.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": worn},
            "spec": its,
        }
        for name, (worn, its) in strangers.items()
    )
    for name in strangers:
        access.run("wait", "--for=jsonpath={.status.phase}=Running", f"pod/{name}",
                   f"--namespace={NAMESPACE}", "--timeout=60s")  # fmt: skip
    ended = json.dumps({"status": {"phase": "Succeeded"}})
    access.run("patch", "pod", "finished", f"--namespace={NAMESPACE}", "--subresource=status",
               f"--patch={ended}")  # fmt: skip
