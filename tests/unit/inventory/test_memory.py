"""How much may wait for a client, and how many clients may stall."""

import pytest

from tenancy.inventory.memory import max_pending, stalled_clients, told
from tenancy.inventory.models import BUILT_IN_SIZES, STANDARD, Inventory, Size
from tenancy.inventory.types import in_bytes

MEMORIES = ("64Mi", "65Mi", "512Mi", "4Gi", "64Gi")
PAYLOADS = ("1KB", "513KB", "1MB", "8MB")
CONNECTIONS = (1, 7, 1000, 100_000)


def size(memory: str, **settings: object) -> Size:
    resources = {"cpu": "1", "memory": memory}
    return Size.model_validate({"requests": resources, "limits": resources, **settings})


@pytest.mark.parametrize(
    ("given", "pending", "clients"),
    [
        pytest.param(BUILT_IN_SIZES[STANDARD], "16MB", 102, id="standard"),
        pytest.param(size("1Gi", maxConnections=25), "16MB", 25, id="the share of a connection"),
        pytest.param(
            size("1Gi", maxPayload="512KB", maxConnections=2000), "1MB", 130, id="two messages"
        ),
        pytest.param(
            size("1Gi", maxPayload="513KB", maxConnections=2000), "1026KB", 130, id="in KB"
        ),
        pytest.param(size("8Gi", maxConnections=10), "64MB", 75, id="no more than by default"),
        pytest.param(size("4Gi", maxPending="9MB"), "9MB", 136, id="as it is said"),
    ],
)
def test_what_may_wait_follows_from_memory_connections_and_payload(
    given: Size, pending: str, clients: int
) -> None:
    assert (max_pending(given), stalled_clients(given)) == (pending, clients)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("connections", CONNECTIONS)
def test_whatever_the_size_two_messages_may_wait_and_one_client_may_stall(
    memory: str, payload: str, connections: int
) -> None:
    given = size(memory, maxPayload=payload, maxConnections=connections)
    assert 2 * in_bytes(payload) <= in_bytes(max_pending(given)) <= 64 * 2**20
    assert stalled_clients(given) >= 1


def test_a_size_that_is_used_and_cannot_use_all_at_once_is_told() -> None:
    fits, crowded = size("1Gi", maxConnections=25), size("1Gi", maxPending="32MB")
    tenants = {
        "acme": {},
        "globex": {"size": "fits"},
        "initech": {"size": "crowded"},
        "hooli": {"size": "gone", "state": "decommissioned"},
    }
    sizes = {"fits": fits, "crowded": crowded, "unused": crowded, "gone": crowded}
    inventory = Inventory.model_validate({"tenants": tenants, "sizes": sizes})
    assert told(inventory) == (
        "size crowded: its memory (1Gi) lasts for 16 clients that stall at once, and it admits "
        "1000 (maxConnections). Each may use 32MB (maxPending), a message of 8MB (maxPayload), "
        "and 4MB in the kernel.",
        "size standard: its memory (4Gi) lasts for 102 clients that stall at once, and it admits "
        "1000 (maxConnections). Each may use 16MB (maxPending), a message of 8MB (maxPayload), "
        "and 4MB in the kernel.",
    )
