"""What an edit does, tenant by tenant: from two inventories, without an engine or a cluster.

Plans are compared field by field, so a new field is reported even if nobody thought of it here. Any
difference in an instance's plan counts as a restart, one in a tenant's plan as another change.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, cast

from pydantic import BaseModel

from tenancy.edit.approval import depends_on_others, refusals
from tenancy.edit.steps import Step, edit_steps
from tenancy.inventory.faults import printable
from tenancy.inventory.models import Clients, Inventory, Tenant
from tenancy.inventory.types import in_bytes, millicores
from tenancy.names import APP, TENANT_LABEL
from tenancy.plan.plan import InstancePlan, Plan, TenantPlan, expand
from tenancy.words import agreeing, counted, listed, signed

OF_A_TENANT = ("NetworkPolicy",)
"""What a tenant with servers has once. A test compares both lists with the components."""
OF_AN_INSTANCE = ("Deployment", "Service", "ConfigMap", "row")

Items = tuple[object, ...]

_DERIVED = ("config_map_name", "gomemlimit", "url")
"""Fields of an instance that never change alone."""
_YAML_NAMES = {
    "client_namespaces": "clients.namespaces",
    "client_service_accounts": "clients.serviceAccounts",
    "max_connections": "maxConnections",
    "max_payload": "maxPayload",
    "max_pending": "maxPending",
    "nkeys": "clients.nkeys",
    "node_selector": "nodeSelector",
    "priority_class_name": "priorityClassName",
    "tls_secret": "tls.secretName",
}
"""What the inventory calls a field of the plan or a setting of nats-server, where that differs."""
_SETTING = re.compile(r"(\w+)[ :=]*(.*)")
_LONGEST_LIST = 10


class Kind(Enum):
    """The gravest thing that an edit does to a tenant; the gravest kind comes first."""

    REMOVES = "removes servers"
    RESTARTS = "restarts servers, so their clients reconnect"
    REACH = "changes who may reach what"
    MOVES = "may move integrations between servers"
    OTHER = "changes something else"
    ADDS = "adds servers"
    NOTHING = "changes nothing that runs"


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How much there is, and what the scheduler reserves for it."""

    tenants: int = 0
    instances: int = 0
    cpu: float = 0
    """Cores."""
    memory: float = 0
    """Gi."""


@dataclass(frozen=True)
class Effect:
    """One thing that an edit does to a tenant."""

    kind: Kind
    words: str


@dataclass(frozen=True, kw_only=True)
class TenantChange:
    """All that an edit does to one tenant."""

    tenant: str
    instances: tuple[int, int]
    """Before and after."""
    integrations: tuple[int, int]
    """How many to make room for, before and after."""
    objects: tuple[tuple[str, int], ...]
    """How many of each kind are added, or removed if negative."""
    effects: tuple[Effect, ...]
    """The gravest first."""

    @property
    def kind(self) -> Kind:
        """The gravest of all."""
        return self.effects[0].kind

    @property
    def words(self) -> str:
        """`2 → 3 instances (120 integrations): +1 Deployment, +1 row; egress: dns → open`."""
        size = changed(*self.instances, "instance")
        if any(self.integrations):
            size += f" ({changed(*self.integrations, 'integration')})"
        objects = ", ".join(signed(count, kind) for kind, count in self.objects)
        told = [objects, *(effect.words for effect in self.effects)]
        return f"{size}: {'; '.join(filter(None, told))}"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Which files of a cell an edit is about."""

    differing: tuple[str, ...]
    """The shards whose files differ, by name."""
    count: int
    """Of how many files of the cell, before or after."""
    moves: Mapping[str, tuple[str, str]]
    """From which shard to which a tenant moves, by tenant. It restarts nothing."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All that an edit does."""

    tenants: tuple[TenantChange, ...]
    """Those that change, the gravest first, each kind by id."""
    before: Totals
    after: Totals
    reasons: tuple[str, ...]
    """Why the guard requires an approval; empty if it does not."""
    files: Files | None = None
    """For an edit of a cell; `before` and `after` are then of the files that differ."""

    def of(self, kind: Kind) -> tuple[TenantChange, ...]:
        """The tenants whose gravest effect is of this kind."""
        return tuple(change for change in self.tenants if change.kind is kind)


