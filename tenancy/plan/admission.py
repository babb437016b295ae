"""Which tenants' servers admit every pod that carries the tenant's label."""

from tenancy.plan.plan import Plan
from tenancy.words import agreeing, counted, listed

_LONGEST_LIST = 10


def by_label_alone(plan: Plan) -> tuple[str, ...]:
    """The ids of the tenants whose servers do not authenticate their clients."""
    return tuple(tenant.id for tenant in plan.tenants if tenant.instances and not tenant.nkeys)


def told(plan: Plan) -> str:
    """One line about these tenants; empty if there are none."""
    names = by_label_alone(plan)
    if not names:
        return ""
    named = listed(names, _LONGEST_LIST)
    rely = agreeing(len(names), "relies", "rely")
    return (
        f"{counted(len(names), 'tenant')} {rely} on labels alone ({named}): every pod that "
        "carries the label may connect; "
        "`clients.nkeys` admits only clients that prove who they are."
    )
