"""The commands of `tenant-nats`, as the tests of all of them need these."""

from typing import Any

import typer
from typer.core import TyperGroup

from operations.__main__ import app


def commands() -> dict[str, Any]:
    """Every command by its name, such as `check` and `shards move`."""
    return _below(typer.main.get_group(app))


def _below(group: TyperGroup, above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found |= _below(command, f"{above}{name} ")
        else:
            found[above + name] = command
    return found
