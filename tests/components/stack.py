"""The graph of an inventory that is written down as a literal."""

from collections.abc import Mapping
from typing import Any

from rendering.recorder import Graph, deploy
from rendering.run import graph_of as graph_of_stack
from settings.stack import Settings
from tenancy.cells import Member
from tenancy.inventory.models import Inventory
from tenancy.inventory.nkeys import EXAMPLE
from tenancy.plan.plan import Plan
from tenant_nats.construction import build
from tenant_nats.decision import Decision, plan_of, rules_of

LARGE = {
    "requests": {"cpu": "2", "memory": "4Gi"},
    "limits": {"cpu": "4", "memory": "8Gi"},
    "maxPayload": "4MB",
    "maxConnections": 2000,
    "capacity": 100,
}
"""A size beside the built-in one, as an inventory has it."""

LIMITED = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"
"""A key with restricted permissions."""

EVERY_OPTION: dict[str, object] = {
    "integrations": 30,
    "instances": 2,
    "size": "large",
    "clients": {
        "namespaces": ("globex-workers", "globex-jobs"),
        "nkeys": (EXAMPLE, {"key": LIMITED, "publish": ("orders.>",), "subscribe": ()}),
        "serviceAccounts": ("globex-workers/importer",),
    },
    "tls": {"secretName": "globex-nats-tls"},
    "placement": "spread",
    "state": "active",
    "egress": "open",
}
"""A tenant that leaves nothing to the defaults."""


def graph_of(
    tenants: Mapping[str, object],
    *,
    sizes: Mapping[str, object] | None = None,
    **settings: Any,
) -> Graph:
    """What the program registers for `tenants`.

    Args:
        tenants: by id, as the inventory has them.
        sizes: by name; `large` when left out.
        settings: as the stack's configuration has them: `namespaceMode="existing"`.
    """
    given = {"tenants": tenants, "sizes": {"large": LARGE} if sizes is None else sizes}
    return graph_of_inventory(Inventory.model_validate(given), **settings)


def graph_of_inventory(inventory: Inventory, **settings: Any) -> Graph:
    """What the program registers for `inventory`, under the given settings of the stack."""
    return graph_of_stack(inventory, Settings.model_validate(settings))


def graph_of_member(member: Member, *tenants: str, **settings: Any) -> Graph:
    """What a stack of a cell registers: the base, or a shard with these tenants."""
    found = Settings.model_validate({"cell": member.cell, **settings})
    plan, rules = Plan(namespace=found.namespace, domain="", tenants=()), None
    if tenants:
        inventory = Inventory.model_validate({"tenants": {each: {} for each in tenants}})
        plan, rules = plan_of(found, inventory), rules_of(found, inventory, member)
    decision = Decision(plan=plan, rules=rules, member=member, fingerprints={"program": "1"})
    return deploy(lambda: build(found, decision))
