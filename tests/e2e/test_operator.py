"""A member of a cell as the Pulumi Kubernetes Operator deploys it, on the real engine and cluster.

The operator itself is not here. What is: the folder as its pod has it after the init container
`settings`, the commands that its agent gives the engine (`stack select`, `stack init`, `up`, all
without --config-file), and the account of its pods, with the rights of deploy/rbac.yaml.
"""

import itertools
import json
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cell.fingerprint import PREFIX, fingerprints
from operations.shards.stack_objects import Source, Workspace, stack_objects
from sandbox.layout import PROJECT
from tenancy.cells import Member
from tenancy.names import mark_name
from tests.access import Access
from tests.e2e.cell import CELL, Cell
from tests.e2e.project import Project, Target

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Pod:
    """What a workspace pod of the operator has, for one cell."""

    cell: Cell
    account: Path
    """Where the kubelet puts the service account's token."""
    server: str

    def prepare(self, shard: str | None) -> Project:
        """Run the init container of a member; the member as the engine sees it afterwards."""
        member = Member(cell=CELL, shard=shard)
        settings = self._container(member)
        kubeconfig = self.cell.any.folder / "kubeconfig"
        where = urlsplit(self.server)
        environment = {
            **self.cell.any.env,
            **{each["name"]: each["value"] for each in settings["env"]},
            "KUBECONFIG": str(kubeconfig),
            "KUBERNETES_SERVICE_HOST": str(where.hostname),
            "KUBERNETES_SERVICE_PORT": str(where.port),
            "SERVICE_ACCOUNT_FOLDER": str(self.account),
        }
        program, *arguments = settings["command"]
        subprocess.run(
            [PROJECT / "deploy" / "operator" / program, *arguments],
            cwd=self.cell.any.folder, env=environment, check=True, capture_output=True,
        )  # fmt: skip
        made = Project.__new__(Project)
        made.__dict__ |= self.cell.any.__dict__
        made.stack = member.stack
        made.env = {**self.cell.any.env, "KUBECONFIG": str(kubeconfig)}
        return made

    def _container(self, member: Member) -> dict[str, Any]:
        workspace = Workspace(
            namespace="deploy",
            service_account="deployer",
            image="image",
            secret="tenant-nats",
            variables=(),
            backend="s3://state",
            context=self.cell.any.target.context,
        )
        [made] = stack_objects({member: "0" * 40}, Source(repository="https://x/y"), workspace)
        template = made["spec"]["workspaceTemplate"]["spec"]["podTemplate"]
        [settings] = template["spec"]["initContainers"]
        return settings


@pytest.fixture
def pod(access: Access, target: Target, dsn: str, tmp_path: Path, worker_id: str) -> Generator[Pod]:
    namespace = f"e2e-operator-{worker_id}-{next(_NUMBERS)}"
    rights = (PROJECT / "deploy" / "rbac.yaml").read_text().replace("vrsky-tenants", namespace)
    access.apply(rights)
    cell = Cell(target, tmp_path / "cell", namespace=namespace, dsn=dsn)
    cell.configure({"namespaceMode": "existing"})
    config = json.loads(
        access.run("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    )
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    token = access.run("create", "token", "deployer", f"--namespace={namespace}-deploy")
    (folder / "token").write_text(token.strip())
    (folder / "namespace").write_text(f"{namespace}-deploy")
    server = config["clusters"][0]["cluster"]
    authority = subprocess.run(
        ["base64", "--decode"], input=server["certificate-authority-data"].encode(),
        capture_output=True, check=True,
    )  # fmt: skip
    (folder / "ca.crt").write_bytes(authority.stdout)
    yield Pod(cell, folder, server["server"])
    cell.any.remove()
    access.ask("delete", "--ignore-not-found", "--wait=false", "--filename=-", stdin=rights)


def test_the_engine_reads_the_cells_settings_and_secrets_without_being_told_where(pod: Pod) -> None:
    cell = pod.cell
    cell.write("001", "acme")
    file = cell.any.folder / f"Pulumi.{CELL}.yaml"
    base = pod.prepare(None)
    base.pulumi("stack", "init")
    # A person stores the secret in the file of the cell; no member has been deployed with it yet.
    cell.any.pulumi(
        "config", "set", "--secret", "databaseUrl", f"--config-file={file.name}", stdin=cell.any.dsn
    )
    del cell.any.env["DATABASE_URL"]
    before = file.read_bytes()
    assert cell.any.dsn.encode() not in before
    run = pod.prepare(None).up()
    assert not run.failed, run.output
    shard = pod.prepare("001")
    shard.pulumi("stack", "init")
    run = shard.up("--continue-on-error")
    assert not run.failed, run.output
    assert cell.any.rows() == [("acme", 1, "active")]
    # As in another pod: only what is in git, and the state.
    for name in (None, "001"):
        again = pod.prepare(name)
        again.pulumi("stack", "select")
        run = again.up("--continue-on-error")
        assert not run.failed, run.output
        assert run.changes == []
    assert file.read_bytes() == before


def test_a_member_that_the_operator_deployed_is_not_due_for_people_and_ci(pod: Pod) -> None:
    """The engine writes the salt of a new stack into the settings it reads; that is a copy."""
    cell = pod.cell
    cell.write("001", "acme")
    file = cell.any.folder / f"Pulumi.{CELL}.yaml"
    content = json.loads(file.read_text())
    del content["encryptionsalt"]
    file.write_text(json.dumps(content))
    for name in (None, "001"):
        member = pod.prepare(name)
        member.pulumi("stack", "init")
        assert "encryptionsalt" in (cell.any.folder / f"Pulumi.{member.stack}.yaml").read_text()
        run = member.up()
        assert not run.failed, run.output
        [mark] = [
            each["metadata"]["annotations"]
            for each in cell.any.objects("configmaps")
            if each["metadata"]["name"] == mark_name(name or "base")
        ]
        expected = fingerprints(Member(cell=CELL, shard=name), cell.any.folder)
        assert {what: mark[f"{PREFIX}{what}"] for what in expected} == expected
    assert json.loads(file.read_text()) == content
