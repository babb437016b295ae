"""The file with a stack's settings, `Pulumi.STACK.yaml`, as far as a command reads it."""

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tenancy.rows.lifecycle import OUR_WORDS, Status, StatusWords

_DATABASE = "tenant-nats:database"


class StackFileError(Exception):
    """The file cannot be used; the text is one line with an example."""


class _Database(BaseModel):
    statuses: dict[Status, str] = {}


class _Config(BaseModel):
    database: _Database = Field(default=_Database(), alias=_DATABASE)


class _Content(BaseModel):
    config: _Config = _Config()


def status_words(file: Path | None) -> StatusWords:
    """The platform's words for the statuses of a row; our own without a file, or where it has none.

    Raises:
        StackFileError: it cannot be read, or what it has there is no such words.
    """
    if file is None:
        return OUR_WORDS
    try:
        content = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        words = _Content.model_validate(content or {}).config.database.statuses
    except OSError as error:
        raise StackFileError(f"{file} cannot be read ({error.strerror}).") from None
    except (UnicodeError, YAMLError):
        raise StackFileError(f"{file} is not YAML in UTF-8.") from None
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise StackFileError(
            f"{file}: {place} does not fit. For example: "
            f"config: {{{_DATABASE}: {{statuses: {{draining: terminating}}}}}}"
        ) from None
    return StatusWords(**words)
