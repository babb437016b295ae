"""The file with a stack's settings, `Pulumi.STACK.yaml`, as far as a command reads it."""

from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from operations.outside.files import read_bytes
from tenancy.defaults import CLUSTER_DOMAIN
from tenancy.inventory.faults import printable
from tenancy.inventory.types import ClusterDomain
from tenancy.rows.lifecycle import OUR_WORDS, Status, StatusWords

_PREFIX = "tenant-nats:"
"""The prefix of the program's own keys in the file."""
_DATABASE = f"{_PREFIX}database"
_CLUSTER_DOMAIN = f"{_PREFIX}clusterDomain"
_EXAMPLES = {
    _DATABASE: f"{_DATABASE}: {{statuses: {{draining: terminating}}}}",
    _CLUSTER_DOMAIN: f"{_CLUSTER_DOMAIN}: {CLUSTER_DOMAIN}",
}
_EXAMPLE = "config: {tenant-nats:namespace: vrsky-tenants}"


class StackFileError(Exception):
    """The file cannot be used; the text is one line with an example."""


class _Database(BaseModel):
    model_config = ConfigDict(extra="allow")

    statuses: dict[Status, Annotated[str, Field(min_length=1)]] = {}
    secure: None = None
    """The whole section is encrypted, and only the engine reads it."""

    @model_validator(mode="after")
    def _distinct(self) -> "_Database":
        if not StatusWords(**self.statuses).are_distinct:
            raise ValueError("one word for two statuses")
        return self


class _Config(BaseModel):
    database: _Database = Field(default=_Database(), alias=_DATABASE)
    cluster_domain: ClusterDomain = Field(default=CLUSTER_DOMAIN, alias=_CLUSTER_DOMAIN)


class _Content(BaseModel):
    config: _Config = _Config()


def status_words(file: Path | None) -> StatusWords:
    """The platform's words for the statuses of a row; our own without a file, or where it has none.

    Raises:
        StackFileError: it cannot be read, or what it has there is no such words.
    """
    return StatusWords(**_config(file).database.statuses) if file else OUR_WORDS


def cluster_domain(file: Path | None, given: str | None = None) -> str:
    """What the DNS names of the cluster's Services end in: as `given`, or as the file says.

    Raises:
        StackFileError: the file cannot be read, or what it has there is no such domain.
    """
    if given is not None:
        return given
    return _config(file).cluster_domain if file else CLUSTER_DOMAIN


def _config(file: Path) -> _Config:
    content = _loaded(file)
    try:
        return _Content.model_validate(content or {}).config
    except ValidationError as error:
        location = [str(part) for part in error.errors()[0]["loc"]]
        key = next((part for part in location if part in _EXAMPLES), _DATABASE)
        raise StackFileError(
            f"{file}: {'.'.join(location)} does not fit. For example: config: {{{_EXAMPLES[key]}}}"
        ) from None


def _loaded(file: Path) -> object:
    """What the file holds, as YAML."""
    try:
        return YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StackFileError(f"{file} cannot be read ({error.strerror}).") from None
    except (ValueError, YAMLError, RecursionError):  # ValueError: a date that is none, an encoding
        raise StackFileError(f"{file} is not YAML in UTF-8.") from None


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
