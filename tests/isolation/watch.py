"""Watches pods and policies at the API server, and misses nothing between its first and last."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.project import Target
from tests.isolation.cluster import Object, as_list, kubectl
from tests.isolation.moments import Event

_PATHS = {
    "Pod": "/api/v1/pods",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
}
_LAST = "end-of-watch"
_SECONDS = 60


class Watch:
    """All changes of pods and policies from the moment it is made until `events` is called."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        version = self.now()
        # Whatever happens after `version` is told, however late the watch begins.
        self._watches = [
            self._begin(kind, f"{path}?watch=true&resourceVersion={version}")
            for kind, path in _PATHS.items()
        ]

    def now(self) -> int:
        """The resourceVersion of this moment."""
        pods = json.loads(kubectl(self._target, "get", "--raw", f"{_PATHS['Pod']}?limit=1"))
        return int(pods["metadata"]["resourceVersion"])

    def _begin(self, kind: str, path: str) -> subprocess.Popen[bytes]:
        with (self._folder / kind).open("wb") as file:
            return subprocess.Popen(
                [self._target.kubectl, "--kubeconfig", self._target.kubeconfig,
                 "get", "--raw", path],
                stdin=subprocess.DEVNULL, stdout=file,
            )  # fmt: skip

    def events(self, namespace: str) -> list[Event]:
        """End the watch; all that happened in `namespace` meanwhile."""
        lasts = as_list(_last(kind) for kind in _PATHS)
        kubectl(self._target, "create", "-f", "-", stdin=lasts)
        deadline = time.monotonic() + _SECONDS
        while not all(self._has_seen_the_last(kind) for kind in _PATHS):
            assert time.monotonic() < deadline, "the watch does not see its last object"
            time.sleep(0.1)
        kubectl(self._target, "delete", "--wait=false", "-f", "-", stdin=lasts)
        self.end()
        return [
            Event(int(each["object"]["metadata"]["resourceVersion"]), each["type"], each["object"])
            for kind in _PATHS
            for each in self._said(kind)
            if each["object"]["metadata"]["namespace"] == namespace
        ]

    def end(self) -> None:
        """End the watching processes."""
        for process in self._watches:
            process.kill()
            process.wait()

    def _has_seen_the_last(self, kind: str) -> bool:
        return any(each["object"]["metadata"]["name"] == _LAST for each in self._said(kind))

    def _said(self, kind: str) -> Iterator[Object]:
        """What the API server has said, one event a line; the last may not be whole yet."""
        *lines, _ = (self._folder / kind).read_text().split("\n")
        for line in lines:
            event = json.loads(line)
            assert event["type"] in ("ADDED", "MODIFIED", "DELETED"), line
            # What is in a watch of one kind need not say its kind.
            event["object"]["kind"] = kind
            yield event


def _last(kind: str) -> Object:
    """An object of this kind that hurts nobody: what the watch sees last."""
    metadata = {"name": _LAST, "namespace": "default", "labels": {"app": _LAST}}
    if kind == "Pod":
        spec: Object = {"containers": [{"name": "main", "image": "example"}]}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
    spec = {"podSelector": {"matchLabels": {"app": _LAST}}, "policyTypes": ["Ingress"]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
