"""The settings below `database`, as far as commands read them too.

Apart from `platform`, which the rows' provider imports at each `up`, without pydantic.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from controlplane.platform import (
    INSTANCES,
    INTEGRATIONS,
    NAME,
    NAME_WORDS,
    STATUS,
    STATUS_WORDS,
    Platform,
)
from tenancy.inventory.types import expected
from tenancy.rows.lifecycle import OUR_WORDS, StatusWords

TableName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), expected(NAME_WORDS, INSTANCES)]
StatusWord = Annotated[
    str, StringConstraints(pattern=f"^{STATUS}$"), expected(STATUS_WORDS, "terminating")
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Statuses(_Section):
    """The platform's words for the statuses of a row."""

    provisioning: StatusWord = OUR_WORDS.provisioning
    """It has announced an instance, whose server is not ready."""
    active: StatusWord = OUR_WORDS.active
    """Workers may connect."""
    draining: StatusWord = OUR_WORDS.draining
    """Its integrations are elsewhere, its workers are leaving."""
    terminated: StatusWord = OUR_WORDS.terminated
    """Its server is gone; the row stays as a record."""

    @property
    def words(self) -> StatusWords:
        """The words, for whoever reads and writes rows."""
        return StatusWords(**self.model_dump())

    @model_validator(mode="after")
    def _distinct(self) -> "Statuses":
        if not self.words.are_distinct:
            raise PydanticCustomError("ambiguous", "one word for two statuses")
        return self


class Tables(_Section):
    """The platform's names for its two tables."""

    instances: TableName = INSTANCES
    """It has a row for each server."""
    integrations: TableName = INTEGRATIONS
    """It has a row for each integration."""

    @model_validator(mode="after")
    def _distinct(self) -> "Tables":
        if self.instances == self.integrations:
            raise PydanticCustomError("one_table", "one name for two tables")
        return self


class DatabaseSection(_Section):
    """What a platform has, and where; what concerns its roles is checked for an `up` alone."""

    manage_roles: Any = None
    name: Any = None
    said_schema: TableName | None = Field(default=None, alias="schema")
    """The schema that has the tables, if the stack names it; `platform` says which it is."""
    tables: Tables = Tables()
    """What the platform calls the tables."""
    role_prefix: Any = None
    statuses: Statuses = Statuses()
    """What the platform calls the statuses of a row, where its table has words of its own."""

    @property
    def platform(self) -> Platform:
        """Where the tables are, and in which words."""
        return Platform(
            said_schema=self.said_schema, **self.tables.model_dump(), words=self.statuses.words
        )
