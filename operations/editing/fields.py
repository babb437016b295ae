"""A tenant's fields as a command line has them: `instances=2`."""

from pathlib import Path
from typing import Any

import typer

from tenancy.inventory import yaml_source
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.yaml_source import NotText


def parsed(given: list[str]) -> list[tuple[str, object | None]]:
    """The fields that a command line has, as `FIELD=VALUE`; None removes a field.

    Raises:
        BadParameter: one is written otherwise, or its value is no YAML.
    """
    return [_field(each) for each in given]


def once(given: list[tuple[str, object | None]]) -> dict[str, object | None]:
    """The fields by name.

    Raises:
        BadParameter: one is given twice, and either value may be meant.
    """
    fields: dict[str, object | None] = {}
    for name, value in given:
        if name in fields:
            raise typer.BadParameter(f"{name} is given twice; say it once")
        fields[name] = value
    return fields


def _field(given: str) -> tuple[str, object | None]:
    name, equals, value = given.partition("=")
    if not equals or not all(name.split(".")):
        raise typer.BadParameter(f"{given}: expected FIELD=VALUE, for example instances=2")
    if not value:
        return name, None
    try:
        document = yaml_source.parse(Path(given), f"value: {value}\n".encode())
    except InventoryError as error:
        problem = error.faults[0].problem
        raise typer.BadParameter(f"{given}: the value is wrong: {problem}") from None
    return name, _said(document.value["value"])  # pyright: ignore


def _said(value: Any) -> object:
    """A value as it is meant: on a command line, `no` is text."""
    match value:
        case NotText(source):
            return source
        case dict():
            return {key: _said(inner) for key, inner in value.items()}  # pyright: ignore
        case tuple():
            return tuple(_said(item) for item in value)  # pyright: ignore
        case _:
            return value
