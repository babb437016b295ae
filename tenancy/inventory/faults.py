"""What is wrong with an inventory, in words for the person who edits it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tenancy.inventory.nkeys import without_seeds
from tenancy.words import counted

Location = tuple[str | int, ...]
"""The way to a value: `("tenants", "acme-corp", "instances")`, `("sizes", "large")`, `()`."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong, where it is, and what would be right."""

    line: int
    """Counted from 1."""
    location: Location = ()
    value: str | None = None
    """The value as the file has it; None if the file has none."""
    problem: str
    example: str | None = None
    """Text that would be right in this place."""

    def __str__(self) -> str:
        parts = [f"line {self.line}"]
        match self.location:
            case ("tenants", tenant, *field):
                parts.append(f"tenant {printable(str(tenant))}")
            case field:
                pass
        if field:
            parts.append(dotted(field))
        said = "" if self.value is None else f"{printable(self.value)} — "
        end = "" if self.problem.endswith("?") else "."
        text = f"{', '.join(parts)}: {said}{self.problem}{end}"
        return f"{text} For example: {self.example}" if self.example else text


class InventoryError(Exception):
    """A file that is not a valid inventory, with all its faults.

    The text is one report, a line for each fault, in the order of the file.
    """

    def __init__(self, path: Path | str, faults: Iterable[Fault]) -> None:
        self.path = Path(path)
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, str(fault))))
        count = counted(len(self.faults), "fault")
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"{self.path} has {count}; nothing is deployed from it.\n{lines}")

    @property
    def errors(self) -> tuple["InventoryError", ...]:
        """One for each file that has faults."""
        return (self,)


class InventoriesError(InventoryError):
    """The files of a cell that are not valid inventories, or not together, with all their faults.

    The text has a report for each of these files, in the order of their names.
    """

    def __init__(self, folder: Path, errors: Iterable[InventoryError]) -> None:
        faults: dict[Path, list[Fault]] = {}
        for error in errors:
            faults.setdefault(error.path, []).extend(error.faults)
        self._errors = tuple(InventoryError(path, faults[path]) for path in sorted(faults))
        super().__init__(folder, [fault for error in self._errors for fault in error.faults])
        self.args = ("\n".join(map(str, self._errors)),)

    @property
    def errors(self) -> tuple[InventoryError, ...]:
        """One for each file that has faults, by name."""
        return self._errors


def dotted(location: Iterable[str | int]) -> str:
    """`("clients", "namespaces", 0)` → `clients.namespaces[0]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{printable(part)}"
    return text.removeprefix(".")


def printable(text: str, longest: int = 70) -> str:
    """`text` with escapes for what is invisible or not ASCII, cut after `longest` characters.

    Seeds of keys are secret: each is removed, wherever it stands.
    """
    text = without_seeds(text)
    shown = text if text and text.isascii() and text.isprintable() else ascii(text)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
