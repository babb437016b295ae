"""The settings below `database`: what a stack knows and does about it, besides the rows."""

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from controlplane.roles import PREFIX
from controlplane.section import DatabaseSection
from settings.values import DatabaseName, Flag, Identifier


class Database(DatabaseSection):
    """What a stack knows and does about the platform's database, besides the rows."""

    manage_roles: Flag = False
    """Whether the stack makes the roles and their grants, with the plugin of pulumi-postgresql."""
    name: DatabaseName | None = Field(default=None, validate_default=True)
    """The database that has the tables; needed if the stack manages the roles."""
    role_prefix: Identifier = PREFIX
    """What the names of the roles begin with."""

    # Of the field, not of the model: pydantic asks a model only when all its fields are right.
    @field_validator("name")
    @classmethod
    def _named(cls, name: str | None, others: ValidationInfo) -> str | None:
        if name is None and others.data.get("manage_roles"):
            raise PydanticCustomError("unnamed", "")
        return name
