"""What is judged over a whole cell before any of its stacks is deployed.

A shard sees its own tenants only: it cannot tell that thirty others lose one tenant too. What the
cell has is what the rows say, so nothing depends on which commits were deployed.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tenancy.edit.approval import approval, refusals
from tenancy.edit.steps import Step
from tenancy.names import instance_name
from tenancy.plan.plan import Plan
from tenancy.rows.readdressing import former_domains
from tenancy.rows.snapshot import Snapshot
from tenancy.tokens import NATS_INSTANCE

Dated = Callable[[Collection[str]], Mapping[str, str]]
"""Since when the cluster has each of these Deployments, by name; those that it has not are left
out."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What the cell would lose."""

    reasons: tuple[str, ...]
    """Why that needs an approval; empty if it needs none."""
    approvals: Mapping[str, str]
    """What approves the loss of each server, by its name; empty if no approval is needed. One for
    each, since shards are deployed one by one: what is left to do needs no other approval."""


def losses(plan: Plan, snapshot: Snapshot, since: Dated) -> Losses:
    """What a cell would lose with `plan`, by the rows that are live in its namespace.

    A tenant that moves to another shard is in the plan, so it is no loss.

    Args:
        plan: of all inventories of the cell.
        snapshot: of all rows.
        since: asked only if an approval is needed: a server may come back and be lost again, which
            needs another approval.
    """
    domains = {plan.domain, *former_domains(plan, snapshot)}
    live = {
        instance_name(row.tenant_id, row.instance_number)
        for row in snapshot.instances
        if row.is_used and row.domain in domains
    }
    going = sorted(live - plan.instances.keys())
    reasons = refusals(live, [_step(name, "") for name in going])
    dates = since(going) if reasons else dict[str, str]()
    return Losses(
        reasons=reasons,
        approvals={
            name: approval([_step(name, dates.get(name, "never there"))])
            for name in (going if reasons else ())
        },
    )


def _step(server: str, since: str) -> Step:
    return Step("delete", f"{NATS_INSTANCE}::{server}", since)
