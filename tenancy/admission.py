"""Which tenants' servers admit whoever wears their label."""

from tenancy.plan import Plan

_LONGEST_LIST = 10


def by_label_alone(plan: Plan) -> tuple[str, ...]:
    """The tenants with servers that ask no client who it is, by id."""
    return tuple(tenant.id for tenant in plan.tenants if tenant.instances and not tenant.nkeys)


def told(plan: Plan) -> str:
    """One line about them, however many; empty when there are none."""
    names = by_label_alone(plan)
    if not names:
        return ""
    more = len(names) - _LONGEST_LIST
    listed = ", ".join(names[:_LONGEST_LIST]) + (f" and {more} more" if more > 0 else "")
    many = "1 tenant relies" if len(names) == 1 else f"{len(names)} tenants rely"
    return (
        f"{many} on labels alone ({listed}): every pod that carries the label may connect; "
        "`clients.nkeys` admits only clients that prove who they are."
    )
