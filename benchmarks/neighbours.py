"""Deployments of another app in the namespace of a cell, made by kubectl, and at rest."""

import json
import time

from sandbox.cluster import Cluster

_LABELS = {"app": "neighbour"}
_PATIENCE_SECONDS = 900


def add(cluster: Cluster, namespace: str, count: int) -> None:
    """Make them, each with one pod, and wait until each is ready."""
    if not count:
        return
    items = [_deployment(f"neighbour-{number:04}", namespace) for number in range(count)]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    cluster.administrator.run("apply", "--server-side", "--filename=-", stdin=manifest)
    wait_until_ready(cluster, namespace, "--selector=app=neighbour")


def wait_until_ready(cluster: Cluster, namespace: str, *selector: str) -> None:
    """Wait until every Deployment of the namespace has its pod."""
    path = "jsonpath={range .items[*]}{.status.availableReplicas}/{.spec.replicas} {end}"
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        question = ("get", "deployments", f"--namespace={namespace}", *selector)
        deployments = cluster.administrator.run(*question, f"--output={path}").split()
        waiting = [each for each in deployments if each != "1/1"]
        if not waiting:
            return
        assert time.monotonic() < until, f"{len(waiting)} of {len(deployments)} are not ready"
        time.sleep(2)


def remove(cluster: Cluster, namespace: str) -> None:
    """Remove a namespace with all that is in it; returns when it is gone."""
    administrator = cluster.administrator
    administrator.run("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
    until = time.monotonic() + _PATIENCE_SECONDS
    while administrator.run("get", "namespace", namespace, "--ignore-not-found"):
        assert time.monotonic() < until, f"the namespace {namespace} is still there"
        time.sleep(0.5)


def _deployment(name: str, namespace: str) -> dict[str, object]:
    container = {
        "name": "pause",
        "image": "registry.k8s.io/pause:3.10",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    restricted = {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": _LABELS},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {**_LABELS, "name": name}},
            "template": {
                "metadata": {"labels": {**_LABELS, "name": name}},
                "spec": {"securityContext": restricted, "containers": [container]},
            },
        },
    }
