"""Sweeps: tests that try a fault at many points. `make test` tries a sample, `make soak` all.

TENANT_NATS_SEED draws the sample. Of the provider's faults it meets each point and each operation
at least once; of the moments of a kill and of the cuts of a file it is a few. `make soak` goes
through all cases as often as it has rounds; what a test draws, it draws anew in each.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import settings

ROUNDS = int(os.environ.get("TENANT_NATS_SOAK", "0"))
"""How often `make soak` goes through everything; 0 in `make test`."""
SEED = os.environ.get("TENANT_NATS_SEED", "6")

_T = TypeVar("_T")


def swept(complete: Sequence[_T], sample: int) -> list[_T]:
    """The cases of a sweep: in `make test` so many of them, in `make soak` all in each round."""
    if ROUNDS:
        return [*complete] * ROUNDS
    chosen = random.Random(SEED).sample(range(len(complete)), sample)  # noqa: S311
    return [complete[number] for number in sorted(chosen)]


def examples(count: int) -> settings:
    """Decorates a property: so many examples, and in a soak ten times as many for each round."""
    return settings(max_examples=10 * ROUNDS * count if ROUNDS else count)


@pytest.fixture
def drawn(request: pytest.FixtureRequest) -> random.Random:
    """What a test draws: the same each time for the same seed, other for each case and round."""
    return random.Random(f"{SEED} {request.node.name}")  # noqa: S311
