"""A moment of a stack: what was asked for, and what the API server then held."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tenancy.plan.plan import Plan
from tests.isolation.analyser import ask
from tests.isolation.cluster import Object
from tests.isolation.topology import servers, surroundings
from tests.isolation.truth import cells, wrong


@dataclass(frozen=True)
class Comparison:
    """The table beside the analyser's answers."""

    cells: int
    wrong: list[str]
    """A line for each source and target with wrong cells."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A plan that was carried out, and the objects that came of it."""

    plan: Plan
    policies: Sequence[Object]
    pods: Sequence[Object]
    """The NATS pods."""
    namespaces: Sequence[Object]
    """The servers' one, and kube-system with the labels that Kubernetes writes."""

    def compared(self, folder: Path) -> Comparison:
        """Ask the analyser, and compare its answers with the table, cell by cell."""
        places = servers(self.pods)
        planned = [*self.plan.instances]
        assert sorted(place.name for place in places) == sorted(planned)
        names = [each["metadata"]["name"] for each in self.namespaces]
        objects = [*self.policies, *self.namespaces, *self.pods, *surroundings(self.plan, names)]
        table = list(cells(self.plan, places))
        return Comparison(len(table), wrong(table, ask(objects, folder).reaches))
