"""Plans for the tests of what an edit does."""

from dataclasses import replace

from tenancy.inventory.models import Inventory
from tenancy.plan.plan import Plan, expand


def planned(instances: dict[str, int], **fields: object) -> Plan:
    """The plan of so many instances of each tenant, whose other `fields` are all the same.

    A tenant of 0 instances is in the plan without a server, as a decommissioned one is.
    """
    tenants = {tenant: {"instances": count or 1, **fields} for tenant, count in instances.items()}
    plan = expand(Inventory.model_validate({"tenants": tenants}), namespace="vrsky-tenants")
    emptied = tuple(
        tenant if instances[tenant.id] else replace(tenant, instances=()) for tenant in plan.tenants
    )
    return replace(plan, tenants=emptied)
