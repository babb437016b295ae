"""Whether each object of a cell's namespace is in the state of exactly one member."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.e2e.cell import Cell

_KINDS = ("configmap", "deployment", "limitrange", "networkpolicy", "service")
"""All that the members of a cell make in its namespace, where nothing watches it."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the namespace of a cell has, beside what the states of all its members say."""

    recorded: int
    """Objects that the states have."""
    orphans: tuple[str, ...]
    """`Kind/name` of objects that are live and in no state."""
    missing: tuple[str, ...]
    """`Kind/name` of objects that a state has and that are not live."""
    shared: tuple[str, ...]
    """`Kind/name` of objects that more than one state has."""
    pending: tuple[str, ...]
    """What the engines had begun and not noted as done: `creating URN`."""

    @property
    def is_clean(self) -> bool:
        """Whether every object is live and in exactly one state, and nothing was left half done."""
        return not (self.orphans or self.missing or self.shared or self.pending)


def compare(cell: Cell, members: Iterable[str]) -> Comparison:
    """Compare the objects of the namespace with the states of these members, which are all."""
    recorded: Counter[str] = Counter()
    pending: list[str] = []
    for member in members:
        state = json.loads(cell.member(member).pulumi("stack", "export"))["deployment"]
        for each in state.get("resources", ()):
            kind = each["type"].rpartition(":")[2]
            if each["type"].startswith("kubernetes:") and not each.get("external"):
                namespace, _, name = each["id"].rpartition("/")
                recorded.update([f"{kind}/{name}"] if namespace == cell.namespace else [])
        pending += [
            f"{each['type']} {each['resource']['urn']}"
            for each in state.get("pending_operations", ())
        ]
    live = set(cell.any.names(*_KINDS))
    return Comparison(
        recorded=len(recorded),
        orphans=tuple(sorted(live - set(recorded))),
        missing=tuple(sorted(set(recorded) - live)),
        shared=tuple(sorted(name for name, count in recorded.items() if count > 1)),
        pending=tuple(pending),
    )
