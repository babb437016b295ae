"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable

import tenacity


def wait_until(is_so: Callable[[], object], seconds: float = 300) -> None:
    """Return as soon as it is so; that it never is, is a failure."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"it has not come about in {seconds} s"
        time.sleep(0.05)


def within(seconds: float) -> tenacity.Retrying:
    """Decorates what asserts something that may be so only a moment later: it is tried until then.

    So that a machine that stands still for a second is no failure.
    """
    return tenacity.Retrying(
        stop=tenacity.stop_after_delay(seconds), wait=tenacity.wait_fixed(0.2), reraise=True
    )
