"""Jobs that show from inside a cluster who is admitted to a server, and who is not.

Each connects from a pod that has a tenant's label, and succeeds if the server admits or refuses it
as it should. A stranger's Job first resolves the server's address, so that a pod without a network
does not count as refused.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cluster.kubectl import ClusterError, Kubectl, LiveObject
from tenancy.defaults import USER
from tenancy.names import CLIENT_PORT, TENANT_LABEL

_LABELS = {
    "app.kubernetes.io/name": "verify",
    "app.kubernetes.io/part-of": "tenant-nats",
    "app.kubernetes.io/component": "verify",
}
_ISTIO = "sidecar.istio.io/inject"
_NO_SIDECAR = {_ISTIO: "false", "linkerd.io/inject": "disabled"}
"""A mesh's sidecar would keep the pod of a Job running, and would answer for a closed port. Istio
reads a label, older versions an annotation; Linkerd reads an annotation."""
_SELECTOR = ",".join(f"{key}={value}" for key, value in _LABELS.items())
_SECONDS = 60
_GRACE_SECONDS = 1
"""How long the pod of a Job past its limit gets to end: `sh` as a container's first process ignores
SIGTERM, and with the usual 30 seconds the Job would be `Failed` that much later."""
_PATIENCE_SECONDS = _SECONDS + _GRACE_SECONDS + 15
"""How long to wait for a Job: its limit, its pod's grace, and some time for the controllers."""
_KEPT_SECONDS = 300
"""How long Kubernetes keeps a finished Job, in case this program dies before it removes it."""
# `timeout`, since busybox's nc may block in a read when grep has ended, which `-w` does not bound.
# That was seen with an enforcer that rejects instead of dropping (kube-router).
_INFO = f"(sleep 2) | timeout 8 nc -w 5 $HOST {CLIENT_PORT} | grep -q '^INFO '"
# Without nc nobody would be admitted, which would look like a refusal.
_TOOLS = "for tool in nc grep timeout; do command -v $tool >/dev/null || exit; done"
# Some network plugins take seconds to admit a pod by its label: one refusal proves nothing.
_ADMITTED = f"{_TOOLS}; for attempt in 1 2 3 4; do {_INFO} && exit; sleep 1; done; exit 1"
_REFUSED = f"{_TOOLS}; timeout 20 nslookup $HOST >/dev/null && ! {{ {_INFO}; }}"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One Job."""

    name: str
    host: str
    """The server's address, without the port."""
    tenant: str
    """Whose label its pod has."""
    is_admitted: bool
    """Whether it should reach the server."""


@dataclass(frozen=True, kw_only=True)
class Pods:
    """What the pods of Jobs have as those of the stack's servers do, in Kubernetes' own form."""

    run_as_user: int | None = USER
    """The user and group; None leaves both to the platform."""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Beside their own."""
    node_selector: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tolerations: Sequence[Mapping[str, Any]] = ()
    image_pull_secrets: Sequence[str] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a pod that they fill; none of the others."""
        said: dict[str, Any] = {
            "nodeSelector": dict(self.node_selector),
            "tolerations": [dict(each) for each in self.tolerations],
            "imagePullSecrets": [{"name": name} for name in self.image_pull_secrets],
        }
        return {name: value for name, value in said.items() if value}


ORDINARY = Pods()
"""Those of a stack that says nothing of its pods."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a probe did not succeed."""

    words: str
    has_run: bool
    """Whether its pod ran to its end; if not, the probe says nothing about the server."""


_UNENDED = Problem(
    words=f"the Job did not end within {_PATIENCE_SECONDS} s, though its own limit is "
    f"{_SECONDS} s: does the Job controller run? `kubectl get events` may say",
    has_run=False,
)
_CUT_OFF = Problem(
    words=f"the pod of the Job ran, but did not end within the Job's {_SECONDS} s: it started "
    "late, or its network hangs; run this again",
    has_run=False,
)
_UNRUN = Problem(
    words="no pod of the Job ran to its end: the image, a quota or an admission policy; `kubectl "
    "get events` says which",
    has_run=False,
)


