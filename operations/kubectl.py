"""The `kubectl` program on PATH, asked for objects as the API server has them."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# An API server that accepts a connection and never answers would be waited for without an end.
_PATIENCE = "--request-timeout=30s"

LiveObject = dict[str, Any]
"""An object as the API server has it."""


class ClusterError(Exception):
    """kubectl is not there, or was refused: its own words."""

    @property
    def is_forbidden(self) -> bool:
        """Whether all that is missing is a right."""
        return "forbidden" in str(self).lower()


@dataclass(frozen=True)
class Kubectl:
    """Runs `kubectl` in one context: that of the stack, or the current one."""

    context: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def get(self, *question: str) -> list[LiveObject]:
        """The objects that `kubectl get` finds.

        Raises:
            ClusterError: it is not there, was refused, or got no answer in time.
        """
        return json.loads(self.run("get", *question, "--output=json"))["items"]

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What `kubectl` prints.

        Raises:
            ClusterError: it is not there, was refused, or got no answer in time.
        """
        try:
            answer = subprocess.run(
                self.command(*arguments, _PATIENCE),
                env=dict(self.environment), input=stdin, capture_output=True, text=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise ClusterError("there is no kubectl on PATH") from None
        if answer.returncode != 0:
            raise ClusterError((answer.stderr.strip().splitlines() or ["kubectl failed"])[-1])
        return answer.stdout

    def command(self, *arguments: str) -> list[str]:
        """The command line, for who runs it differently."""
        return ["kubectl", *([f"--context={self.context}"] if self.context else []), *arguments]
