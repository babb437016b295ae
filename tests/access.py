"""A way to an API server, for whoever its kubeconfig says: the administrator or somebody less."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Access:
    """kubectl, and as whom it goes where."""

    kubectl: str
    kubeconfig: str
    context: str

    def ask(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl; a refusal is told by the result."""
        return subprocess.run(
            [self.kubectl, f"--kubeconfig={self.kubeconfig}", f"--context={self.context}",
             *arguments],
            input=stdin, capture_output=True, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl; what it prints."""
        answer = self.ask(*arguments, stdin=stdin)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def apply(self, objects: Iterable[dict[str, Any]] | str) -> None:
        """Create or change objects, given as JSON or as the text of a manifest."""
        text = objects if isinstance(objects, str) else listed(objects)
        self.run("apply", "--filename=-", stdin=text)

    def new_namespace(self, name: str, **labels: str) -> str:
        """Make a namespace in which pods can be made: its service account is there."""
        metadata = {"name": name, "labels": labels}
        self.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}])
        self.run("wait", "--for=create", f"--namespace={name}", "serviceaccount/default",
                 "--timeout=60s")  # fmt: skip
        return name

    def as_account(self, namespace: str, name: str, folder: Path) -> "Access":
        """The same API server for a service account, with nothing but a token of its own."""
        token = self.run("create", "token", name, f"--namespace={namespace}", "--duration=1h")
        config = json.loads(
            self.run("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        )
        config["users"] = [{"name": "account", "user": {"token": token.strip()}}]
        config["contexts"][0]["context"]["user"] = "account"
        file = folder / f"{namespace}-{name}.json"
        file.write_text(json.dumps(config))
        file.chmod(0o600)
        return replace(self, kubeconfig=str(file))


def listed(objects: Iterable[dict[str, Any]]) -> str:
    """Objects as one manifest."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