def totals(plan: Plan) -> Totals:
    """How much `plan` asks for altogether."""
    instances = plan.instances.values()
    return Totals(
        tenants=len(plan.tenants),
        instances=len(instances),
        cpu=sum(millicores(instance.requests.cpu) for instance in instances) / 1000,
        memory=sum(in_bytes(instance.requests.memory) for instance in instances) / 2**30,
    )


def changes_between(
    base: Inventory | None,
    head: Inventory | None,
    *,
    files: Files | None = None,
    others: Callable[[], Inventory | None] = lambda: None,
) -> Changes:
    """What an edit from `base` to `head` does; without a base, what a first inventory makes.

    Args:
        base: before the edit.
        head: and after it; None where all of `base` is gone.
        files: for an edit of a cell, of which `base` and `head` are the part that differs.
        others: reads the rest of the cell. It is called if the guard's verdict depends on it.
    """
    before, after = plan_of(base), plan_of(head)
    old = {tenant.id: tenant for tenant in before.tenants}
    new = {tenant.id: tenant for tenant in after.tenants}
    steps = edit_steps(before, after)
    found = [
        change
        for name in sorted(old.keys() | new.keys())
        if (change := _change(name, old.get(name), new.get(name), base, head))
    ]
    return Changes(
        tenants=tuple(sorted(found, key=lambda change: _rank(change.kind))),
        before=totals(before),
        after=totals(after),
        reasons=refusals(instances_beside(before, steps, others), steps),
        files=files,
    )


def instances_beside(
    before: Plan, steps: tuple[Step, ...], others: Callable[[], Inventory | None]
) -> frozenset[str]:
    """The names of the instances before an edit, with those of the `others` if they matter."""
    if not depends_on_others(before.instances, steps):
        return frozenset(before.instances)
    return frozenset((*before.instances, *plan_of(others()).instances))


def plan_of(inventory: Inventory | None) -> Plan:
    """What `inventory` asks for, wherever that is; nothing without one."""
    # Nothing in the description depends on the namespace or the cluster domain.
    if inventory:
        return expand(inventory, namespace="any")
    return Plan(namespace="any", domain="", tenants=())


def _entry(tenant: str, inventory: Inventory | None) -> Tenant | None:
    return inventory.tenants.get(tenant) if inventory else None


def _rank(kind: Kind) -> int:
    return list(Kind).index(kind)


def _change(
    name: str,
    old: TenantPlan | None,
    new: TenantPlan | None,
    base: Inventory | None,
    head: Inventory | None,
) -> TenantChange | None:
    """What the edit does to one tenant; None if nothing."""
    before, after = old.instances if old else (), new.instances if new else ()
    entry, edited = _entry(name, base), _entry(name, head)
    integrations = entry.integrations if entry else 0, edited.integrations if edited else 0
    effects = [*_comings_and_goings(old, new), *_restarts(before, after)]
    if old and new:
        effects += _differences(old, new)
    if entry and edited and after:
        effects += _permissions(entry.clients, edited.clients)
    if old and new:
        effects += _still_connected(old, new)
    if not effects and integrations[0] != integrations[1]:
        effects = [Effect(Kind.NOTHING, "the servers stay as they are")]
    if not effects:
        return None
    return TenantChange(
        tenant=name,
        instances=(len(before), len(after)),
        integrations=integrations,
        objects=_objects(len(before), len(after), keeps_rows=new is not None and not after),
        effects=tuple(sorted(effects, key=lambda effect: _rank(effect.kind))),
    )


