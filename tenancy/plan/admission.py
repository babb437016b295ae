"""Which tenants' servers admit whoever wears their label."""

from tenancy.plan.plan import Plan
from tenancy.words import agreeing, counted, listed

_LONGEST_LIST = 10


def by_label_alone(plan: Plan) -> tuple[str, ...]:
    """The tenants with servers that ask no client who it is, by id."""
    return tuple(tenant.id for tenant in plan.tenants if tenant.instances and not tenant.nkeys)


def told(plan: Plan) -> str:
    """One line about them, however many; empty when there are none."""
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
