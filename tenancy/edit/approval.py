"""Which edits remove so much that a second look is due: a guard against the edit gone wrong.

A cut file, a lost half of a merge, a wrong path in `inventory`: each is a valid inventory in which
many tenants are missing. What is refused here is not wrong. It has to be meant, which somebody says
by committing the `approval` of exactly these steps.
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
"""How many percent of the instances may go without an approval…"""
FEWEST_INSTANCES = 10
"""… where there are as many as this; of fewer, one is soon a quarter."""

_SUFFIXES = {
    NATS_INSTANCE: "",
    "kubernetes:apps/v1:Deployment": "-deployment",
    "kubernetes:core/v1:Service": "-service",
}
"""What there is no instance without, and what its logical name adds to the instance's."""
_REPLACING = {"replace", "create-replacement", "delete-replaced", "import-replacement"}
IDLE = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""
_LONGEST_LIST = 10


def refusals(base: Plan, steps: Iterable[Step]) -> tuple[str, ...]:
    """Why `steps` need an approval, a line for each reason; none when they need none.

    Args:
        base: what there is, which says how much a quarter is.
        steps: what is to be done to it.
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
    """The names of the instances that `steps` delete, or whose Deployment or Service they do."""
    names = {
        step.name.removesuffix(_SUFFIXES[step.type])
        for step in steps
        if step.operation == "delete" and step.type in _SUFFIXES
    }
    return {name for name in names if instance_of(name)}


def overlooked(base: Plan, head: Plan, steps: Iterable[Step]) -> tuple[str, ...]:
    """The instances that an edit removes and `steps` do not: those are steps of something else."""
    return tuple(sorted(base.instances.keys() - head.instances.keys() - removed(steps)))


def approval(steps: Iterable[Step]) -> str:
    """What approves just these steps: SHA-256 over the sorted lines `operation URN`, in hex.

    Any other step more or less is another approval. What changes nothing is left out, and so is an
    update of rows: whether one is due depends on the integrations of the hour, and no server goes
    by it.
    """
    lines = sorted(f"{step.operation} {step.urn}\n" for step in steps if _is_approved(step))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_approved(step: Step) -> bool:
    of_the_hour = (step.operation, step.type) == ("update", TENANT_RECORDS)
    return step.operation not in IDLE and not of_the_hour


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
