"""The state of the stack that the engine runs, asked of the engine while it runs this program."""

import json
import subprocess

import pulumi
from pydantic import BaseModel, ConfigDict, ValidationError

from cell.recorded import tenants_in


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


def recorded_tenants() -> frozenset[str]:
    """The tenants of the stack that the engine runs, by the state from before this run.

    Raises:
        CheckpointError: there is no `pulumi` on PATH, or it prints no state.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    command = ["pulumi", "stack", "export", "--non-interactive", "--stack", stack]
    try:
        answer = subprocess.run(command, capture_output=True, check=True)
        _Export.model_validate_json(answer.stdout)
        return tenants_in(json.loads(answer.stdout)["deployment"])
    except FileNotFoundError:
        raise CheckpointError("there is no `pulumi` on PATH") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise CheckpointError(f"pulumi stack export: {(said or ['failed'])[-1]}") from None
    except (OSError, ValidationError, ValueError) as error:
        raise CheckpointError(f"pulumi stack export printed no state ({error})") from None
