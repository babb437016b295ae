"""Edits of an inventory's text that leave every other byte as it is: pure, text in, text out.

`yaml-edit` writes: it keeps the file's syntax tree and changes only what it is asked to change. The
loader then reads the result again, so that the file says what was asked for, and nothing else.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml_edit

from tenancy.inventory.faults import InventoryError, printable
from tenancy.inventory.yaml_source import is_plain, parse

Data = dict[str, Any]
"""Mappings, tuples, text and whole numbers, as `tenancy.inventory.yaml_source` reads them."""

_NAME = Path("the inventory")


class EditError(ValueError):
    """An edit that cannot be made, in one sentence."""


def edited(text: str, tenant: str, changes: Mapping[str, object | None]) -> str:
    """`text` with some fields of one tenant set or removed, and nothing else changed.

    `tenancy.inventory.validation.parse` says whether the result is a valid inventory. A field that
    already has the new value stays as it is written.

    Args:
        text: of an inventory.
        tenant: whose fields; it must exist.
        changes: the new value of each field: text, a whole number, a list or a mapping, or None to
            remove it. A field within a field has a dotted name: `clients.namespaces`.

    Raises:
        EditError: there is no such tenant, or the text cannot be edited by a program.
        InventoryError: the text is not YAML that can be read in one way only.
    """
    before = read(text)
    entries = _tenants(before)
    if tenant not in entries:
        close = get_close_matches(tenant, entries, n=1)
        hint = f"did you mean {close[0]}?" if close else "`add` makes one."
        raise EditError(f"There is no tenant {printable(tenant)}; {hint}")
    return _written(text, before, tenant, _changed(entries[tenant], changes))


def added(text: str, tenant: str, fields: Mapping[str, object | None]) -> str:
    """`text` with one more tenant, after the others, and nothing else changed.

    Raises:
        EditError: the tenant is there already, or the text cannot be edited by a program.
        InventoryError: the text is not YAML that can be read in one way only.
    """
    before = read(text)
    if tenant in _tenants(before):
        raise EditError(f"Tenant {printable(tenant)} is there already; `set` changes it.")
    return _written(text, before, tenant, _changed({}, fields))


def read(text: str) -> Data:
    """What the text of an inventory says, without a look at the models.

    Raises:
        InventoryError: the text is not YAML that can be read in one way only.
    """
    document = parse(_NAME, text.encode())
    if document.faults:
        raise InventoryError(_NAME, document.faults)
    return mapping_of(document.value)


def _tenants(inventory: Data) -> Data:
    return mapping_of(inventory.get("tenants"))


def mapping_of(value: object) -> Data:
    """`value` if it is a mapping, and otherwise an empty one."""
    return cast("Data", value) if isinstance(value, dict) else {}


def _changed(value: object, changes: Mapping[str, object | None]) -> Data:
    """A mapping after `changes`. A mapping that a removal leaves empty is removed too."""
    fields = dict(mapping_of(value))
    for dotted, new in changes.items():
        field, _, rest = dotted.partition(".")
        if rest:
            new = _changed(fields.get(field), {rest: new}) or None
        if new is None:
            fields.pop(field, None)
        else:
            fields[field] = _frozen(new)
    return fields


def _frozen(value: object) -> object:
    """`value` as the loader reads it: lists are tuples."""
    match value:
        case dict():
            return {key: _frozen(inner) for key, inner in cast("Data", value).items()}
        case list() | tuple():
            return tuple(_frozen(item) for item in cast("Sequence[object]", value))
        case _:
            return value


def _written(text: str, before: Data, tenant: str, fields: Data) -> str:
    after = {**before, "tenants": {**_tenants(before), tenant: fields}}
    return rewritten(text, before, after, f"the entry of {printable(tenant)}")


def rewritten(text: str, before: Data, after: Data, what: str = "the inventory") -> str:
    """`text`, which says `before`, changed so that it says `after`; all else stays as it is.

    Raises:
        EditError: it cannot be done; `what` names what is changed.
    """
    try:
        document = yaml_edit.Document.parse(text)
        _write(document.as_mapping(), before, after)
        result = str(document)
        if read(result) == after:
            return result
    except (yaml_edit.YamlError, InventoryError, TypeError):
        pass
    raise EditError(
        f"{what[:1].upper()}{what[1:]} is written in a way that no program can safely edit; edit "
        "it by hand."
    )


def _write(mapping: yaml_edit.Mapping | None, before: Data, after: Data) -> None:
    """Change only what differs in a mapping."""
    if mapping is None:
        raise TypeError
    for key in before.keys() - after.keys():
        del mapping[_scalar(key)]
    for key, value in after.items():
        old = before.get(key)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            inner = mapping.get_mapping(_scalar(key))
            _write(inner, cast("Data", old), cast("Data", value))
        elif isinstance(old, tuple) and isinstance(value, tuple) and old and value:
            items = mapping.get_sequence(_scalar(key))
            _write_items(items, cast("tuple[Any, ...]", old), cast("tuple[Any, ...]", value))
        else:
            mapping[_scalar(key)] = _node(value)


def _write_items(
    items: yaml_edit.Sequence | None, before: Sequence[Any], after: Sequence[Any]
) -> None:
    """Change only what differs in a list, as long as the items that stay keep their order."""
    if items is None:
        raise TypeError
    kept = [item for item in before if item in after]
    if not kept or list(after[: len(kept)]) != kept:
        kept = []
    for place in reversed(range(len(before))):
        if before[place] not in kept:
            del items[place]
    for item in after[len(kept) :]:
        items.append(_node(item))


def _scalar(value: Any) -> Any:
    """A key or value, in quotes if some YAML reader would not take it for text without them."""
    if isinstance(value, str) and not is_plain(value):
        return yaml_edit.ScalarValue(value, "double-quoted")
    return value


def _node(value: Any) -> Any:
    match value:
        case dict():
            return {_scalar(key): _node(inner) for key, inner in cast("Data", value).items()}
        case tuple():
            return [_node(item) for item in cast("Sequence[Any]", value)]
        case _:
            return _scalar(value)
