"""Files for the loader: text in, an inventory or its faults out."""

from pathlib import Path

import pytest

from tenancy.inventory.faults import Fault, InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import load


def loaded(folder: Path, content: str | bytes) -> Inventory:
    """The inventory in a file with exactly this content."""
    return load(_file(folder, content))


def faults_in(folder: Path, content: str | bytes) -> list[Fault]:
    """What is wrong with a file with exactly this content."""
    return list(refused(_file(folder, content)).faults)


def refused(path: Path) -> InventoryError:
    """The error that loading `path` ends in."""
    with pytest.raises(InventoryError) as caught:
        load(path)
    return caught.value


def _file(folder: Path, content: str | bytes) -> Path:
    path = folder / "tenants.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
