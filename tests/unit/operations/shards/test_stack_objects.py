"""The Stack objects: each field is one that the operator has, and says what it should."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from operations.shards.stack_objects import Manifest, Source, Workspace, stack_objects
from sandbox import toolchain
from sandbox.layout import PROJECT
from tenancy.cells import CELL, SHARD, Member

BASE, FIRST, LAST = (Member(cell="eu", shard=shard) for shard in (None, "001", "017"))
COMMITS = {LAST: "c" * 40, BASE: "a" * 40, FIRST: "b" * 40}
SOURCE = Source(repository="https://github.com/example/platform")
WORKSPACE = Workspace(
    namespace="eu-tenants-deploy",
    service_account="deployer",
    image="registry.example.com/workspace:1",
    secret="tenant-nats",
    variables=("DATABASE_URL", "PULUMI_CONFIG_PASSPHRASE"),
    backend="s3://my-state",
)
EVERYTHING = replace(WORKSPACE, organization="example", context="my-cluster")

SECRET: dict[str, Any] = {"type": {"Secret"}, "secret": {"name": str, "key": str}}
LITERAL: dict[str, Any] = {"type": {"Literal"}, "literal": {"value": str}}
KNOWN: dict[str, Any] = {
    "apiVersion": {"pulumi.com/v1"},
    "kind": {"Stack"},
    "metadata": {"name": str, "namespace": str, "labels": {"*": str}},
    "spec": {
        "stack": str,
        "backend": str,
        "projectRepo": str,
        "repoDir": str,
        "commit": str,
        "gitAuth": {"accessToken": SECRET, "sshAuth": {"sshPrivateKey": SECRET}},
        "prerequisites": [{"name": str}],
        "envRefs": {"KUBECONFIG": LITERAL, "*": SECRET},
        "destroyOnFinalize": bool,
        "workspaceReclaimPolicy": {"Retain", "Delete"},
        "serviceAccountName": str,
        "updateTemplate": {"spec": {"continueOnError": bool}},
        "workspaceTemplate": {
            "spec": {
                "image": str,
                "securityProfile": {"baseline", "restricted"},
                "resources": {"requests": {"cpu": str, "memory": str}},
                "podTemplate": {
                    "spec": {
                        "automountServiceAccountToken": bool,
                        "containers": [{"name": {"pulumi"}}],
                        "initContainers": [
                            {
                                "name": str,
                                "image": str,
                                "command": [str],
                                "workingDir": {"/share/workspace"},
                                "env": [{"name": str, "value": str}],
                                "volumeMounts": [{"name": {"share"}, "mountPath": {"/share"}}],
                                "securityContext": {
                                    "allowPrivilegeEscalation": bool,
                                    "capabilities": {"drop": [str]},
                                },
                            }
                        ],
                    }
                },
            }
        },
    },
}
"""The operator's fields that are used, with their types or their values, as docs/stacks.md and
docs/workspaces.md of its version 2.9 have them.

