"""The kinds of objects that this project makes in a namespace."""

import json
from collections.abc import Collection

from cluster.kubectl import ClusterError, Kubectl

KINDS = {
    "LimitRange": "limitranges",
    "NetworkPolicy": "networkpolicies.networking.k8s.io",
    "ConfigMap": "configmaps",
    "Service": "services",
    "Deployment": "deployments.apps",
    "PodMonitor": "podmonitors.monitoring.coreos.com",
    "PrometheusRule": "prometheusrules.monitoring.coreos.com",
}
"""What kubectl calls each of them. They are made in this order."""

_OPERATORS = "monitoring.coreos.com"
"""The API group that a cluster has only with the Prometheus operator."""


def known(kinds: Collection[str], kubectl: Kubectl) -> str:
    """Those of `kinds` that this cluster knows, as one word for `kubectl get`.

    Asking for a kind that it does not know would fail.

    Raises:
        ClusterError: kubectl failed; the text is its own.
    """
    words = [KINDS[kind] for kind in kinds]
    if any(word.endswith(_OPERATORS) for word in words):
        of_operator = _of_operator(kubectl)
        words = [word for word in words if not word.endswith(_OPERATORS) or word in of_operator]
    return ",".join(words)


def _of_operator(kubectl: Kubectl) -> set[str]:
    try:
        # Not `api-resources`, which fails if any other API of the cluster is unavailable.
        answer = kubectl.run("get", f"--raw=/apis/{_OPERATORS}/v1")
    except ClusterError as error:
        if "NotFound" not in str(error):
            raise
        return set()
    return {f"{each['name']}.{_OPERATORS}" for each in json.loads(answer)["resources"]}
