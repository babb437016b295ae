"""One inventory made of several: the whole of a cell, whose tenants are in a file for each shard.

Each file is valid by itself. What two of them contradict each other in is found here: a tenant that
both have, a size that means two things, a client's key that admits to servers of two tenants.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from tenancy.inventory import nkeys, yaml_source
from tenancy.inventory.faults import Fault, InventoriesError, InventoryError, Location, printable
from tenancy.inventory.models import Inventory, Size, Tenant
from tenancy.inventory.yaml_source import Document

Reader = Callable[[Path], Document]
"""Reads a file again, with the line of each value."""
_Found = tuple[Path, Location, str, str | None]
"""The file of a fault, the way to it there, the problem and an example of what is right."""


def merged(inventories: Mapping[Path, Inventory], read: Reader = yaml_source.read) -> Inventory:
    """All tenants and sizes of `inventories`, by file; at least one.

    Args:
        inventories: each without a fault.
        read: used only where there is a fault, to tell its line.

    Raises:
        InventoriesError: they contradict each other: every fault, in one report.
        InventoryError: a file with a fault cannot be read again.
    """
    if errors := contradictions(inventories, read):
        raise InventoriesError(_folder(inventories), errors)
    return Inventory(
        tenants={
            tenant_id: tenant
            for inventory in inventories.values()
            for tenant_id, tenant in inventory.tenants.items()
        },
        sizes={
            name: size
            for inventory in inventories.values()
            for name, size in inventory.sizes.items()
        },
    )


def contradictions(
    inventories: Mapping[Path, Inventory], read: Reader = yaml_source.read
) -> list[InventoryError]:
    """What these files contradict each other in: an error for each file that has to change."""
    places = _Places(read)
    faults: dict[Path, list[Fault]] = {}
    for find in (_tenants, _sizes, _keys):
        for path, location, problem, example in find(inventories, places):
            fault = places.fault(path, location, problem, example)
            faults.setdefault(path, []).append(fault)
    return [InventoryError(path, found) for path, found in faults.items()]


def _folder(inventories: Mapping[Path, Inventory]) -> Path:
    return next(iter(inventories)).parent


class _Places:
    """Where a file has a value; it is read once, and only if somebody asks."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._documents: dict[Path, Document] = {}

    def told(self, path: Path, location: Location) -> str:
        """`inventory/eu/001.yaml, line 4`."""
        return f"{path}, line {self._document(path).line_of(location)}"

    def fault(self, path: Path, location: Location, problem: str, example: str | None) -> Fault:
        document = self._document(path)
        return Fault(
            line=document.line_of(location),
            location=location,
            value=document.sources.get(location),
            problem=problem,
            example=example,
        )

    def has(self, path: Path, location: Location) -> bool:
        """Whether the file says that value, and leaves it to no default."""
        return location in self._document(path).lines

    def key(self, path: Path, tenant: str, number: int) -> Location:
        """The place of a tenant's nkey, which a file has plain or in a mapping."""
        at = ("tenants", tenant, "clients", "nkeys", number)
        return (*at, "key") if self.has(path, (*at, "key")) else at

    def _document(self, path: Path) -> Document:
        if path not in self._documents:
            self._documents[path] = self._read(path)
        return self._documents[path]


def _tenants(inventories: Mapping[Path, Inventory], places: _Places) -> Iterator[_Found]:
    """The tenants that an earlier file has too."""
    owners: dict[str, Path] = {}
    for path, inventory in inventories.items():
        for tenant in inventory.tenants:
            owner = owners.setdefault(tenant, path)
            if owner != path:
                at = ("tenants", tenant)
                problem = f"{places.told(owner, at)}, has this tenant too; keep one of the two"
                yield path, at, problem, None


def _sizes(inventories: Mapping[Path, Inventory], places: _Places) -> Iterator[_Found]:
    """The sizes that mean something else than in most files; where as many differ, the first."""
    meanings: dict[str, list[tuple[Size, list[Path]]]] = {}
    for path, inventory in inventories.items():
        for name, size in inventory.sizes.items():
            known = meanings.setdefault(name, [])
            files = next((files for meaning, files in known if meaning == size), None)
            if files is None:
                known.append((size, [path]))
            else:
                files.append(path)
    for name, known in meanings.items():
        usual, (first, *_) = max(known, key=lambda each: len(each[1]))
        for size, files in known:
            for field, there, here in _differences((), usual, size):
                at = ("sizes", name, *field)
                for path in files:
                    is_here = "" if places.has(path, at) else f"it is {_written(here)} here; "
                    problem = (
                        f"{is_here}it is {_written(there)} in {places.told(first, at)}, and a size "
                        "means the same in all files of a cell"
                    )
                    example = None if there is None else f"{field[-1]}: {_written(there)}"
                    yield path, at, problem, example


def _differences(at: Location, one: Any, other: Any) -> Iterator[tuple[Location, Any, Any]]:
    """The innermost fields in which two models differ, with both values."""
    if isinstance(one, BaseModel):
        for name, field in type(one).model_fields.items():
            inner = (*at, field.alias or name)
            yield from _differences(inner, getattr(one, name), getattr(other, name))
    elif one != other:
        yield at, one, other


def _written(value: Any) -> str:
    """A value on one line, as an inventory could have it."""
    match value:
        case None:
            return "not set"
        case str() if yaml_source.is_plain(value):
            return printable(value)
        case _:
            return printable(json.dumps(_plain(value)), 200)


def _plain(value: Any) -> object:
    match value:
        case BaseModel():
            return value.model_dump(by_alias=True, exclude_none=True)
        case Mapping():
            return dict(cast("Mapping[str, object]", value))
        case tuple() | list():
            return [_plain(item) for item in cast("Sequence[object]", value)]
        case _:
            return value


def _keys(inventories: Mapping[Path, Inventory], places: _Places) -> Iterator[_Found]:
    """The keys that a tenant of an earlier file has too; one file's own are looked at before."""
    owners: dict[str, tuple[str, Path]] = {}
    for path, inventory in inventories.items():
        for tenant_id, tenant in inventory.tenants.items():
            for number, key in _numbered(tenant):
                owner, file = owners.setdefault(key, (tenant_id, path))
                if owner != tenant_id and file != path:
                    problem = (
                        f"it is a key of tenant {owner} in {file} too, and its client would reach "
                        "both"
                    )
                    yield path, places.key(path, tenant_id, number), problem, nkeys.EXAMPLE


def _numbered(tenant: Tenant) -> Iterator[tuple[int, str]]:
    return enumerate(nkey.key for nkey in tenant.clients.nkeys)
