"""How busy the machine is, for limits of time that hold on an idle one."""

import time

MILLION = 0.015
"""Seconds for counting to a million on an idle machine; a busy one takes longer for all it does."""


def pace() -> float:
    """How many times longer than on an idle machine things take now; 1 at least."""
    began = time.perf_counter()
    for _ in range(20_000_000):
        pass
    return max(1, (time.perf_counter() - began) / (20 * MILLION))
