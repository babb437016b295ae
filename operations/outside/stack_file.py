"""The file with a stack's settings, `Pulumi.STACK.yaml`, as far as a command reads it."""

from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from controlplane.platform import INSTANCES, INTEGRATIONS, NAME, PLATFORM, Platform
from operations.outside.files import read_bytes
from tenancy.defaults import CLUSTER_DOMAIN
from tenancy.inventory.faults import printable
from tenancy.inventory.types import ClusterDomain
from tenancy.rows.lifecycle import Status, StatusWords

_PREFIX = "tenant-nats:"
"""The prefix of the program's own keys in the file."""
_EXAMPLES = {
    "database": f"{_PREFIX}database: {{schema: nats, statuses: {{draining: terminating}}}}",
    "clusterDomain": f"{_PREFIX}clusterDomain: {CLUSTER_DOMAIN}",
}
_EXAMPLE = "config: {tenant-nats:namespace: vrsky-tenants}"


class StackFileError(Exception):
    """The file cannot be used; the text is one line with an example."""


_Name = Annotated[str, Field(pattern=f"^{NAME}$")]


class _Tables(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instances: _Name = INSTANCES
    integrations: _Name = INTEGRATIONS

    @model_validator(mode="after")
    def _distinct(self) -> "_Tables":
        if self.instances == self.integrations:
            raise ValueError("one name for two tables")
        return self


class _Database(BaseModel):
    model_config = ConfigDict(extra="allow")

    statuses: dict[Status, Annotated[str, Field(min_length=1)]] = {}
    said_schema: _Name | None = Field(default=None, alias="schema")
    tables: _Tables = _Tables()
    secure: None = None
    """The whole section is encrypted, and only the engine reads it."""

    @model_validator(mode="after")
    def _distinct(self) -> "_Database":
        if not StatusWords(**self.statuses).are_distinct:
            raise ValueError("one word for two statuses")
        return self


class _Settings(BaseModel):
    database: _Database = _Database()
    cluster_domain: ClusterDomain = Field(default=CLUSTER_DOMAIN, alias="clusterDomain")


def platform_in(file: Path | None) -> Platform:
    """Where the platform's tables are, and its words; the defaults without a file or a setting.

    Raises:
        StackFileError: it cannot be read, or what it has there does not fit.
    """
    if file is None:
        return PLATFORM
    database = _read(file).database
    return Platform(
        said_schema=database.said_schema,
        **database.tables.model_dump(),
        words=StatusWords(**database.statuses),
    )


def cluster_domain_in(file: Path | None, given: str | None = None) -> str:
    """What the DNS names of the cluster's Services end in: as `given`, or as the file says.

    Raises:
        StackFileError: the file cannot be read, or what it has there is no such domain.
    """
    if given is not None:
        return given
    return _read(file).cluster_domain if file else CLUSTER_DOMAIN


def _read(file: Path) -> _Settings:
    try:
        return _Settings.model_validate(own_settings(file))
    except OSError as error:
        raise StackFileError(f"{file} cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        key, *within = map(str, error.errors()[0]["loc"])
        place = ".".join(["config", f"{_PREFIX}{key}", *within])
        raise StackFileError(
            f"{file}: {place} does not fit. For example: config: {{{_EXAMPLES[key]}}}"
        ) from None


def own_settings(file: Path | None) -> dict[str, Any]:
    """The program's own settings in a stack's file, unchecked; those of plugins are for the engine.

    Raises:
        StackFileError: it is no such file.
        OSError: it cannot be read.
    """
    if file is None:
        return {}
    try:
        content = YAML(typ="safe").load(read_bytes(file))
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}, line {mark.line + 1}" if mark else str(file)
        problem = str(getattr(error, "problem", None) or error).splitlines()[:1]
        raise StackFileError(f"{where}: not valid YAML: {printable(' '.join(problem))}.") from None
    whole = _settings_mapping(content, f"{file}: the file")
    config = _settings_mapping(whole.get("config"), f"{file}: config")
    return {
        key.removeprefix(_PREFIX): value for key, value in config.items() if key.startswith(_PREFIX)
    }


def _settings_mapping(value: object, where: str) -> dict[str, Any]:
    """What `pulumi config set` writes; a file that says nothing sets nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StackFileError(
            f"{where} is {printable(str(value))}, expected a mapping. For example: {_EXAMPLE}"
        )
    found = cast("dict[object, Any]", value)
    for key in found:
        if not isinstance(key, str):
            raise StackFileError(
                f"{where} has the key {printable(str(key))}, expected text. For example: {_EXAMPLE}"
            )
    return cast("dict[str, Any]", found)
