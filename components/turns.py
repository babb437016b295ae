"""One tenant's servers after another's: an order of time, which is no dependency.

The engine answers a registration when the resource is finished, whether it succeeded or failed. So
what is registered only then comes later, and yet needs nothing of the other: the state has no edge
between two tenants, and one that fails holds up no other.
"""

import asyncio
from collections.abc import Awaitable, Sequence

import pulumi


def in_turn(
    needed: Sequence[pulumi.Resource], after: Sequence[pulumi.Resource]
) -> list[pulumi.Resource] | Awaitable[list[pulumi.Resource]]:
    """`needed`, for a `depends_on`; once the engine is done with all of `after`."""
    return asyncio.ensure_future(_once_done(after, list(needed))) if after else list(needed)


async def _once_done(
    after: Sequence[pulumi.Resource], needed: list[pulumi.Resource]
) -> list[pulumi.Resource]:
    # A registration that raises ends the whole run, in its own place.
    await asyncio.gather(*(each.urn.future() for each in after), return_exceptions=True)
    return needed
