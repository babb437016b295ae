"""Stack objects of the Pulumi Kubernetes Operator, as far as an API server without it can tell.

Its CRDs are no part of this repository. The pod is the one that its version 2.9 makes of a Stack
object, with the containers of its own left out, which it keeps to Pod Security `restricted` itself.
"""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from operations.__main__ import app
from sandbox.layout import PROJECT
from tests.access import Access
from tests.unit.operations.shards.repository import Repository

NAMES = ("no", "y", "on", "true", "null", "007", "0b11", "1e5")
"""Names of shards that YAML 1.1, which kubectl reads, takes for something else than text."""


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    repository = Repository(tmp_path)
    repository.push(**{f"inventory/eu/{name}.yaml": "1" for name in NAMES})
    monkeypatch.chdir(repository.folder)
    result = CliRunner().invoke(
        app,
        ["shards", "--format=operator", "--image=workspace:1", "--backend=s3://state",
         "--repository=https://github.com/example/platform"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return result.stdout


def test_kubectl_reads_every_label_as_text(access: Access, printed: str) -> None:
    """As ConfigMaps, which every API server has."""
    heads = "\n---\n".join(each.partition("\nspec:\n")[0] for each in printed.split("---\n"))
    as_configuration = (
        heads.replace("apiVersion: pulumi.com/v1", "apiVersion: v1")
        .replace("kind: Stack", "kind: ConfigMap")
        .replace("namespace: vrsky-tenants-deploy", "namespace: default")
    )
    answer = access.ask(
        "apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=as_configuration
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("created (server dry run)") == len(NAMES) + 4


def test_the_pod_of_a_workspace_is_admitted_where_deployers_live(
    access: Access, printed: str
) -> None:
    namespace = access.new_namespace(
        "workspaces", **{"pod-security.kubernetes.io/enforce": "restricted"}
    )
    [first, *_] = YAML(typ="safe").load_all(printed)
    template = first["spec"]["workspaceTemplate"]["spec"]["podTemplate"]["spec"]
    image = first["spec"]["workspaceTemplate"]["spec"]["image"]
    closed = template["initContainers"][0]["securityContext"]
    spec = template | {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{"name": "pulumi", "image": image, "securityContext": closed}],
        "volumes": [{"name": "share", "emptyDir": {}}],
    }
    metadata = {"name": "eu-base-workspace-0", "namespace": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    command = ("create", "--dry-run=server", "--validate=strict", "--filename=-")
    answer = access.ask(*command, stdin=json.dumps(pod))
    assert answer.returncode == 0, answer.stderr
    del template["initContainers"][0]["securityContext"]
    refused = access.ask(*command, stdin=json.dumps(pod))
    assert 'violates PodSecurity "restricted' in refused.stderr
    assert 'container "settings"' in refused.stderr


def test_the_rights_of_the_operators_pods_are_valid(access: Access) -> None:
    file = PROJECT / "deploy" / "operator" / "rbac.yaml"
    answer = access.ask("apply", "--dry-run=server", "--validate=strict", f"--filename={file}")
    assert answer.returncode == 0, answer.stderr
