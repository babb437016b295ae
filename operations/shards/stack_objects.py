"""What the Pulumi Kubernetes Operator is told: a Stack object for each member of a cell.

The fields are those of the operator's version 2 (`pulumi.com/v1`). It runs `pulumi up` of a member
in a pod of its own, the workspace, when the member's Stack object changes: so what is written here
changes with the member and with nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenancy.cells import Member

Manifest = dict[str, Any]

DATABASE_URL = "DATABASE_URL"
PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105  (the name of a variable)
TOKEN = "PULUMI_ACCESS_TOKEN"  # noqa: S105
LABEL_CELL, LABEL_MEMBER = "tenant-nats/cell", "tenant-nats/member"

_WORKSPACE = "/share/workspace"
"""Where the operator puts the project's folder of the commit."""
_KUBECONFIG = "/share/kubeconfig"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the operator gets the program, the inventory and the settings from."""

    repository: str
    """A URL that a pod can clone."""
    folder: str = ""
    """The project's folder in it; empty for the repository's root."""
    key: str | None = None
    """The key of the Secret that has the token, or the private key, to clone with."""

    @property
    def is_ssh(self) -> bool:
        """Whether it is cloned with a private key."""
        return not self.repository.startswith(("http://", "https://"))


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """In what `pulumi up` of a member runs."""

    namespace: str
    """That of the Stack objects, of their Secret and of the pods; not that of the servers."""
    service_account: str
    image: str
    secret: str
    """The name of the Secret that has the values of `variables`."""
    variables: Sequence[str]
    """The environment variables that are keys of the Secret."""
    backend: str | None
    """The URL of the state; None for Pulumi Cloud."""
    organization: str | None = None
    context: str | None = None
    """The context of kubectl that the settings name."""


def stack_objects(
    commits: Mapping[Member, str], source: Source, workspace: Workspace
) -> list[Manifest]:
    """The Stack object of each member, the base first.

    Args:
        commits: what each member is deployed from.
        source: the same for all.
        workspace: the same for all.
    """
    members = sorted(commits, key=lambda member: (member.shard is not None, member.name))
    return [_stack(member, commits[member], source, workspace) for member in members]


def _stack(member: Member, commit: str, source: Source, workspace: Workspace) -> Manifest:
    return {
        "apiVersion": "pulumi.com/v1",
        "kind": "Stack",
        "metadata": {
            "name": member.stack,
            "namespace": workspace.namespace,
            "labels": {LABEL_CELL: member.cell, LABEL_MEMBER: member.name},
        },
        "spec": {
            "stack": "/".join(filter(None, (workspace.organization, member.stack))),
            **({"backend": workspace.backend} if workspace.backend else {}),
            "projectRepo": source.repository,
            **({"repoDir": source.folder} if source.folder else {}),
            **_authentication(source, workspace.secret),
            # Never a branch: each commit on it would run every Stack, whatever it is about.
            "commit": commit,
            **({"prerequisites": [{"name": member.base}]} if member.shard else {}),
            "envRefs": _environment(workspace),
            # Who deletes a Stack object deletes no tenant.
            "destroyOnFinalize": False,
            "workspaceReclaimPolicy": "Delete",
            "serviceAccountName": workspace.service_account,
            # As `make deploy` has it: what one tenant lacks holds up no other.
            "updateTemplate": {"spec": {"continueOnError": True}},
            "workspaceTemplate": {"spec": _workspace(member, workspace)},
        },
    }


def _environment(workspace: Workspace) -> Manifest:
    found = {name: _secret(workspace.secret, name) for name in workspace.variables}
    if workspace.context:
        found["KUBECONFIG"] = {"type": "Literal", "literal": {"value": _KUBECONFIG}}
    return {name: found[name] for name in sorted(found)}


def _authentication(source: Source, secret: str) -> Manifest:
    if source.key is None:
        return {}
    reference = _secret(secret, source.key)
    if source.is_ssh:
        return {"gitAuth": {"sshAuth": {"sshPrivateKey": reference}}}
    return {"gitAuth": {"accessToken": reference}}


def _secret(name: str, key: str) -> Manifest:
    # The API server takes any text for a type, and the operator none but Env, FS, Literal, Secret.
    return {"type": "Secret", "secret": {"name": name, "key": key}}


def _workspace(member: Member, workspace: Workspace) -> Manifest:
    return {
        "image": workspace.image,
        "securityProfile": "restricted",
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}},
        "podTemplate": {
            "spec": {
                # deploy/rbac.yaml has it off, for every other pod.
                "automountServiceAccountToken": True,
                "initContainers": [_settings(member, workspace)],
                # The API server asks for it. The operator adds to the container of this name.
                "containers": [{"name": "pulumi"}],
            }
        },
    }


def _settings(member: Member, workspace: Workspace) -> Manifest:
    """What gives the member the cell's settings, since the operator has no `--config-file`.

    It runs after the operator's own containers, which fetch the commit.
    """
    environment = {"env": [{"name": "KUBECONFIG", "value": _KUBECONFIG}]}
    return {
        "name": "settings",
        "image": workspace.image,
        "command": [
            "prepare-workspace",
            str(member.settings_file),
            f"Pulumi.{member.stack}.yaml",
            *([workspace.context] if workspace.context else []),
        ],
        "workingDir": _WORKSPACE,
        **(environment if workspace.context else {}),
        "volumeMounts": [{"name": "share", "mountPath": "/share"}],
        # The operator puts these on its own containers only.
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
