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
LISTS = chosen(is_list)
NEEDED = chosen(FieldInfo.is_required)


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


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (NUMBERS, {"maxInstances", "runAsUser", "pod.tolerations[0].tolerationSeconds"}),
        (LISTS, {"pod.imagePullSecrets", "pod.tolerations"}),
        (NEEDED, {
            "pod.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
            "labelSelector.matchExpressions[0].operator"
        }),
    ],
)  # fmt: skip
def test_they_are_found_at_any_depth(found: list[Any], known: set[str]) -> None:
    assert known <= {each.id for each in found}


@pytest.mark.parametrize("location", NUMBERS)
def test_only_a_number_is_a_number(location: Location) -> None:
    start = f"{dotted(location)} is "
    assert not [line for line in told(location, 5) if line.startswith(start)]
    for value in (True, 1.0, "1_000", "+5", " 5", "5.0", "05", "1e1", "\u0665", ""):
        [line] = [line for line in told(location, value) if line.startswith(start)]
        assert ", expected " in line


@pytest.mark.parametrize("location", LISTS)
def test_a_list_of_wrong_items_is_not_said_to_be_short(location: Location) -> None:
    lines = told(location, ["a b/"])
    assert [line for line in lines if line.startswith(f"{dotted(location)}[0] is a b/, expected ")]
    assert not [line for line in lines if line.startswith(f"{dotted(location)} is ")]


@pytest.mark.parametrize("location", NEEDED)
def test_what_is_missing_is_told_with_what_would_be_right(location: Location) -> None:
    start = f"{dotted(location)} is missing, expected "
    [line] = [line for line in told(location[:-1], {}) if line.startswith(start)]
    assert "for example " in line or "'" in line


TOLERATIONS = [{"operator": "Exists"}, {"key": "a"}, {"key": "node.kubernetes.io/not-ready"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"pod": {"nodeLostSeconds": 5, "tolerations": TOLERATIONS, "spread": "racks"}},
            [
                "pod.spread is racks, expected 'none', 'nodes' or 'zones'",
                "pod.tolerations[0] (*:*) and pod.tolerations[2] (node.kubernetes.io/not-ready=:*) "
                "tolerate a lost node too, and pod.nodeLostSeconds is 5: leave out one of the two, "
                "or name another `key` or `effect`",
            ],
            id="a lost node",
        ),
        pytest.param(
            {"metrics": {"exporter": False, "podMonitor": True, "prometheusRule": True,
                         "exporterImage": "x"}},
            [
                "metrics.exporterImage is x, expected an image with a tag and, at best, a digest, "
                "for example nats:2.15.1-alpine",
                *(
                    f"metrics.exporter is false, so there is nothing for {key} to find or to "
                    "watch: leave it out as well"
                    for key in ("metrics.podMonitor", "metrics.prometheusRule")
                ),
            ],
            id="no exporter",
        ),
        pytest.param(
            {"database": {"manageRoles": True, "tables": 1}},
            [
                "database.manageRoles is true and database.name is missing, expected the name of "
                "the database that has the tables: `pulumi config set --path database.name "
                "platform`",
                "database.tables is 1, expected settings below it, for example "
                "database.tables.instances",
            ],
            id="no database",
        ),
    ],
)  # fmt: skip
def test_what_contradicts_another_setting_is_told_beside_what_is_wrong_by_itself(
    given: dict[str, Any], expected: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(given, "stack.yaml")
    assert str(caught.value) == f"stack.yaml: {'; '.join(expected)}. Nothing was changed."
