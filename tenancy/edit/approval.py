"""Which edits remove so much that they need an approval: a guard against accidents.

A cut file, a lost half of a merge, a wrong path in `inventory`: each is a valid inventory in which
many tenants are missing. Such an edit may well be right, but somebody has to confirm it, by
committing the `approval` of exactly these steps.
"""

import hashlib
from collections.abc import Iterable

from tenancy.edit.steps import Step
from tenancy.names import instance_of
from tenancy.plan.plan import Plan
from tenancy.tokens import NATS_INSTANCE, TENANT, TENANT_RECORDS
from tenancy.words import listed

MOST_TENANTS = 1
"""How many tenants may lose their last server without an approval."""
LARGEST_SHARE = 25
"""How many percent of the instances may be removed without an approval…"""
FEWEST_INSTANCES = 10
"""… if there are at least this many; of fewer, one is soon a quarter."""

_SUFFIXES = {
    NATS_INSTANCE: "",
    "kubernetes:apps/v1:Deployment": "-deployment",
    "kubernetes:core/v1:Service": "-service",
}
"""The resources that every instance has, and what their logical names add to the instance's."""
_REPLACING = {"replace", "create-replacement", "delete-replaced", "import-replacement"}
IDLE = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""
_LONGEST_LIST = 10


def refusals(base: Plan, steps: Iterable[Step]) -> tuple[str, ...]:
    """Why `steps` need an approval, a line for each reason; empty if they need none.

    Args:
        base: the plan before them; the limit is a share of its instances.
        steps: what the edit does to it.
    """
    steps = tuple(steps)
    going, gone, replaced = removed(steps), _gone(base, steps), _replaced(steps)
    total = len(base.instances)
    reasons: list[str] = []
    if len(gone) > MOST_TENANTS:
        reasons.append(f"{len(gone)} tenants lose every server: {listed(gone, _LONGEST_LIST)}")
    if total >= FEWEST_INSTANCES and 100 * len(going) > LARGEST_SHARE * total:
        share = f"{100 * len(going) / total:.3g}%"
        limit = f"{LARGEST_SHARE}% is the most without an approval"
        reasons.append(f"{len(going)} of {total} instances go ({share}), and {limit}")
    if replaced:
        reasons.append(
            f"{len(replaced)} to be replaced, not updated: {listed(replaced, _LONGEST_LIST)}"
        )
    return tuple(reasons)


def removed(steps: Iterable[Step]) -> set[str]:
    """The names of the instances whose component, Deployment or Service `steps` delete."""
    names = {
        step.name.removesuffix(_SUFFIXES[step.type])
        for step in steps
        if step.operation == "delete" and step.type in _SUFFIXES
    }
    return {name for name in names if instance_of(name)}


def overlooked(base: Plan, head: Plan, steps: Iterable[Step]) -> tuple[str, ...]:
    """The instances that an edit removes and `steps` do not: then `steps` are not of this edit."""
    return tuple(sorted(base.instances.keys() - head.instances.keys() - removed(steps)))


def approval(steps: Iterable[Step]) -> str:
    """What approves exactly these steps: SHA-256 over the sorted lines `operation URN`, in hex.

    One step more or less needs another approval. Steps that change nothing do not count, nor do
    updates of rows: whether one is due depends on where integrations are at the moment, and it
    removes no server.
    """
    lines = sorted(f"{step.operation} {step.urn}\n" for step in steps if _is_approved(step))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_approved(step: Step) -> bool:
    updates_rows = (step.operation, step.type) == ("update", TENANT_RECORDS)
    return step.operation not in IDLE and not updates_rows


def _gone(base: Plan, steps: tuple[Step, ...]) -> list[str]:
    """The tenants that lose an instance and keep none."""
    going = removed(steps)
    losing = {known[0] for name in going if (known := instance_of(name))}
    keeping = {instance.tenant for name, instance in base.instances.items() if name not in going}
    deleted = {step.name for step in steps if step.type == TENANT and step.operation == "delete"}
    return sorted(losing - (keeping - deleted))


def _replaced(steps: tuple[Step, ...]) -> list[str]:
    kinds = _SUFFIXES.keys() - {NATS_INSTANCE}
    replaced = {step for step in steps if step.operation in _REPLACING and step.type in kinds}
    return sorted({f"{step.type.rpartition(':')[2]} {step.name}" for step in replaced})
