"""The one file of a cell that has a tenant, found without reading all of them as YAML."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.inventories.loading import files_of, load_all
from tenancy.inventory import merging, yaml_source
from tenancy.inventory.faults import Fault, InventoriesError, InventoryError, printable
from tenancy.inventory.models import Tenant
from tenancy.inventory.validation import parse


class FindingError(Exception):
    """No file of the cell has the tenant, or more than one; the text is one sentence."""


@dataclass(frozen=True)
class Others:
    """The files of a cell beside the one that is edited, by path, with what each has."""

    contents: Mapping[Path, bytes]

    def check(self, file: Path, content: bytes, tenant: Tenant) -> None:
        """Check that `tenant` of `file` has no key of a tenant in another file.

        Only a file that has one of the keys is read as YAML.

        Raises:
            InventoryError: it has, or such a file has a fault; `content` is what `file` would have.
        """
        keys = [nkey.key for nkey in tenant.clients.nkeys]
        sharing = [path for path, data in self.contents.items() if _has_any(data, keys)]
        if not sharing:
            return
        inventories, errors = load_all(sharing)
        inventories[file] = parse(file, content)

        def read(path: Path) -> yaml_source.Document:
            return yaml_source.parse(path, content) if path == file else yaml_source.read(path)

        errors += merging.contradictions(inventories, read)
        if errors:
            raise InventoriesError(file.parent, errors)


def found(folder: Path, tenant: str) -> tuple[Path, Others]:
    """The file in a cell's folder that has the tenant, and the others.

    Raises:
        InventoryError: the folder or a file that may have the tenant has a fault.
        FindingError: none has it, or several have.
    """
    contents = {file: _bytes(file) for file in files_of(folder)}
    files = having(contents, tenant)
    if not files:
        raise FindingError(f"There is no tenant {printable(tenant)} in {folder}.")
    if len(files) > 1:
        named = " and ".join(map(str, files))
        raise FindingError(f"Tenant {printable(tenant)} is in {named}; keep one of them.")
    [file] = files
    del contents[file]
    return file, Others(contents)


def having(contents: Mapping[Path, bytes], tenant: str) -> list[Path]:
    """The files that have the tenant; only those that may have it are read as YAML.

    Raises:
        InventoryError: one that may have it is no YAML that can be read in one way only.
    """
    likely = [file for file, data in contents.items() if _has_any(data, [tenant])]
    # Its id may be written with escapes: "acme\x2dcorp".
    escaped = [file for file, data in contents.items() if b"\\" in data]
    return _having(likely, contents, tenant) or _having(escaped, contents, tenant)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise InventoryError(file, [Fault(line=1, problem=problem)]) from None


def _has_any(content: bytes, words: Iterable[str]) -> bool:
    """Whether one of `words` is in `content`, and is no part of a longer one."""
    return any(
        re.search(rb"(?<![-\w])" + re.escape(word.encode()) + rb"(?![-\w])", content)
        for word in words
    )


def _having(files: Iterable[Path], contents: Mapping[Path, bytes], tenant: str) -> list[Path]:
    """Those of `files` that have the tenant."""
    at = ("tenants", tenant)
    return [file for file in sorted(files) if at in yaml_source.parse(file, contents[file]).lines]
