"""The tenants that the stack's own state has, asked of the engine while it runs this program.

A shard's rows are in one table with those of all other shards, and no row says whose it is. What is
in the state of the stack is the stack's, whatever the inventory says now.
"""

import json
import subprocess

import pulumi
from pydantic import BaseModel, ValidationError

from tenancy.tokens import TENANT


class CheckpointError(Exception):
    """The state cannot be read, so nobody knows which tenants are the stack's."""


class _Resource(BaseModel):
    type: str
    urn: str


class _Operation(BaseModel):
    resource: _Resource


class _Deployment(BaseModel):
    resources: list[_Resource] | None = None
    pending_operations: list[_Operation] | None = None


class _Export(BaseModel):
    deployment: _Deployment


def recorded_tenants() -> frozenset[str]:
    """The tenants of which the stack has anything, also those that an interrupted run was at.

    Raises:
        CheckpointError: there is no `pulumi` on PATH, or it prints no state.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    command = ["pulumi", "stack", "export", "--non-interactive", "--stack", stack]
    try:
        answer = subprocess.run(command, capture_output=True, check=True)
        deployment = _Export.model_validate(json.loads(answer.stdout)).deployment
    except FileNotFoundError:
        raise CheckpointError("there is no `pulumi` on PATH") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise CheckpointError(f"pulumi stack export: {(said or ['failed'])[-1]}") from None
    except (OSError, ValidationError, ValueError) as error:
        raise CheckpointError(f"pulumi stack export printed no state ({error})") from None
    resources = [
        *(deployment.resources or ()),
        *(operation.resource for operation in deployment.pending_operations or ()),
    ]
    return frozenset(each.urn.rpartition("::")[2] for each in resources if each.type == TENANT)
