"""Invariant 3, over all that happens to a stack: no wrong cell after, no open pod meanwhile."""

from pathlib import Path

import pytest

from tests.isolation.lifecycle import CHANGES, Lifecycle
from tests.isolation.moments import unselected
from tests.isolation.tally import Tally


@pytest.mark.parametrize("change", CHANGES)
def test_no_cell_is_wrong(change: str, lifecycle: Lifecycle, tmp_path: Path, tally: Tally) -> None:
    comparison = lifecycle.states[change].compared(tmp_path)
    tally.count(comparison)
    assert comparison.wrong == []


def test_no_nats_pod_ever_exists_without_a_policy_that_selects_it(
    lifecycle: Lifecycle, tally: Tally
) -> None:
    tally.events += len(lifecycle.events)
    seen = {(event.object["kind"], event.type) for event in lifecycle.events}
    assert seen == {
        (kind, type_)
        for kind in ("Pod", "NetworkPolicy")
        for type_ in ("ADDED", "MODIFIED", "DELETED")
    }
    assert unselected(lifecycle.events) == []
