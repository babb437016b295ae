"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as it is so; that it never is, is a failure."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"it has not come about in {seconds} s"
        time.sleep(0.05)