def job(
    probe: Probe, *, image: str, service_account: str | None = None, pods: Pods = ORDINARY
) -> LiveObject:
    """The Job of a probe: what Pod Security `restricted` admits, and no more than it needs.

    Args:
        probe: what to show.
        image: one that has a shell, `nc`, `nslookup`, `grep` and `timeout`: the servers' own alpine
            image.
        service_account: of its pod; an admission policy may ask for a certain one.
        pods: what its pod has as those of the stack's servers do.
    """
    labels = {**pods.labels, TENANT_LABEL: probe.tenant, **_LABELS}
    user = pods.run_as_user
    resources = {"cpu": "50m", "memory": "32Mi"}
    container: dict[str, Any] = {
        "name": "probe",
        "image": image,
        "command": ["sh", "-c", _ADMITTED if probe.is_admitted else _REFUSED],
        "env": [{"name": "HOST", "value": probe.host}],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            **({} if user is None else {"runAsUser": user, "runAsGroup": user}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        **pods.fields,
    }
    if service_account:
        pod["serviceAccountName"] = service_account
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": probe.name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": {**labels, _ISTIO: "false"}, "annotations": _NO_SIDECAR},
                "spec": pod,
            },
        },
    }


def run(kubectl: Kubectl, namespace: str, jobs: Sequence[LiveObject]) -> dict[str, Problem]:
    """Run these Jobs at once and remove them, whatever happens.

    Returns:
        What is wrong, by the Job's name; those that ended well are not in it.

    Raises:
        ClusterError: kubectl was refused.
    """
    names = [each["metadata"]["name"] for each in jobs]
    where = f"--namespace={namespace}"
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(jobs)})
    try:
        kubectl.run("create", where, "--filename=-", stdin=manifest)
        until = time.monotonic() + _PATIENCE_SECONDS
        started: set[str] = set()
        while True:
            states: dict[str, Problem | None] = dict.fromkeys(names, _UNENDED)
            for each in kubectl.get("jobs", where, f"--selector={_SELECTOR}"):
                name = each["metadata"]["name"]
                # Seen now, since a Job that is cut off deletes its pod and counts it as failed,
                # whether it ran or not.
                if each.get("status", {}).get("ready"):
                    started.add(name)
                states[name] = problem_of(each, has_started=name in started)
            wrong = {name: problem for name in names if (problem := states[name])}
            if _UNENDED not in wrong.values() or time.monotonic() > until:
                return wrong
            time.sleep(1)
    finally:
        # If this fails, Kubernetes removes them later; an earlier error is the one to report.
        with suppress(ClusterError):
            kubectl.run("delete", "jobs", where, "--ignore-not-found", "--wait=false", *names)


def problem_of(live: LiveObject, *, has_started: bool = False) -> Problem | None:
    """Why a Job has not succeeded, by its conditions; None if it has.

    Args:
        live: the Job, as the cluster has it.
        has_started: whether its pod was seen to run.
    """
    conditions = live.get("status", {}).get("conditions", ())
    ended = {each["type"]: each for each in conditions if each["status"] == "True"}
    # Newer clusters say how a Job will end while its pod is still ending.
    if "Complete" in ended or "SuccessCriteriaMet" in ended:
        return None
    if failed := ended.get("Failed") or ended.get("FailureTarget"):
        if failed.get("reason", "") == "DeadlineExceeded":
            return _CUT_OFF if has_started else _UNRUN
        # Also for a stranger: a pod that cannot resolve the address does not prove a refusal.
        words = (
            "the Job failed: its pod saw the contrary, did not find the address, or lacks nc, "
            "nslookup, grep or timeout"
        )
        return Problem(words=words, has_run=True)
    return _UNENDED
