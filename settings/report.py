"""How a setting that does not fit is reported."""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError, WrapValidator
from pydantic.fields import FieldInfo

from controlplane.dsn import SETTING
from settings.stack import Settings
from tenancy.cells import FOLDER
from tenancy.inventory.faults import Location, dotted, printable
from tenancy.inventory.models import fields_of
from tenancy.inventory.types import Expectation
from tenancy.words import agreeing, counted


def report(error: ValidationError) -> str:
    """Every value that does not fit, in one line."""
    faults = error.errors(include_url=False)
    return "; ".join(_fault(details) for details in faults if not _is_long_enough(details))


def _is_long_enough(details: Any) -> bool:
    """Whether a list counts as too short only for items that are faults of their own."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


_EXAMPLES: Mapping[str, str] = {
    "database": "database.manageRoles",
    "database.statuses": "database.statuses.draining",
    "database.tables": "database.tables.instances",
    "metrics": "metrics.podMonitor",
    "metrics.labels": "metrics.labels.release",
    "pod": "pod.nodeSelector",
    "pod.affinity": "pod.affinity.nodeAffinity",
    "pod.annotations": "pod.annotations.team",
    "pod.labels": "pod.labels.team",
    "pod.nodeSelector": "pod.nodeSelector.pool",
    "service": "service.ipFamilyPolicy",
    "service.annotations": "service.annotations.team",
    "service.labels": "service.labels.team",
}


def _fault(details: Any) -> str:
    key, value = dotted(details["loc"]), printable(str(details["input"]))
    match details["type"]:
        case "extra_forbidden":
            return _unknown(details["loc"])
        case (
            "unnamed" | "ambiguous" | "one_table" | "one_inventory" | "unexported" | "contradiction"
        ):
            return _contradiction(details)
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{key} is {value}, {_settings_below(details['loc'])}"
        case "missing":
            return f"{key} is missing, {_expectation_at(details['loc'])}"
        case "expected":
            context = details["ctx"]
            words = f"expected {context['words']}, for example {context['example']}"
            *place, last = details["loc"]
            if last == "[key]":
                return f"{dotted(place[:-1])} has the key {value}, {words}"
            return f"{key} is {value}, {words}"
        case other:
            return f"{key} is {value}, {_expected(other, details)}"


def _unknown(location: Location) -> str:
    """What is said of a key that is none."""
    key, section = dotted(location), location[:-1]
    if section:
        known = _known(f"{dotted(section)}.", _model_at(section))
        return f"there is no setting {key}; known are {known}"
    if _model_in(fields_of(Settings).get(key.partition(".")[0])):
        return f"{key} was set without --path: `pulumi config set --path {key} …`"
    return f"there is no setting {key}; known are {_known('', Settings)}"


def _contradiction(details: Any) -> str:
    """What is said of settings that do not agree with each other."""
    key, section = dotted(details["loc"]), dotted(details["loc"][:-1])
    match details["type"]:
        case "unnamed":
            return (
                f"{section}.manageRoles is true and {key} is missing, expected the name of the "
                f"database that has the tables: `pulumi config set --path {key} platform`"
            )
        case "ambiguous":
            return (
                f"{key} has one word for two statuses; give each a word of its own, as the "
                "platform's table has it"
            )
        case "one_table":
            return f"{key} has one name for two tables; give each the name that it has there"
        case "one_inventory":
            return (
                f"{key} is {details['input']}, and inventory names a file too: leave inventory "
                f"out, since the stack {details['input']}-001 has the tenants of "
                f"{FOLDER}/{details['input']}/001.yaml"
            )
        case "unexported":
            return (
                f"{section}.exporter is false, so there is nothing for {key} to find or to watch: "
                "leave it out as well"
            )
        case _:
            told = [
                f"{section}.tolerations[{place}] ({toleration})"
                for place, toleration in details["ctx"]["tolerations"]
            ]
            return (
                f"{' and '.join(told)} {agreeing(len(told), 'tolerates', 'tolerate')} a lost node "
                f"too, and {key} is {details['input']}: leave out one of the two, or name another "
                "`key` or `effect`"
            )


def _number(details: Any) -> str:
    """How many items a list has to have."""
    least, most = (details["ctx"].get(f"{end}_length") for end in ("min", "max"))
    return f"at most {counted(most, 'item')}" if most else f"at least {counted(least, 'item')}"


def _model_in(field: FieldInfo | None) -> type[BaseModel] | None:
    """The model of a field, or of each item of its list; None where it has none."""
    kinds: list[Any] = [field.annotation] if field else []
    while kinds:
        kind = kinds.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        kinds += get_args(kind)
    return None


def _field_at(location: Location) -> FieldInfo | None:
    """The field of the settings at `location`; None where there is none."""
    field, model = None, Settings
    for member in location:
        if isinstance(member, str):
            field = fields_of(model).get(member) if model else None
            model = _model_in(field)
    return field


def _model_at(location: Location) -> type[BaseModel]:
    """The model of the settings at `location`, or all settings where there is none."""
    return _model_in(_field_at(location)) or Settings


def _settings_below(location: Location) -> str:
    """What is expected at `location`, which has settings below it."""
    key = dotted(location)
    example = _EXAMPLES.get(key) or f"{key}.{next(iter(fields_of(_model_at(location))))}"
    return f"expected settings below it, for example {example}"


def _list_at(location: Location) -> str:
    """What is expected at `location`, which has a list."""
    return f"expected a list, for example {dotted(location)}[0]"


def _expectation_at(location: Location) -> str:
    """What is expected at `location`, in words and with an example."""
    field = _field_at(location)
    for each in field.metadata if field else ():
        if isinstance(each, WrapValidator) and isinstance(each.func, Expectation):
            return f"expected {each.func.words}, for example {each.func.example}"
    kind = field.annotation if field else None
    match get_origin(kind):
        case origin if origin is Literal:
            *most, last = [f"'{each}'" for each in get_args(kind)]
            return f"expected {' or '.join(filter(None, [', '.join(most), last]))}"
        case origin if origin is tuple:
            return _list_at(location)
        case _:
            return _settings_below(location)


def _expected(kind: str, details: Any) -> str:
    match kind:
        case "tuple_type":
            return _list_at(details["loc"])
        case "too_short" | "too_long":
            return f"expected {_number(details)}"
        case "literal_error":
            return f"expected {details['ctx']['expected']}"
        case "path_type":
            return "expected the path of a file, for example tenants.yaml"
        case "invalid_key":
            return "which is no text; put it between quotes"
        case _:
            return f"which does not fit: {details['msg']}"


def _known(prefix: str, model: type[BaseModel]) -> str:
    fields = [field.alias or name for name, field in model.model_fields.items()]
    return ", ".join(sorted([*(prefix + name for name in fields), *([] if prefix else [SETTING])]))
