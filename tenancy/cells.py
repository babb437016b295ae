"""A cell: one namespace whose tenants are in several stacks, the shards, beside a base.

The stack's name says which member of the cell it is: `eu-base` or `eu-017`. Nothing that a tenant
has is named after its shard, in the cluster or in the database, so a tenant that moves to another
shard keeps every name, label and address.
"""

import re
from dataclasses import dataclass
from pathlib import Path

BASE = "base"
"""What follows the cell in the name of the stack that owns the namespace."""
FOLDER = "inventory"
"""The folder that has a folder for each cell."""

CELL = r"[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?"
SHARD = r"[a-z0-9]{1,12}"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One stack of a cell."""

    cell: str
    shard: str | None
    """None for the base, which owns the namespace and has no tenants."""

    @property
    def name(self) -> str:
        """What follows the cell in the name of the stack."""
        return self.shard or BASE

    @property
    def stack(self) -> str:
        """The name of the stack, without organization and project."""
        return f"{self.cell}-{self.name}"

    @property
    def base(self) -> str:
        """The name of the stack that owns the namespace."""
        return Member(cell=self.cell, shard=None).stack

    @property
    def inventory(self) -> Path:
        """The file that has the shard's tenants, relative to the project's folder.

        Raises:
            ValueError: it is the base, which has none.
        """
        if self.shard is None:
            raise ValueError(f"{self.stack} has no inventory")
        return Path(FOLDER, self.cell, f"{self.shard}.yaml")

    @property
    def settings_file(self) -> Path:
        """The settings of all stacks of the cell, relative to the project's folder."""
        return Path(f"Pulumi.{self.cell}.yaml")


def member_of(stack: str, cell: str) -> Member | None:
    """Which member of `cell` the stack of this name is; None if it is none."""
    rest = stack.removeprefix(f"{cell}-")
    if rest == stack or not re.fullmatch(SHARD, rest):
        return None
    return Member(cell=cell, shard=None if rest == BASE else rest)
