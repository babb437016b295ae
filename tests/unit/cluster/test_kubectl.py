"""How `kubectl` is called, told by one that prints its arguments."""

import json
from pathlib import Path

import pytest

from cluster.kubectl import Kubectl


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    """One that answers with its arguments as the only item, whatever it is asked."""
    program = tmp_path / "kubectl"
    program.write_text('#!/bin/sh\nprintf \'{"items": ["%s"]}\' "$*"\n')
    program.chmod(0o755)
    return Kubectl("prod", {"PATH": f"{tmp_path}:/bin:/usr/bin"})


def test_no_question_waits_for_an_answer_without_an_end(
    kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", kubectl.environment["PATH"])
    assert kubectl.get("pods", "--namespace=here") == [
        "--context=prod get pods --namespace=here --output=json --request-timeout=30s"
    ]
    asked = json.loads(kubectl.run("delete", "jobs", "a"))["items"]
    assert asked == ["--context=prod delete jobs a --request-timeout=30s"]


def test_a_way_to_a_port_stays_open_as_long_as_it_is_needed(kubectl: Kubectl) -> None:
    command = kubectl.command("port-forward", "service/a", ":4222")
    assert command == ["kubectl", "--context=prod", "port-forward", "service/a", ":4222"]
