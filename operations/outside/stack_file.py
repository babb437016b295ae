"""The file with a stack's settings, `Pulumi.STACK.yaml`, as far as a command reads it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tenancy.defaults import CLUSTER_DOMAIN
from tenancy.inventory.types import ClusterDomain
from tenancy.rows.lifecycle import OUR_WORDS, Status, StatusWords

_DATABASE = "tenant-nats:database"
_CLUSTER_DOMAIN = "tenant-nats:clusterDomain"
_EXAMPLES = {
    _DATABASE: f"{_DATABASE}: {{statuses: {{draining: terminating}}}}",
    _CLUSTER_DOMAIN: f"{_CLUSTER_DOMAIN}: {CLUSTER_DOMAIN}",
}


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
