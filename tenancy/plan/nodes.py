"""On which nodes the servers run: what a stack says of all of them, and a size of its own.

A size's `nodeSelector` is added to the stack's, and wins where both name a key; its tolerations are
added to the stack's; its `priorityClassName` takes the place of the stack's. So a stack says what
holds for its cluster, and a size only what differs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tenancy.inventory.models import Size, Toleration
from tenancy.words import agreeing

LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""The taints, with the effect NoExecute, that Kubernetes gives to a node that it has lost."""
_EVICTS = "NoExecute"


class NodesError(Exception):
    """What a size says of nodes contradicts what the stack says; the text is one line."""


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """What the scheduler is told of a server."""

    selector: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The labels that a node has to have."""
    tolerations: tuple[Toleration, ...] = ()
    priority_class_name: str | None = None
    lost_seconds: int | None = None
    """How long a server stays on a node that is lost; None for what Kubernetes does, 300."""

    def check(self, sizes: Mapping[str, Size]) -> None:
        """Compare with what the sizes of an inventory say, by name.

        Raises:
            NodesError: a size tolerates a lost node by itself, and the stack says for how long.
        """
        if self.lost_seconds is None:
            return
        told = [
            f"sizes.{name}.tolerations[{place}] ({toleration})"
            for name, size in sizes.items()
            for place, toleration in of_lost_nodes(size.tolerations)
        ]
        if told:
            raise NodesError(
                f"{' and '.join(told)} {agreeing(len(told), 'tolerates', 'tolerate')} a lost node "
                f"too, and the stack's pod.nodeLostSeconds is {self.lost_seconds}: leave out one "
                "of the two, or name another `key` or `effect`"
            )

    def of(self, size: Size) -> "Nodes":
        """These for the servers of a size."""
        return Nodes(
            selector=MappingProxyType({**self.selector, **size.node_selector}),
            tolerations=(
                *_distinct([*size.tolerations, *self.tolerations]),
                *self._of_lost_nodes(),
            ),
            priority_class_name=size.priority_class_name or self.priority_class_name,
            lost_seconds=self.lost_seconds,
        )

    def _of_lost_nodes(self) -> Iterator[Toleration]:
        if self.lost_seconds is not None:
            for taint in LOST:
                yield Toleration(
                    key=taint,
                    operator="Exists",
                    effect=_EVICTS,
                    toleration_seconds=self.lost_seconds,
                )


ANY_NODE = Nodes()
"""What a stack says that says nothing."""


def of_lost_nodes(tolerations: Iterable[Toleration]) -> list[tuple[int, Toleration]]:
    """Those that tolerate a lost node, each with its place in the list."""
    return [
        (place, each)
        for place, each in enumerate(tolerations)
        if any(each.tolerates(taint, _EVICTS) for taint in LOST)
    ]


def _distinct(tolerations: Iterable[Toleration]) -> tuple[Toleration, ...]:
    """Each once. The first that fits a taint counts, so a size's are before the stack's."""
    return tuple(dict.fromkeys(tolerations))
