"""The roles of the platform's database, for stacks that manage them.

`controlplane/roles.py` says what each may do; this passes it on to pulumi-postgresql, which nothing
else imports. Its default provider logs in to `postgresql:host` as `postgresql:username`, who must
have the right to create roles.

What is not made here: logins and passwords, tables, and the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_postgresql as postgresql

from controlplane.platform import Platform
from controlplane.roles import FUNCTIONS, ROLES, Lent, Role, lent, role_name
from tenancy.tokens import DATABASE_ROLES


@dataclass(frozen=True, kw_only=True)
class DatabaseRolesArgs:
    """What `DatabaseRoles` is made of."""

    database: str
    """The database that has the tables."""
    platform: Platform
    """Where the tables are."""
    prefix: str
    """What the names of the roles begin with."""


class DatabaseRoles(pulumi.ComponentResource):
    """Owner, provisioner and reader, each with what it needs; nobody can log in as one of them.

    All of it outlives the stack: the platform's logins are members of these roles, and workers of
    other stacks read with their rights.
    """

    roles: dict[Role, postgresql.Role]
    grants: tuple[pulumi.Resource, ...]
    """What has to exist before anybody writes a row."""

    def __init__(
        self, name: str, args: DatabaseRolesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(DATABASE_ROLES, name, None, opts)
        self._name, self._args = name, args
        self.roles = {
            role: postgresql.Role(
                f"{name}-{role}",
                name=role_name(role, args.prefix),
                login=False,
                opts=self._child(),
            )
            for role in ROLES
        }
        self.grants = ()
        for make in (
            *(partial(self._grant, each) for each in lent(args.platform)),
            self._close,
            self._close_later,
        ):
            # One after the other: two that change one table at once fail with "tuple concurrently
            # updated".
            self.grants = (*self.grants, make(self._child(depends_on=self.grants[-1:])))
        self.register_outputs({"roles": self.roles, "grants": self.grants})

    def _child(self, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=depends_on)

    def _grant(self, given: Lent, opts: pulumi.ResourceOptions) -> postgresql.Grant:
        # A privilege on columns needs its own Grant: the provider takes one, on one table.
        kind = "column" if given.columns else given.kind
        parts = [given.role, given.name or kind, *(given.privileges if given.columns else ())]
        return postgresql.Grant(
            "-".join([self._name, *parts]).lower(),
            database=self._args.database,
            schema=self._args.platform.schema,
            role=self.roles[given.role].name,
            object_type=kind,
            objects=[given.name] if given.name else None,
            columns=list(given.columns) or None,
            privileges=list(given.privileges),
            opts=opts,
        )

    def _close(self, opts: pulumi.ResourceOptions) -> postgresql.Grant:
        """Take from PUBLIC the right to call the functions, which are for triggers only."""
        return postgresql.Grant(
            f"{self._name}-public-functions",
            database=self._args.database,
            schema=self._args.platform.schema,
            role="public",
            object_type="function",
            objects=list(FUNCTIONS),
            privileges=[],
            opts=opts,
        )

    def _close_later(self, opts: pulumi.ResourceOptions) -> postgresql.DefaultPrivileges:
        # Without a schema: what Postgres gives to PUBLIC by itself can be taken only globally.
        return postgresql.DefaultPrivileges(
            f"{self._name}-public-later-functions",
            database=self._args.database,
            owner=self.roles["owner"].name,
            role="public",
            object_type="function",
            privileges=[],
            opts=opts,
        )
