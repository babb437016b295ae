"""A cluster that answers `verify` as a test says."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster.kubectl import ClusterError, Kubectl

Objects = list[dict[str, Any]]
SIMULATED = {"metadata": {"name": "fake", "annotations": {"kwok.x-k8s.io/node": "fake"}}}
"""A node of kwok's."""


class Cluster:
    """A cluster that answers as its attributes say."""

    def __init__(self) -> None:
        self.nodes: Objects | str = [{"metadata": {"name": "real"}}]
        self.forward = "no such service"
        self.is_ready = True
        self.refused: dict[str, str] = {}
        """Words in a kubectl command → the error that it prints."""
        self.condition: dict[str, str] = {"type": "Complete", "status": "True"}
        self.ports: dict[int, int] = {}
        """A server's ports → those of this machine that lead there; without any, `forward` is the
        error."""
        self.made: Objects = []
        """All Jobs that were created."""
        self._jobs: Objects = []

    def stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer instead of kubectl."""

        def get(_: Kubectl, *question: str) -> Objects:
            return self.get(*question)

        def run(_: Kubectl, *arguments: str, stdin: str = "") -> str:
            return self.run(*arguments, stdin=stdin)

        monkeypatch.setattr(Kubectl, "get", get)
        monkeypatch.setattr(Kubectl, "run", run)
        monkeypatch.setattr("operations.verification.command.forwarded", self.forwarded)

    def get(self, kind: str, *question: str) -> Objects:
        for words, refusal in self.refused.items():
            if words in " ".join([kind, *question]):
                raise ClusterError(refusal)
        if isinstance(self.nodes, str) and kind == "nodes":
            raise ClusterError(self.nodes)
        conditions = [{"type": "Ready", "status": str(self.is_ready)}]
        answers: dict[str, Objects] = {
            "nodes": [] if isinstance(self.nodes, str) else self.nodes,
            "deployments,services": [],
            "pods": [{"metadata": {}, "status": {"conditions": conditions}}],
            "jobs": [{**each, "status": {"conditions": [self.condition]}} for each in self._jobs],
        }
        return answers[kind]

    def run(self, verb: str, *_: str, stdin: str = "") -> str:
        if verb in self.refused:
            raise ClusterError(self.refused[verb])
        self._jobs = json.loads(stdin)["items"] if stdin else []
        self.made += self._jobs
        return ""

    @contextmanager
    def forwarded(self, *_: object) -> Generator[dict[int, int]]:
        if not self.ports:
            raise ClusterError(self.forward)
        yield self.ports
