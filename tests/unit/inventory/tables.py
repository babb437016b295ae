"""Tables of what is refused: the text of a file, and the line of the report on it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import parse

LARGE = """\
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
"""
"""A size that is right, to follow the tenants."""


def accepted(content: str | bytes) -> Inventory:
    """The inventory in exactly this content."""
    data = content if isinstance(content, bytes) else content.encode()
    return parse(Path("tenants.yaml"), data)


def report_on(content: str | bytes) -> str:
    """The whole report on exactly this content."""
    with pytest.raises(InventoryError) as caught:
        accepted(content)
    return str(caught.value)


def reported(content: str | bytes) -> list[str]:
    """The lines of the report on exactly this content, without the first, which counts them."""
    return [line.removeprefix("  ") for line in report_on(content).splitlines()[1:]]


def as_written(*values: str) -> dict[str, str]:
    """Rows of a table for values that the report shows as the file has them."""
    return {value: value for value in values}


NOT_COUNTS = {
    **as_written("-1", "1.5", "2.0", "true", "yes", "many", "null", ".inf", "+2"),
    **as_written("010", "0o10", "0x10", "1e1", "1_0", "1:30"),  # numbers to some YAML readers
    '"2"': "2",
    "9" * 100: f"{'9' * 70}…",
    **dict.fromkeys(["", "[2]", "{two: 2}"], ""),
}
"""What is not a whole number, 0 or more."""


def table(rows: Mapping[str, str], words: str = "") -> pytest.MarkDecorator:
    """Run a test for each row, with a `text` of the file and the `line` of the report on it.

    Args:
        rows: the line for each text. With `words`, only the value as the line shows it; empty where
            the line shows none, as of a list.
        words: what every line says after the value.
    """
    lines = [" — ".join(filter(None, (shown, words))) for shown in rows.values()]
    return pytest.mark.parametrize(("text", "line"), [*zip(rows, lines, strict=True)], ids=rows)
