"""In which order of time servers are registered when tenants take turns, and when they do not."""

import threading
import time
from itertools import combinations
from typing import Any

import pytest

from rendering import recorder
from settings.stack import Settings
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import expand
from tenant_nats.construction import build
from tenant_nats.decision import Decision

LONG = 20
"""Seconds for what comes at once, on however busy a machine."""
SHORT = 0.2
"""Seconds in which what waits for nobody would come."""
PLAN = expand(
    Inventory.model_validate({"tenants": {"acme": {"instances": 2}, "globex": {}, "hooli": {}}}),
    namespace="vrsky-tenants",
)
ACME_1, ACME_2, GLOBEX, HOOLI = PLAN.instances


class Engine:
    """Answers for a Deployment only after those that come `together` with it, and others could."""

    def __init__(self, together: set[str]) -> None:
        self.together = together
        self.order: list[str] = []
        """Each server when it comes, and again when it is answered."""
        self._moved = threading.Condition()

    def answer_for(self, server: str) -> None:
        with self._moved:
            self.order.append(server)
            self._moved.notify_all()
            if server in self.together:
                self._moved.wait_for(lambda: self.together <= {*self.order}, LONG)
        time.sleep(SHORT)
        self.order.append(server)

    def has_together(self, one: str, other: str) -> bool:
        here = [name for name in self.order if name in (one, other)]
        return here[0] != here[1]


@pytest.mark.parametrize(
    ("in_turn", "together"),
    [
        ((), {ACME_1, ACME_2, GLOBEX, HOOLI}),
        (("acme", "globex", "hooli"), {ACME_1, ACME_2}),
        (("acme", "hooli"), {ACME_1, ACME_2, GLOBEX}),
    ],
    ids=["no turns", "all in turn", "a new one waits for nobody"],
)
def test_tenants_take_turns_and_the_servers_of_one_do_not(
    monkeypatch: pytest.MonkeyPatch, in_turn: tuple[str, ...], together: set[str]
) -> None:
    engine = Engine(together)
    answer: Any = recorder._Recorder.RegisterResource  # pyright: ignore[reportPrivateUsage]

    def slowly(monitor: object, request: Any) -> object:
        if request.type.endswith(":Deployment"):
            engine.answer_for(request.name.removesuffix("-deployment"))
        return answer(monitor, request)

    monkeypatch.setattr("rendering.recorder._Recorder.RegisterResource", slowly)
    decision = Decision(plan=PLAN, in_turn=frozenset(in_turn))
    recorder.deploy(lambda: build(Settings(), decision))
    assert sorted(engine.order) == sorted([*PLAN.instances] * 2)
    for pair in combinations(together, 2):
        assert engine.has_together(*pair), f"one of {pair} waits for the other"
    for pair in combinations(PLAN.instances.values(), 2):
        one, other = (each.tenant for each in pair)
        if one != other and {one, other} <= {*in_turn}:
            assert not engine.has_together(*(each.name for each in pair)), "turns overlap"
