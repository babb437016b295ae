"""The settings below `database`: what a stack knows and does about it, besides the rows."""

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from controlplane.platform import INSTANCES, INTEGRATIONS, SCHEMA, Platform
from controlplane.roles import PREFIX
from settings.values import DatabaseName, Flag, Identifier, StatusWord, TableName
from tenancy.rows.lifecycle import StatusWords


class Statuses(BaseModel):
    """The platform's words for the statuses of a row."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    provisioning: StatusWord = "provisioning"
    """It has announced an instance, whose server is not ready."""
    active: StatusWord = "active"
    """Workers may connect."""
    draining: StatusWord = "draining"
    """Its integrations are elsewhere, its workers are leaving."""
    terminated: StatusWord = "terminated"
    """Its server is gone; the row stays as a record."""

    @model_validator(mode="after")
    def _distinct(self) -> "Statuses":
        if not StatusWords(**self.model_dump()).are_distinct:
            raise PydanticCustomError("ambiguous", "")
        return self


class Tables(BaseModel):
    """The platform's names for its two tables."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    instances: TableName = INSTANCES
    """It has a row for each server."""
    integrations: TableName = INTEGRATIONS
    """It has a row for each integration."""

    @model_validator(mode="after")
    def _distinct(self) -> "Tables":
        if self.instances == self.integrations:
            raise PydanticCustomError("one_table", "")
        return self


class Database(BaseModel):
    """What a stack knows and does about the platform's database, besides the rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    manage_roles: Flag = False
    """Whether the stack makes the roles and their grants, with the plugin of pulumi-postgresql."""
    name: DatabaseName | None = Field(default=None, validate_default=True)
    """The database that has the tables; needed if the stack manages the roles."""
    said_schema: TableName | None = Field(default=None, alias="schema")
    """The schema that has the tables, if the stack names it; `in_schema` says which it is."""
    tables: Tables = Tables()
    """What the platform calls the tables."""
    role_prefix: Identifier = PREFIX
    """What the names of the roles begin with."""
    statuses: Statuses = Statuses()
    """What the platform calls the statuses of a row, where its table has words of its own."""

    @property
    def in_schema(self) -> str:
        """The schema that has the tables."""
        return self.said_schema or SCHEMA

    @property
    def platform(self) -> Platform:
        """Where the tables are, and in which words."""
        return Platform(
            said_schema=self.said_schema,
            instances=self.tables.instances,
            integrations=self.tables.integrations,
            words=StatusWords(**self.statuses.model_dump()),
        )

    # Of the field, not of the model: pydantic asks a model only when all its fields are right.
    @field_validator("name")
    @classmethod
    def _named(cls, name: str | None, others: ValidationInfo) -> str | None:
        if name is None and others.data.get("manage_roles"):
            raise PydanticCustomError("unnamed", "")
        return name