def _objects(before: int, after: int, *, keeps_rows: bool) -> tuple[tuple[str, int], ...]:
    """How many objects of each kind are added or removed with the instances."""
    counts: dict[str, int] = dict.fromkeys(OF_AN_INSTANCE, after - before)
    counts |= dict.fromkeys(OF_A_TENANT, bool(after) - bool(before))
    if keeps_rows:
        counts["row"] = 0
    return tuple((kind, count) for kind, count in counts.items() if count)


def _comings_and_goings(old: TenantPlan | None, new: TenantPlan | None) -> Iterator[Effect]:
    """The effects of adding or removing a tenant or its servers."""
    before, after = len(old.instances) if old else 0, len(new.instances) if new else 0
    if not new:
        words = "removed, which `up` refuses: first deploy `state: decommissioned`"
        yield Effect(Kind.REMOVES, words) if before else Effect(Kind.OTHER, "removed")
    elif not old:
        words = "new" if after else f"new, and {new.state}"
        yield Effect(Kind.ADDS if after else Kind.OTHER, words)
        if after and new.egress == "open":
            yield Effect(Kind.REACH, "egress: open")
    elif before and not after:
        words = f"{new.state}, which `up` refuses while it has integrations; its rows stay"
        yield Effect(Kind.REMOVES, words)
    elif after < before:
        yield Effect(Kind.REMOVES, "integrations on removed servers move first")
    elif after > before:
        yield Effect(Kind.ADDS, "" if before else f"{new.state} again")


def _restarts(
    before: tuple[InstancePlan, ...], after: tuple[InstancePlan, ...]
) -> Iterator[Effect]:
    """What happens to the servers that exist before and after."""
    reasons: Counter[str] = Counter()
    restarted = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            restarted += 1
            reasons.update(dict.fromkeys(_reasons(old, new), 1))
    if restarted:
        told = f"{counted(restarted, 'server')} {agreeing(restarted, 'restarts', 'restart')}"
        yield Effect(Kind.RESTARTS, f"{told} ({', '.join(reasons)})")


def _reasons(old: InstancePlan, new: InstancePlan) -> list[str]:
    """What differs between a server before and after."""
    told = [
        words
        for name in _differing(old, new)
        if name not in _DERIVED
        for words in (
            _settings(old.config, new.config)
            if name == "config"
            else _said(_YAML_NAMES.get(name, name), getattr(old, name), getattr(new, name))
        )
    ]
    return told or ["its pod changes"]


def _differing(old: object, new: object) -> list[str]:
    """The names of the fields in which two objects of one class differ."""
    names = [field.name for field in fields(old)]  # pyright: ignore[reportArgumentType]
    return [name for name in names if getattr(old, name) != getattr(new, name)]


def _settings(old: str, new: str) -> Iterator[str]:
    """Which settings of nats-server differ: the outermost names of its configuration."""
    before, after = _outermost(old), _outermost(new)
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            yield from _said(_YAML_NAMES.get(name, name), before.get(name), after.get(name))


def _outermost(config: str) -> dict[str, str]:
    """Each outermost setting with all that belongs to it."""
    found: dict[str, str] = {}
    name = ""
    for line in config.splitlines():
        if setting := _SETTING.fullmatch(line):
            name, found[setting[1]] = setting[1], setting[2]
        else:
            found[name] = f"{found.get(name, '')}\n{line}"
    return found


def _differences(old: TenantPlan, new: TenantPlan) -> Iterator[Effect]:
    """How a tenant differs, apart from its servers and its state."""
    for name in _differing(old, new):
        if name in ("instances", "state"):
            continue
        if name in ("egress", "nkeys") or name.startswith("client"):
            kind = Kind.REACH
        else:
            kind = Kind.MOVES if name in ("placement", "capacity") else Kind.OTHER
        for words in _said(_YAML_NAMES.get(name, name), getattr(old, name), getattr(new, name)):
            yield Effect(kind, words)
    if not new.instances:
        return
    if old.nkeys and not new.nkeys:
        yield Effect(Kind.REACH, "every pod with its label may connect, without a key")
    if old.client_service_accounts and not new.client_service_accounts:
        yield Effect(Kind.REACH, "pods of every service account may carry its label")
    if any(each.tls_secret for each in old.instances) and not new.instances[0].tls_secret:
        yield Effect(Kind.REACH, "its clients speak in plain text")


