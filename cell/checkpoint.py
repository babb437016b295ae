"""The states of a cell, asked of the engine while it runs this program."""

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cell.recorded import tenants_in
from tenancy.cells import Member, member_of


class CheckpointError(Exception):
    """The state cannot be read, so nobody knows which tenants are the stack's."""


class _Resource(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str
    urn: str


class _Operation(BaseModel):
    model_config = ConfigDict(extra="allow")

    resource: _Resource


class _Deployment(BaseModel):
    resources: list[_Resource] | None = None
    pending_operations: list[_Operation] | None = None


class _Export(BaseModel):
    deployment: _Deployment


class _Stack(BaseModel):
    name: str


_STACKS = TypeAdapter(list[_Stack])
_AT_ONCE = 4
"""How many states are read at a time."""


def own_deployment() -> Mapping[str, Any]:
    """The deployment of the stack that the engine runs, from before this run.

    Raises:
        CheckpointError: there is no `pulumi` on PATH, or it prints no state.
    """
    return _deployment_of(_qualified(pulumi.get_stack()))


def tenants_of_others(member: Member) -> frozenset[str]:
    """The tenants of all other stacks of the cell, whether or not they have an inventory.

    It reads every state, so it takes seconds.

    Raises:
        CheckpointError: one of the states cannot be read.
    """
    listed = _run("stack", "ls", "--json")
    try:
        names = [each.name.rpartition("/")[2] for each in _STACKS.validate_json(listed)]
    except ValidationError as error:
        raise CheckpointError(f"pulumi stack ls printed no stacks ({error})") from None
    others = [
        _qualified(name)
        for name in names
        if name != member.stack and member_of(name, member.cell) is not None
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return frozenset[str]().union(*map(tenants_in, pool.map(_deployment_of, others)))


def _qualified(stack: str) -> str:
    return f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"


def _deployment_of(stack: str) -> Mapping[str, Any]:
    exported = _run("stack", "export", "--stack", stack)
    try:
        _Export.model_validate_json(exported)
    except ValidationError as error:
        raise CheckpointError(f"pulumi stack export printed no state ({error})") from None
    return json.loads(exported)["deployment"]


def _run(*arguments: str) -> bytes:
    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise CheckpointError("there is no `pulumi` on PATH") from None
    except OSError as error:
        raise CheckpointError(f"`pulumi` on PATH cannot be run ({error.strerror})") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        words = " ".join(arguments[:2])
        raise CheckpointError(f"pulumi {words}: {(said or ['failed'])[-1]}") from None
