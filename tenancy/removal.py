"""Which removals would leave an integration without a server.

A pure function over the plan and a snapshot of the control plane: it is asked before the engine
has touched anything, in a preview as in an `up`.
"""

from dataclasses import dataclass

from tenancy.names import dns_name
from tenancy.plan import Plan


@dataclass(frozen=True)
class RecordedInstance:
    """One instance as the control plane has it."""

    tenant_id: str
    instance_number: int
    dns_name: str
    integrations: int
    """How many integrations point to it."""


@dataclass(frozen=True)
class Snapshot:
    """The control plane at one moment, by tenant and number."""

    instances: tuple[RecordedInstance, ...]


def stranding(plan: Plan, snapshot: Snapshot) -> tuple[RecordedInstance, ...]:
    """The recorded instances that `plan` would remove although integrations point to them.

    A tenant that is not in the plan counts as removed when its instance lives in the plan's
    namespace: a namespace belongs to one stack, and the tenants of other stacks live in others.
    """
    planned = {(instance.tenant, instance.number)
               for tenant in plan.tenants for instance in tenant.instances}  # fmt: skip
    tenants = {tenant.id for tenant in plan.tenants}
    return tuple(
        recorded
        for recorded in snapshot.instances
        if recorded.integrations > 0
        and (recorded.tenant_id, recorded.instance_number) not in planned
        and (recorded.tenant_id in tenants or _lives_in(plan.namespace, recorded))
    )


def _lives_in(namespace: str, recorded: RecordedInstance) -> bool:
    return recorded.dns_name == dns_name(recorded.tenant_id, recorded.instance_number, namespace)


def refusal(stranded: tuple[RecordedInstance, ...], inventory: str) -> str:
    """One line that says what would be lost and which edits are possible."""
    losses = "; ".join(
        f"{recorded.tenant_id} instance {recorded.instance_number} still has "
        f"{recorded.integrations} {'integration' if recorded.integrations == 1 else 'integrations'}"
        for recorded in stranded
    )
    first = stranded[0]
    return (
        f"{inventory} would remove servers that integrations point to, so nothing was changed: "
        f"{losses}. Keep them (for example `{first.tenant_id}: {{instances: "
        f"{first.instance_number}}}`), or move their integrations away first."
    )
