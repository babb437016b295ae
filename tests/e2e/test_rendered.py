"""What `render` writes, on the real API server: it is taken as it is, and is what an `up` makes."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from sandbox.layout import PROJECT
from tests.e2e.conftest import NewProject
from tests.e2e.project import Target

SIZES = """\
sizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
"""
TENANTS = f"""\
tenants:
  acme: {{instances: 2, size: small, clients: {{namespaces: [acme-workers]}}}}
  "on": {{size: small, egress: open}}
  "007": {{size: small}}
  "1e3": {{size: small}}
{SIZES}"""


@pytest.fixture
def kubectl(target: Target) -> "Kubectl":
    """Runs kubectl."""
    return Kubectl(target)


@pytest.fixture
def namespace(kubectl: "Kubectl") -> Generator[str]:
    """The namespace that one test applies its files to; it is taken away in the end."""
    yield "e2e-rendered"
    kubectl("delete", "namespace", "e2e-rendered", "--ignore-not-found", "--wait=false")


class Kubectl:
    """kubectl on the cluster of this run."""

    def __init__(self, target: Target) -> None:
        self._command = [target.kubectl, "--kubeconfig", target.kubeconfig]

    def __call__(self, *arguments: str) -> str:
        answer = subprocess.run([*self._command, *arguments], capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout


def rendered(folder: Path, inventory: str, *, namespace: str) -> str:
    """The folder with the files for `inventory`, as the command line writes them."""
    (folder / "rendered.yaml").write_text(inventory)
    subprocess.run(
        [sys.executable, "-m", "operations", "render", folder / "manifests",
         "--inventory", folder / "rendered.yaml", "--set", f"namespace={namespace}"],
        cwd=PROJECT, check=True,
    )  # fmt: skip
    return str(folder / "manifests")


def test_files_are_applied_in_one_go_with_strict_validation_and_servers_become_ready(
    tmp_path: Path, kubectl: Kubectl, namespace: str
) -> None:
    folder = rendered(tmp_path, TENANTS, namespace=namespace)
    first = kubectl("apply", "--validate=strict", "-f", folder).splitlines()
    assert all(line.endswith(" created") for line in first)
    wait = ("wait", "--for=condition=Available", "--timeout=300s")
    assert len(kubectl("-n", namespace, *wait, "deployment", "--all").splitlines()) == 5
    second = kubectl("apply", "--validate=strict", "-f", folder).splitlines()
    assert [line for line in second if not line.endswith(" unchanged")] == []


def test_files_are_what_the_engine_has_made(
    tmp_path: Path, kubectl: Kubectl, new_project: NewProject
) -> None:
    inventory = f"tenants:\n  acme: {{size: small, clients: {{namespaces: [jobs]}}}}\n{SIZES}"
    project = new_project(inventory)
    run = project.up()
    assert not run.failed, run.output
    folder = rendered(tmp_path, inventory, namespace=project.namespace)
    kubectl("apply", "--dry-run=server", "--validate=strict", "-f", folder)
    # It exits with 1 and shows them when there are differences.
    assert kubectl("diff", "--server-side", "--force-conflicts", "-f", folder) == ""