def _still_connected(old: TenantPlan, new: TenantPlan) -> Iterator[Effect]:
    """Whose connections outlive the edit that takes their right to connect away.

    A NetworkPolicy is asked when a connection begins, and the admission policy when a pod does. Not
    here: keys and certificates. They are in the configuration, so a change of them restarts the
    servers, which ends every connection.
    """
    kept = list(zip(old.instances, new.instances, strict=False))
    namespaces = _gone(old.client_namespaces, new.client_namespaces)
    if namespaces and any(before == after for before, after in kept):
        yield Effect(
            Kind.REACH,
            f"connected clients in {_listed(namespaces)} stay connected until the servers restart: "
            f"after the `up`, `kubectl -n $NS delete pod -l app={APP},{TENANT_LABEL}={new.id}`",
        )
    if not kept or not new.client_service_accounts:
        return
    accounts = _gone(old.client_service_accounts, new.client_service_accounts)
    if not old.client_service_accounts:
        accounts = ["every other service account"]
    if accounts:
        yield Effect(
            Kind.REACH,
            f"running pods of {_listed(accounts)} keep its label, and the way to the servers, "
            "until somebody deletes them: after the `up`, `kubectl -n NAMESPACE delete pod "
            f"-l {TENANT_LABEL}={new.id} --field-selector spec.serviceAccountName=ACCOUNT`",
        )


def _gone(old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    return [item for item in old if item not in new]


def _permissions(old: Clients, new: Clients) -> Iterator[Effect]:
    """The changed rights of keys that were there before."""
    before = {nkey.key: nkey for nkey in old.nkeys}
    for nkey in new.nkeys:
        known = before.get(nkey.key, nkey)
        for right in ("publish", "subscribe"):
            was, will = getattr(known, right), getattr(nkey, right)
            if set(was) != set(will):
                yield Effect(Kind.REACH, f"{nkey.key[:8]}… {right}: {_items(was, will)}")


def _said(name: str, old: Any, new: Any) -> Iterator[str]:
    """What differs in a field: `egress: dns → open`, `clients.namespaces: +acme-jobs`."""
    match old, new:
        case BaseModel(), BaseModel() if type(old) is type(new):
            for field in type(old).model_fields:
                if getattr(old, field) != getattr(new, field):
                    yield from _said(f"{name}.{field}", getattr(old, field), getattr(new, field))
        case Mapping(), Mapping():
            yield f"{name}: {_items(_pairs(old), _pairs(new))}"
        case tuple(), tuple():
            yield f"{name}: {_items(cast('Items', old), cast('Items', new))}"
        case (str() | int(), str() | int()) if "\n" not in f"{old}{new}":
            yield f"{name}: {printable(str(old))} → {printable(str(new))}"
        case _:
            yield f"{name} {'added' if old is None else 'removed' if new is None else 'changed'}"


def _pairs(labels: Any) -> Items:
    """`pool=nats` of each label, as kubectl takes them."""
    return tuple(f"{key}={value}" for key, value in labels.items())


def _items(old: Items, new: Items) -> str:
    signed = [f"+{item}" for item in new if item not in old]
    signed += [f"-{item}" for item in old if item not in new]
    return _listed(signed) or "another order"


def _listed(words: list[str]) -> str:
    return listed([*map(printable, words)], _LONGEST_LIST)


def changed(before: int, after: int, noun: str) -> str:
    """`2 → 3 instances`, `1 instance`."""
    told = counted(after, noun)
    return told if before == after else f"{before} → {told}"
