"""How `kubectl` is called, shown by a stand-in that prints its arguments."""

import json
from pathlib import Path

import pytest

from cluster.kubectl import Kubectl


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    """A `kubectl` that answers everything with its arguments as the only item."""
    program = tmp_path / "kubectl"
    item = '{"apiVersion": "v1", "kind": "Arguments", "metadata": {"name": "%s"}}'
    program.write_text(f'#!/bin/sh\nprintf \'{{"items": [{item}]}}\' "$*"\n')
    program.chmod(0o755)
    return Kubectl("prod", {"PATH": f"{tmp_path}:/bin:/usr/bin"})


def test_every_request_has_a_timeout(kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", kubectl.environment["PATH"])
    [asked] = kubectl.get("pods", "--namespace=here")
    arguments = "--context=prod get pods --namespace=here --output=json --request-timeout=30s"
    assert asked["metadata"]["name"] == arguments
    [asked] = json.loads(kubectl.run("delete", "jobs", "a"))["items"]
    assert asked["metadata"]["name"] == "--context=prod delete jobs a --request-timeout=30s"


def test_a_forwarded_port_has_no_timeout(kubectl: Kubectl) -> None:
    command = kubectl.command("port-forward", "service/a", ":4222")
    assert command == ["kubectl", "--context=prod", "port-forward", "service/a", ":4222"]
