"""Entries of tenants that go from one inventory to another: text in, text out.

An entry goes as it is written, with the comments above it. The loader then reads both results, so
that they say what was asked for, and nothing else.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.editing.text import Data, EditError, mapping_of, read, rewritten
from tenancy.inventory.faults import InventoryError, printable
from tenancy.inventory.yaml_source import parse

_NAME = Path("the inventory")


def joined(target: str, source: str, tenants: Collection[str]) -> str:
    """`target` with these tenants of `source` at its end.

    A size of theirs that `target` lacks comes with them. A tenant that `target` has already, with
    the same fields, is left as it is there; so an interrupted move can be finished.

    Raises:
        EditError: a tenant is not in `source`, is another one in `target`, or has a size of another
            meaning there; or the text cannot be edited by a program.
        InventoryError: a text is not YAML that can be read in one way only.
    """
    here, there = read(source), read(target)
    entries, own = mapping_of(here.get("tenants")), mapping_of(there.get("tenants"))
    if missing := sorted(set(tenants) - entries.keys()):
        raise EditError(f"There is no tenant {printable(missing[0])}.")
    for tenant in sorted(set(tenants) & own.keys()):
        if own[tenant] != entries[tenant]:
            raise EditError(f"{tenant} is in both files, with other fields; take one out by hand.")
    coming = {tenant: entries[tenant] for tenant in tenants if tenant not in own}
    sizes = _sizes(here, there, [mapping_of(fields) for fields in coming.values()])
    after = {**there, "tenants": {**own, **coming}, **sizes}
    return _with(target, there, after, _blocks(source, coming))


def without(text: str, tenants: Collection[str]) -> str:
    """`text` without these tenants, and nothing else changed.

    Raises:
        EditError: all tenants would go, or the text cannot be edited by a program.
        InventoryError: the text is not YAML that can be read in one way only.
    """
    before = read(text)
    staying = {
        tenant: fields
        for tenant, fields in mapping_of(before.get("tenants")).items()
        if tenant not in tenants
    }
    if not staying:
        raise EditError("No tenant would be left; `tenant-nats shards merge` moves all of a shard.")
    after = {**before, "tenants": staying}
    lines = text.splitlines(keepends=True)
    for place in sorted(_blocks(text, tenants).values(), key=lambda each: -each.start):
        del lines[place.start : place.end]
    return _checked("".join(lines), after) or rewritten(text, before, after)


def _with(text: str, before: Data, after: Data, blocks: Mapping[str, "_Block"]) -> str:
    own = _blocks(text, mapping_of(before.get("tenants")))
    coming = mapping_of(after["tenants"]).keys() - mapping_of(before.get("tenants")).keys()
    if own and set(blocks) == coming:
        end, column = max(each.end for each in own.values()), next(iter(own.values())).column
        lines = text.splitlines(keepends=True)
        lines[end:end] = [line for each in blocks.values() for line in each.indented(column)]
        unsized = "".join(lines)
        known = {**before, "tenants": after["tenants"]}
        if _checked(unsized, known):
            return unsized if known == after else rewritten(unsized, known, after)
    return rewritten(text, before, after)


def _sizes(here: Data, there: Data, coming: list[Data]) -> Data:
    """The sizes of the target with those that it lacks; nothing if it lacks none."""
    known, own = mapping_of(here.get("sizes")), mapping_of(there.get("sizes"))
    missing: Data = {}
    for fields in coming:
        size = fields.get("size")
        if size not in known:
            continue
        if size in own and own[size] != known[size]:
            raise EditError(
                f"The size {size} is another one in the two files; a move is to restart nothing, "
                "so give both one meaning, or one of them another name, first."
            )
        if size not in own:
            missing[str(size)] = known[size]
    return {"sizes": {**own, **missing}} if missing else {}


@dataclass(frozen=True)
class _Block:
    """The lines of an entry, with the comments directly above it."""

    start: int
    end: int
    """The line after the last one; both are counted from 0."""
    column: int
    lines: tuple[str, ...]

    def indented(self, column: int) -> Iterator[str]:
        """The lines, so that the key stands in `column`."""
        for line in self.lines:
            text = line.lstrip(" ")
            indent = len(line) - len(text) - self.column + column
            yield " " * indent + text if text.strip() else line


def _blocks(text: str, tenants: Collection[str]) -> dict[str, _Block]:
    """Those of `tenants` that have lines of their own."""
    lines = text.splitlines(keepends=True)
    found: dict[str, _Block] = {}
    for location, number in parse(_NAME, text.encode()).lines.items():
        match location:
            case ("tenants", str(tenant)) if tenant in tenants:
                if block := _block(lines, number - 1, tenant):
                    found[tenant] = block
            case _:
                pass
    return found


def _block(lines: list[str], at: int, tenant: str) -> _Block | None:
    column = _column(lines[at])
    if not lines[at].strip().lstrip("'\"").startswith(tenant) or not column:
        return None
    start = at
    while (
        start and lines[start - 1].lstrip().startswith("#") and _column(lines[start - 1]) == column
    ):
        start -= 1
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or _column(lines[end]) > column):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return _Block(start, end, column, tuple(lines[start:end]))


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _checked(text: str, wanted: Data) -> str | None:
    """`text` if it says what is wanted."""
    try:
        return text if read(text) == wanted else None
    except InventoryError:
        return None
