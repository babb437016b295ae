"""Which edits remove so much that they need an approval: a guard against accidents.

A cut file, a lost half of a merge, a wrong path in `inventory`: each is a valid inventory in which
many tenants are missing. Such an edit may well be right, but somebody has to confirm it, by
committing the `approval` of exactly these steps on exactly these servers.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator

from tenancy.edit.steps import SUFFIXES, Step
from tenancy.names import instance_of
from tenancy.tokens import NATS_INSTANCE, TENANT, TENANT_RECORDS
from tenancy.words import agreeing, counted, listed

MOST_TENANTS = 1
"""How many tenants may lose their last server without an approval."""
LARGEST_SHARE = 25
"""How many percent of the instances may be removed without an approval…"""
FEWEST_INSTANCES = 10
"""… if there are at least this many; of fewer, one is soon a quarter."""

_RECORDS = "-records"
"""What the logical name of a tenant's rows adds to its id."""
_REPLACING = {"replace", "create-replacement", "delete-replaced", "import-replacement"}
IDLE = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""
_LONGEST_LIST = 10


def refusals(base: Collection[str], steps: Iterable[Step]) -> tuple[str, ...]:
    """Why `steps` need an approval, a line for each reason; empty if they need none.

    Args:
        base: the names of the instances before them; the limit is a share of these.
        steps: what the edit does to it.
    """
    steps = tuple(steps)
    going, gone, replaced = removed(steps), _gone(base, steps), _replaced(steps)
    total = len(base)
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
    return (*reasons, *_readdressed(steps))


def depends_on_others(base: Collection[str], steps: Iterable[Step]) -> bool:
    """Whether `steps` may exceed the limit, so that it matters which instances there are elsewhere.

    Args:
        base: the names of the instances before them in a part of what the limit is a share of.
        steps: what the edit does; nothing of it outside of that part.
    """
    return 100 * len(removed(steps)) > LARGEST_SHARE * len(base)


def gated(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Those that replace a server's objects or give rows another address.

    They are what is left to judge of one shard, where a gate has judged the losses of its cell.
    """
    return tuple(step for step in steps if step.readdressing or _replaced((step,)))


def removed(steps: Iterable[Step]) -> set[str]:
    """The names of the instances whose component, Deployment or Service `steps` delete."""
    names = {
        _instance(step) for step in steps if step.operation == "delete" and step.type in SUFFIXES
    }
    return {name for name in names if instance_of(name)}


def overlooked(base: Iterable[str], head: Iterable[str], steps: Iterable[Step]) -> tuple[str, ...]:
    """The instances that an edit removes and `steps` keep: such `steps` belong to another edit.

    Args:
        base: the names of the instances before the edit.
        head: and after it.
        steps: what is said to be its steps.
    """
    return tuple(sorted({*base} - {*head} - removed(steps)))


def approval(steps: Iterable[Step]) -> str:
    """What approves exactly these steps: SHA-256 over sorted lines, in hex.

    Each line is `operation URN`. If the step removes or replaces an instance's resource, the time
    at which the stack got it follows. So one step more or less needs another approval, and so does
    the same loss after the servers have come back. What others deploy meanwhile does not matter.

    Steps that change nothing do not count, nor do updates of rows: whether one is due depends on
    where integrations are at the moment, and it removes no server. Rows that get another address do
    count, and their line ends in `before → after`.
    """
    lines = sorted(_line(step) for step in steps if _is_approved(step))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def undated(steps: Iterable[Step]) -> tuple[str, ...]:
    """The instances that lose a resource by `steps`, and none of which the time is known.

    An approval of that would hold again after they have come back.
    """
    taking = [step for step in steps if _takes_away(step)]
    dated = {_instance(step) for step in taking if step.since}
    return tuple(sorted({_instance(step) for step in taking} - dated))


def _instance(step: Step) -> str:
    return step.name.removesuffix(SUFFIXES[step.type])


def _line(step: Step) -> str:
    since = f" {step.since}" if _takes_away(step) and step.since else ""
    readdressing = f" {step.readdressing}" if step.readdressing else ""
    return f"{step.operation} {step.urn}{since}{readdressing}\n"


def _takes_away(step: Step) -> bool:
    return step.type in SUFFIXES and step.operation in {"delete", *_REPLACING}


def _is_approved(step: Step) -> bool:
    updates_rows = (step.operation, step.type) == ("update", TENANT_RECORDS)
    return step.operation not in IDLE and (bool(step.readdressing) or not updates_rows)


def _gone(base: Collection[str], steps: tuple[Step, ...]) -> list[str]:
    """The tenants that lose an instance and keep none."""
    going = removed(steps)
    losing = {known[0] for name in going if (known := instance_of(name))}
    keeping = {known[0] for name in base if name not in going and (known := instance_of(name))}
    deleted = {step.name for step in steps if step.type == TENANT and step.operation == "delete"}
    return sorted(losing - (keeping - deleted))


def _readdressed(steps: tuple[Step, ...]) -> Iterator[str]:
    """Whose servers get other addresses: a wrong one leads every worker to nowhere."""
    tenants: dict[str, list[str]] = {}
    for step in steps:
        if step.readdressing:
            tenants.setdefault(step.readdressing, []).append(step.name.removesuffix(_RECORDS))
    for readdressing, names in sorted(tenants.items()):
        told = f"{counted(len(names), 'tenant')} {agreeing(len(names), 'gets', 'get')}"
        yield f"{told} other addresses ({readdressing}): {listed(sorted(names), _LONGEST_LIST)}"


def _replaced(steps: tuple[Step, ...]) -> list[str]:
    kinds = SUFFIXES.keys() - {NATS_INSTANCE}
    replaced = {step for step in steps if step.operation in _REPLACING and step.type in kinds}
    return sorted({f"{step.type.rpartition(':')[2]} {step.name}" for step in replaced})
