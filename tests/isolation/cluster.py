"""Objects at the real API server: given to it, and read back as it holds them."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from tests.e2e.project import Target

Object = Mapping[str, Any]


def kubectl(target: Target, *arguments: str, stdin: str = "") -> str:
    """Run kubectl; returns what it prints."""
    return subprocess.run(
        [target.kubectl, "--kubeconfig", target.kubeconfig, *arguments],
        input=stdin, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def as_list(objects: Iterable[Object]) -> str:
    """Many objects as one, as `kubectl -f` and the analyser read them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def held(target: Target, *arguments: str) -> list[Object]:
    """What `kubectl get` with these arguments finds."""
    return json.loads(kubectl(target, "get", *arguments, "-o", "json"))["items"]
