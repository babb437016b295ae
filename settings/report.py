"""How a setting that does not fit is reported."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from controlplane.dsn import SETTING
from settings.stack import Database, Metrics, Settings, Statuses
from tenancy.inventory.faults import dotted, printable


def report(error: ValidationError) -> str:
    """Every value that does not fit, in one line."""
    return "; ".join(_fault(details) for details in error.errors(include_url=False))


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "database": Database,
    "database.statuses": Statuses,
    "metrics": Metrics,
}
_EXAMPLES = {
    "database": "database.manageRoles",
    "database.statuses": "database.statuses.draining",
    "metrics": "metrics.podMonitor",
    "metrics.labels": "metrics.labels.release",
}


def _fault(details: Any) -> str:
    key, value = dotted(details["loc"]), printable(str(details["input"]))
    match details["type"]:
        case "extra_forbidden":
            *section, _ = details["loc"]
            if section:
                known = _known(f"{dotted(section)}.", _SECTIONS[dotted(section)])
                return f"there is no setting {key}; known are {known}"
            if key.partition(".")[0] in _SECTIONS:
                return f"{key} was set without --path: `pulumi config set --path {key} …`"
            return f"there is no setting {key}; known are {_known('', Settings)}"
        case "unnamed":
            return (
                f"{key}.manageRoles is true and {key}.name is missing, expected the name of the "
                f"database that has the tables: `pulumi config set --path {key}.name platform`"
            )
        case "ambiguous":
            return (
                f"{key} has one word for two statuses; give each a word of its own, as the "
                "platform's table has it"
            )
        case "unexported":
            return (
                f"{key}.exporter is false, so there is nothing for {key}.podMonitor to find and "
                f"nothing for {key}.prometheusRule to watch: leave those two out as well"
            )
        case "model_type" | "dict_type":
            example = _EXAMPLES[key]
            return f"{key} is {value}, expected settings below it, for example {example}"
        case "expected":
            context = details["ctx"]
            example = context["example"]
            return f"{key} is {value}, expected {context['words']}, for example {example}"
        case other:
            return f"{key} is {value}, {_expected(other, details)}"


def _expected(kind: str, details: Any) -> str:
    match kind:
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
