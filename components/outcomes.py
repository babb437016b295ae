"""Whether the engine has done what a resource needs, before that resource is registered.

With `--continue-on-error` the engine skips what depends on a failed step. What it skips keeps its
place in the state, but not what it needs there: before it deletes, the engine spares what a failed
step depends on, and not what a skipped one does. So a resource that would be skipped has to fail.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import pulumi


class Outcomes:
    """What became of `needed`, as futures for the registration of what needs it."""

    needed: asyncio.Future[list[pulumi.Resource]]
    """For a `depends_on`: all of them, or none if one was not done, since then it would skip."""
    undone: asyncio.Future[list[str] | None]
    """The logical names of those that failed or were skipped; None when there are none."""

    def __init__(self, needed: Sequence[pulumi.Resource]) -> None:
        self.undone = asyncio.ensure_future(_undone(needed))
        self.needed = asyncio.ensure_future(_unless(self.undone, needed))


async def _undone(needed: Sequence[pulumi.Resource]) -> list[str] | None:
    if pulumi.runtime.is_dry_run():
        # Nothing fails, and the outputs of what an `up` would make are not known.
        return None
    return [each.pulumi_resource_name for each in needed if not await _is_done(each)] or None


async def _unless(
    undone: Awaitable[list[str] | None], needed: Sequence[pulumi.Resource]
) -> list[pulumi.Resource]:
    return [] if await undone else list(needed)


async def _is_done(resource: pulumi.Resource) -> bool:
    # A failed step has the URN and maybe the id, and no other output is known. A skipped one has
    # what a preview of it would have: so KubernetesObject has an output that no preview knows.
    outputs = [
        cast("pulumi.Output[Any]", value)
        for name, value in vars(resource).items()
        if name not in ("urn", "id") and isinstance(value, pulumi.Output)
    ]
    try:
        return all([await each.is_known() for each in outputs])
    except Exception:
        # A registration that raises ends the whole run, in its own place.
        return False