The API server takes any text for the `type` of a reference.
"""


def faults(value: Any, known: Any, where: str = "") -> Iterator[str]:
    """What in `value` the operator does not know."""
    match known:
        case dict() if isinstance(value, dict):
            fields = cast("dict[str, Any]", known)
            for key, each in cast("dict[str, Any]", value).items():
                if inner := fields.get(key, fields.get("*")):
                    yield from faults(each, inner, f"{where}.{key}")
                else:
                    yield f"{where}.{key}"
        case [inner] if isinstance(value, list):
            for each in cast("list[Any]", value):
                yield from faults(each, inner, f"{where}[]")
        case set() if value in known:
            pass
        case type() if type(value) is known and value != "":
            pass
        case _:
            yield f"{where}: {value!r}"


def made(source: Source = SOURCE, workspace: Workspace = WORKSPACE) -> list[Manifest]:
    return stack_objects(COMMITS, source, workspace)


@pytest.mark.parametrize("workspace", [WORKSPACE, EVERYTHING], ids=["least", "most"])
@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        replace(SOURCE, key="gitToken", folder="deploy/nats"),
        Source(repository="git@github.com:example/platform.git", key="sshPrivateKey"),
    ],
    ids=["public", "token", "key"],
)
def test_the_operator_knows_every_field_and_every_value(
    source: Source, workspace: Workspace
) -> None:
    assert [fault for each in made(source, workspace) for fault in faults(each, KNOWN)] == []


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (["spec", "branch"], "main", ".spec.branch"),
        (["spec", "envRefs", "DATABASE_URL", "type"], "secret", "type: 'secret'"),
        (["spec", "commit"], 12, ".spec.commit: 12"),
        (["spec", "workspaceReclaimPolicy"], "delete", "workspaceReclaimPolicy: 'delete'"),
    ],
)
def test_what_the_operator_does_not_know_is_found(path: list[str], value: Any, fault: str) -> None:
    [_, manifest, _] = made()
    place: Any = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    [found] = faults(manifest, KNOWN)
    assert fault in found


def test_the_base_is_first_and_every_shard_waits_for_it() -> None:
    assert [
        (each["metadata"]["name"], each["spec"]["commit"][0], each["spec"].get("prerequisites"))
        for each in made()
    ] == [
        ("eu-base", "a", None),
        ("eu-001", "b", [{"name": "eu-base"}]),
        ("eu-017", "c", [{"name": "eu-base"}]),
    ]


def test_who_deletes_a_stack_object_deletes_no_tenant_and_no_pod_stays() -> None:
    for each in made():
        spec = each["spec"]
        assert (spec["destroyOnFinalize"], spec["workspaceReclaimPolicy"]) == (False, "Delete")
        assert "branch" not in spec
        assert spec["updateTemplate"]["spec"]["continueOnError"]


def test_secrets_are_named_and_not_told() -> None:
    [first, *_] = made(replace(SOURCE, key="gitToken"), EVERYTHING)
    assert first["spec"]["envRefs"] == {
        "DATABASE_URL": {
            "type": "Secret",
            "secret": {"name": "tenant-nats", "key": "DATABASE_URL"},
        },
        "KUBECONFIG": {"type": "Literal", "literal": {"value": "/share/kubeconfig"}},
        "PULUMI_CONFIG_PASSPHRASE": {
            "type": "Secret",
            "secret": {"name": "tenant-nats", "key": "PULUMI_CONFIG_PASSPHRASE"},
        },
    }
    assert first["spec"]["gitAuth"] == {
        "accessToken": {"type": "Secret", "secret": {"name": "tenant-nats", "key": "gitToken"}}
    }


def test_each_member_gets_the_settings_of_its_cell() -> None:
    commands = [
        each["spec"]["workspaceTemplate"]["spec"]["podTemplate"]["spec"]["initContainers"][0][
            "command"
        ]
        for each in made(workspace=EVERYTHING)
    ]
    assert commands == [
        ["prepare-workspace", "Pulumi.eu.yaml", f"Pulumi.eu-{name}.yaml", "my-cluster"]
        for name in ("base", "001", "017")
    ]


def test_the_longest_name_is_one_that_the_operator_takes() -> None:
    """Its CRD refuses names over 42 characters."""
    cell, shard = "c" * 20, "s" * 12
    assert re.fullmatch(CELL, cell)
    assert not re.fullmatch(CELL, cell + "c")
    assert re.fullmatch(SHARD, shard)
    assert not re.fullmatch(SHARD, shard + "s")
    [member] = stack_objects({Member(cell=cell, shard=shard): "a" * 40}, SOURCE, WORKSPACE)
    assert len(member["metadata"]["name"]) <= 42


def test_the_image_has_the_versions_that_the_tests_run() -> None:
    folder = PROJECT / "deploy" / "operator"
    recipe = (folder / "Dockerfile").read_text()
    versions = dict(re.findall(r"^ARG (\w+)_IMAGE=\S+:v?([\d.]+)$", recipe, re.MULTILINE))
    [uv] = re.findall(r"^uv==(\S+)", (PROJECT / "sandbox" / "uv.txt").read_text(), re.MULTILINE)
    modules = (PROJECT / "sandbox" / "go" / "kubernetes" / "go.mod").read_text()
    [kubernetes] = re.findall(r"k8s\.io/kubernetes v(\S+)", modules)
    assert versions == {"PULUMI": toolchain.PULUMI_VERSION, "UV": uv, "KUBECTL": kubernetes}
    [program] = re.findall(r"^COPY --chmod=755 (\S+) /usr/local/bin/(\S+)$", recipe, re.MULTILINE)
    assert (PROJECT / program[0]).is_file()
    assert (
        made()[0]["spec"]["workspaceTemplate"]["spec"]["podTemplate"]["spec"]["initContainers"][0][
            "command"
        ][0]
        == program[1]
    )
