"""The `kubectl` program on PATH, asked for objects as the API server has them."""

import json
import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

# Without this, kubectl waits forever for an API server that accepts a connection and says nothing.
_PATIENCE = "--request-timeout=30s"

LiveObject = dict[str, Any]
"""An object as the API server has it."""


class ClusterError(Exception):
    """kubectl is missing or failed; the text is its own."""

    @property
    def is_forbidden(self) -> bool:
        """Whether it failed only for lack of a right."""
        return "forbidden" in str(self).lower()


@dataclass(frozen=True)
class Kubectl:
    """Runs `kubectl` in one context: that of the stack, or the current one."""

    context: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cluster: str | None = None
    """Another cluster than the context's."""

    def get(self, *question: str) -> list[LiveObject]:
        """The objects that `kubectl get` finds.

        Raises:
            ClusterError: it is missing, was refused, or got no answer in time.
        """
        said = self.run("get", *question, "--output=json")
        try:
            _List.model_validate_json(said)
            # null is how the API server may write that a field is not there.
            return _without_nulls(json.loads(said))["items"]
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, details["loc"]))
            raise ClusterError(
                f"kubectl get printed no list of objects in JSON ({where}: {details['msg']})"
            ) from None

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What `kubectl` prints.

        Raises:
            ClusterError: it is missing, was refused, or got no answer in time.
        """
        try:
            answer = subprocess.run(
                self.command(*arguments, _PATIENCE),
                env=dict(self.environment), input=stdin.encode(), capture_output=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise ClusterError("there is no kubectl on PATH") from None
        except OSError as error:
            raise ClusterError(f"kubectl on PATH cannot be run ({error.strerror})") from None
        if answer.returncode != 0:
            said = answer.stderr.decode(errors="replace").strip().splitlines()
            raise ClusterError((said or ["kubectl failed"])[-1])
        try:
            return answer.stdout.decode()
        except UnicodeDecodeError as error:
            raise ClusterError(f"kubectl printed bytes that are not UTF-8 ({error})") from None

    def command(self, *arguments: str) -> list[str]:
        """The command line, for callers that run it differently."""
        where = {"context": self.context, "cluster": self.cluster}
        return [
            "kubectl",
            *(f"--{option}={value}" for option, value in where.items() if value),
            *arguments,
        ]


class _Metadata(BaseModel):
    name: str


class _Object(BaseModel):
    apiVersion: str
    kind: str
    metadata: _Metadata


class _List(BaseModel):
    items: list[_Object]


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            items = cast("dict[str, Any]", value).items()
            return {key: _without_nulls(each) for key, each in items if each is not None}
        case list():
            return [_without_nulls(each) for each in cast("list[Any]", value)]
        case _:
            return value


@contextmanager
def as_the_plugin(
    setting: Mapping[str, str | None], environment: Mapping[str, str]
) -> Generator[Kubectl]:
    """A `Kubectl` for the cluster that the Kubernetes plugin deploys to.

    Args:
        setting: the plugin's settings in the stack's configuration. `kubeconfig`, a path or the
            text itself, overrides KUBECONFIG of the environment; `context` overrides the current
            one, and `cluster` that of the context.
        environment: of the command. If `kubeconfig` is a text, a temporary file holds it, which
            only this user can read.
    """
    kubeconfig = setting.get("kubeconfig")
    with tempfile.NamedTemporaryFile("w", prefix="kubeconfig-") as file:
        if kubeconfig:
            path = Path(kubeconfig).expanduser()
            if not _is_file(path):
                file.write(kubeconfig)
                file.flush()
                path = file.name
            environment = {**environment, "KUBECONFIG": str(path)}
        yield Kubectl(setting.get("context"), environment, setting.get("cluster"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text that is too long for a name
        return False
