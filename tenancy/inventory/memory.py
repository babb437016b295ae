"""How much may wait in a server for a client that does not read, and how many it has memory for.

A nats-server copies every message for every subscriber, and keeps the copies until they are sent.
It cuts off a client for which more than `max_pending` waits, after it has added the message that is
too much. So each client may use `max_pending`, one message, and what the kernel holds in its
socket, which counts as the container's. `python -m benchmarks.stalled_clients` measures that.
The Go runtime's own limit (GOMEMLIMIT) bounds none of this: these bytes are in use, not garbage.
"""

from tenancy.inventory.models import Inventory, Size
from tenancy.inventory.types import in_bytes
from tenancy.words import agreeing, counted

_SHARE = 0.7
"""How much of the memory limit messages may take. The runtime aims at 80%; close to that it
collects garbage without pause, and the smallest server needs 15 MiB for itself."""
_MESSAGES = 2
"""The fewest messages of the largest size that may wait. With only one, whoever receives such a
message is cut off, since its header counts too."""
_SOCKET = 4 * 2**20
"""The most that the kernel holds for one client (`net.ipv4.tcp_wmem`)."""
_MOST = 64 * 2**20
"""What nats-server allows by default."""


def max_pending(size: Size) -> str:
    """How much may wait for one client, as in "16MB".

    Unless the size says it, each connection's share of the memory, less one message and its socket:
    at least two messages of the largest size, and at most 64MB.
    """
    if size.max_pending is not None:
        return size.max_pending
    share = _for_messages(size) // size.max_connections - in_bytes(size.max_payload) - _SOCKET
    whole = min(share, _MOST) // 2**20 * 2**20
    return _written(max(whole, _MESSAGES * in_bytes(size.max_payload)))


def stalled_clients(size: Size) -> int:
    """How many clients a server survives that stall at once, each with all that may wait for it."""
    each = in_bytes(max_pending(size)) + in_bytes(size.max_payload) + _SOCKET
    return _for_messages(size) // each


def told(inventory: Inventory) -> tuple[str, ...]:
    """A line for each size in use whose servers admit more clients than may stall at once."""
    used = {
        tenant.size: inventory.size_of(tenant)
        for tenant in inventory.tenants.values()
        if tenant.state == "active"
    }
    return tuple(
        _told(name, size)
        for name, size in sorted(used.items())
        if stalled_clients(size) < size.max_connections
    )


def _told(name: str, size: Size) -> str:
    clients = stalled_clients(size)
    return (
        f"size {name}: its memory ({size.limits.memory}) lasts for {counted(clients, 'client')} "
        f"that {agreeing(clients, 'stalls', 'stall')} at once, and it admits "
        f"{size.max_connections} (maxConnections). Each may use {max_pending(size)} (maxPending), "
        f"a message of {size.max_payload} (maxPayload), and {_written(_SOCKET)} in the kernel."
    )


def _for_messages(size: Size) -> int:
    return int(in_bytes(size.limits.memory) * _SHARE)


def _written(amount: int) -> str:
    """An amount of whole KB, as an inventory and nats-server write it."""
    return f"{amount // 2**10}KB" if amount % 2**20 else f"{amount // 2**20}MB"
