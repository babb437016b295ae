"""The most that a whole stack may ask for, so that a typo does not order a data centre."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tenancy.inventory.types import in_bytes, millicores
from tenancy.words import counted

_NAMED = 3
"""How many tenants the message names: those that ask for most."""


class CeilingError(Exception):
    """The inventory asks for more than its stack may have; the text is one line."""


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What a stack may ask for in all. None is no ceiling.

    CPU and memory are the servers' requests, which the scheduler reserves even if they are not
    used; the small requests of the exporters do not count.
    """

    instances: int | None = None
    cpu: str | None = None
    """A `Cpu`: "200"."""
    memory: str | None = None
    """A `Memory`: "400Gi"."""


NO_CEILING = Ceiling()


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one tenant asks for."""

    instances: int
    cpu: int
    """In thousandths of a core."""
    memory: int
    """In bytes."""


def check(ceiling: Ceiling, demands: Mapping[str, Demand]) -> None:
    """Check the sum of the tenants' `demands`.

    Raises:
        CeilingError: it exceeds the ceiling; the text has the sums, and who asks for most.
    """
    excesses = list(_excesses(ceiling, demands))
    if excesses:
        raise CeilingError(
            f"{'; '.join(excesses)}. Ask for less, or raise the ceiling of the stack "
            "(`pulumi config set`)."
        )


def _excesses(ceiling: Ceiling, demands: Mapping[str, Demand]) -> Iterator[str]:
    if ceiling.instances is not None:
        asked = {tenant: demand.instances for tenant, demand in demands.items()}
        yield from _excess(asked, ceiling.instances, "maxInstances", _instances)
    if ceiling.cpu is not None:
        asked = {tenant: demand.cpu for tenant, demand in demands.items()}
        yield from _excess(asked, millicores(ceiling.cpu), "maxCpu", _cpu)
    if ceiling.memory is not None:
        asked = {tenant: demand.memory for tenant, demand in demands.items()}
        yield from _excess(asked, in_bytes(ceiling.memory), "maxMemory", _memory)


def _excess(
    asked: Mapping[str, int], most: int, setting: str, words: Callable[[int], str]
) -> Iterator[str]:
    """The sum, the limit, and who asks for most, in words; nothing within the limit."""
    total = sum(asked.values())
    if total > most:
        ranked = sorted(asked.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
        shares = ", ".join(f"{tenant} {words(share)}" for tenant, share in ranked)
        yield f"{words(total)} in all, where {setting} allows {words(most)} (most of it: {shares})"


def _instances(count: int) -> str:
    return counted(count, "instance")


def _cpu(thousandths: int) -> str:
    whole = thousandths % 1000 == 0
    return f"{thousandths // 1000} CPU" if whole else f"{thousandths}m CPU"


def _memory(size: int) -> str:
    whole = size % 2**30 == 0
    return f"{size // 2**30}Gi of memory" if whole else f"{size // 2**20}Mi of memory"
