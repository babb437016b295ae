"""Which servers restart, since the template of their pods changes: told, and no reason to refuse.

A Deployment makes its pod anew whenever its template changes, and never otherwise. Whether that is
by an edit, a setting or a newer version of this program does not matter.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from tenancy.names import instance_of
from tenancy.words import agreeing, counted, listed

_LONGEST_LIST = 10


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """What differs in the pods of two Deployments: `nodeSelector`, `nats.image`, `exporter`."""
    before, after = (_mapping(_mapping(each.get("spec")).get("template")) for each in (old, new))
    found: set[str] = set()
    for part in ("metadata", "spec"):
        for field, was, will in _differing(_mapping(before.get(part)), _mapping(after.get(part))):
            if field == "containers":
                parts = tuple(_of_containers(_by_name(was), _by_name(will)))
                found.update(parts or (field,))
            else:
                found.add(field)
    return tuple(sorted(found))


def told(restarting: Mapping[str, tuple[str, ...]]) -> str:
    """One line; empty if nothing restarts.

    Args:
        restarting: the fields that change, by the name of the server.
    """
    if not restarting:
        return ""
    tenants = {known[0] for name in restarting if (known := instance_of(name))}
    fields = sorted({field for each in restarting.values() for field in each})
    count = len(restarting)
    why = agreeing(count, "restarts, since its pod changes", "restart, since their pods change")
    line = (
        f"{counted(count, 'server')} of {counted(len(tenants), 'tenant')} {why} "
        f"({listed(fields, _LONGEST_LIST)})"
    )
    if len(tenants) == 1:
        return f"{line}."
    return f"{line}: all at once, or with `rollout` `serial` one tenant after the other."


def _of_containers(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, was, will in _differing(old, new):
        if was is None or will is None:
            yield name
        else:
            yield from (f"{name}.{field}" for field, _, _ in _differing(was, will))


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in old.keys() | new.keys():
        if old.get(key) != new.get(key):
            yield key, old.get(key), new.get(key)


def _by_name(containers: Any) -> Mapping[str, Mapping[str, Any]]:
    listed = cast("list[Any]", containers) if isinstance(containers, list) else []
    return {str(each.get("name")): each for each in map(_mapping, listed)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
