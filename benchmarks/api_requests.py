"""How many requests the API server answers, and how many of them an engine has sent.

Controllers and simulated nodes send most of them. So the engine gets a user of its own, whose
requests the API server counts apart, by a FlowSchema. Neither it nor the others are slowed down.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sandbox.cluster import Cluster

_USER = "engine"
_FLOW_SCHEMA = {
    "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
    "kind": "FlowSchema",
    "metadata": {"name": _USER},
    "spec": {
        "matchingPrecedence": 2,
        "priorityLevelConfiguration": {"name": "exempt"},
        "rules": [
            {
                "subjects": [{"kind": "User", "user": {"name": _USER}}],
                "resourceRules": [
                    {
                        "verbs": ["*"],
                        "apiGroups": ["*"],
                        "resources": ["*"],
                        "clusterScope": True,
                        "namespaces": ["*"],
                    }
                ],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }
        ],
    },
}
_OF_THE_ENGINE = re.compile(
    rf'^apiserver_flowcontrol_dispatched_requests_total{{flow_schema="{_USER}",.*}} (\S+)$', re.M
)
_OF_ALL = re.compile(r"^apiserver_request_total{.*} (\S+)$", re.M)


@dataclass(frozen=True)
class Requests:
    """So many since the API server was started, or between two moments."""

    engine: int
    """Of the engines, their plugins and their programs."""
    all: int
    """With those of controllers, of the scheduler and of the simulated nodes."""

    @classmethod
    def so_far(cls, cluster: Cluster) -> "Requests":
        """Those that the API server has counted."""
        metrics = cluster.administrator.run("get", "--raw", "/metrics")
        counted = [sum(map(float, each.findall(metrics))) for each in (_OF_THE_ENGINE, _OF_ALL)]
        return cls(*map(int, counted))

    def __sub__(self, earlier: "Requests") -> "Requests":
        return Requests(self.engine - earlier.engine, self.all - earlier.all)


def as_engine(cluster: Cluster) -> Path:
    """A kubeconfig with which the administrator acts as the engine's user, who may do all."""
    administrator = cluster.administrator
    administrator.run("apply", "--filename=-", stdin=json.dumps(_FLOW_SCHEMA))
    administrator.run(
        "create", "clusterrolebinding", _USER, "--clusterrole=cluster-admin", f"--user={_USER}"
    )
    reader: Any = YAML(typ="safe")
    content = reader.load(cluster.layout.kubeconfig)
    for each in content["users"]:
        each["user"]["as"] = _USER
    file = cluster.layout.kubeconfig.with_name("kubeconfig-of-the-engine")
    file.write_text(json.dumps(content))
    return file
