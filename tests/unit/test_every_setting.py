"""What holds of every setting of a kind, whatever its section."""

from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from settings.reading import SettingsError, settings_of
from settings.stack import Settings
from tenancy.inventory.faults import Location, dotted
from tenancy.inventory.models import fields_of

Field = tuple[Location, FieldInfo]


def fields(model: type[BaseModel] = Settings, above: Location = ()) -> Iterator[Field]:
    """Every field of the settings; of a list, those of its first item."""
    for name, field in fields_of(model).items():
        location = (*above, name)
        yield location, field
        for kind in kinds(field):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, (*location, 0) if is_list(field) else location)


def kinds(field: FieldInfo) -> Iterator[Any]:
    """The types that its type is made of."""
    left: list[Any] = [field.annotation]
    while left:
        yield (kind := left.pop())
        left += get_args(kind)


def is_list(field: FieldInfo) -> bool:
    return any(get_origin(kind) is tuple for kind in kinds(field))


def chosen(condition: Callable[[FieldInfo], bool]) -> list[Any]:
    """Where those fields are, as parameters of a test."""
    found = [location for location, field in fields() if condition(field)]
    return [pytest.param(location, id=dotted(location)) for location in found]


NUMBERS = chosen(lambda field: int in kinds(field))


def told(location: Location, value: object) -> list[str]:
    """What is said of settings that have nothing but this value."""
    given: Any = value
    for part in reversed(location):
        given = [given] if isinstance(part, int) else {part: given}
    try:
        settings_of(given, "")
    except SettingsError as error:
        return str(error).removeprefix(": ").removesuffix(". Nothing was changed.").split("; ")
    return []


def test_they_are_found_at_any_depth() -> None:
    known = {"maxInstances", "runAsUser", "pod.tolerations[0].tolerationSeconds"}
    assert known <= {each.id for each in NUMBERS}


@pytest.mark.parametrize("location", NUMBERS)
def test_only_a_number_is_a_number(location: Location) -> None:
    start = f"{dotted(location)} is "
    assert not [line for line in told(location, 5) if line.startswith(start)]
    for value in (True, 1.0, "1_000", "+5", " 5", "5.0", "05", "1e1", "\u0665", ""):
        [line] = [line for line in told(location, value) if line.startswith(start)]
        assert ", expected " in line
