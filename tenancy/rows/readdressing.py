"""A change of address: the stack's rows end in another cluster domain than the settings say.

Nothing but the rows records the former domain where the program runs. A row counts if the stack
wants its instance, and its address differs from the wanted one in the cluster domain alone.
"""

from collections.abc import Iterator, Mapping

from tenancy.names import cluster_domain_of
from tenancy.plan.plan import Plan
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.words import agreeing, counted, listed

_LONGEST_LIST = 10

Rows = tuple[RecordedInstance, ...]


def readdressed(plan: Plan, snapshot: Snapshot) -> Mapping[str, Rows]:
    """The rows whose address changes, by what follows the instance's name in the present one."""
    found: dict[str, list[RecordedInstance]] = {}
    for row in _wanted(plan, snapshot):
        if domain := former_domain(row, plan):
            found.setdefault(domain, []).append(row)
    return {domain: tuple(rows) for domain, rows in sorted(found.items())}


def former_domain(row: RecordedInstance, plan: Plan) -> str | None:
    """The row's own domain if it differs from the plan's in the cluster domain alone, else None."""
    domain = row.domain
    if not domain or domain == plan.domain:
        return None
    return domain if cluster_domain_of(domain, plan.namespace) else None


def former_domains(plan: Plan, snapshot: Snapshot) -> frozenset[str]:
    """Where rows of this stack may be, besides the plan's own domain.

    None if wanted rows are in the plan's domain, and none is in another cluster domain: then rows
    of another are a second cluster's, whose namespace has the same name. While the address of a
    single row changes, or no wanted row has the plan's, every cluster domain of the namespace
    counts: an interrupted change leaves such rows, and a tenant lost is worse than an `up` refused.
    """
    wanted = tuple(_wanted(plan, snapshot))
    is_settled = any(row.domain == plan.domain for row in wanted)
    if is_settled and not any(former_domain(row, plan) for row in wanted):
        return frozenset()
    found = (former_domain(row, plan) for row in snapshot.instances if row.is_used)
    return frozenset(filter(None, found))


def told(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """What a change of address does, a line for each former domain; empty if there is none."""
    with_tls = {
        tenant.id for tenant in plan.tenants if any(it.tls_secret for it in tenant.instances)
    }
    return tuple(
        _line(domain, plan.domain, rows, with_tls)
        for domain, rows in readdressed(plan, snapshot).items()
    )


def _line(former: str, domain: str, rows: Rows, with_tls: set[str]) -> str:
    tenants = sorted({row.tenant_id for row in rows})
    end, stay = (agreeing(len(rows), *pair) for pair in (("ends", "end"), ("is", "are")))
    line = (
        f"Addresses change: {counted(len(rows), 'row')} of {counted(len(tenants), 'tenant')} {end} "
        f"in {former} and {stay} rewritten to end in {domain}. Servers keep running, and "
        "integrations stay where they are. Clients that hold an old address have to look it up "
        "again."
    )
    if asking := [tenant for tenant in tenants if tenant in with_tls]:
        names = listed(asking, _LONGEST_LIST)
        line += f" Before that, the certificates of {names} need the new names."
    return line


def _wanted(plan: Plan, snapshot: Snapshot) -> Iterator[RecordedInstance]:
    """The rows of wanted instances that somebody may use."""
    wanted = {(each.tenant, each.number) for each in plan.instances.values()}
    for row in snapshot.instances:
        if row.is_used and (row.tenant_id, row.instance_number) in wanted:
            yield row
