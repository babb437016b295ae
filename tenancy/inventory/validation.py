"""From a file to the inventory, or to a report of all its faults.

`load` and `parse` are the only entry points; `content` and `inventory_of` are the two halves of
`load`, for two processes. They report every fault of a file at once, each with its line, or return
an inventory in which all values agree. This module reports values that do not
fit the models; `tenancy.inventory.contradictions` reports those that contradict each other.
"""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tenancy.inventory import yaml_source
from tenancy.inventory.contradictions import contradictions
from tenancy.inventory.faults import Fault, InventoryError, Location, printable
from tenancy.inventory.models import (
    TOLERATION,
    Clients,
    Inventory,
    Model,
    Nkey,
    Resources,
    Size,
    Tenant,
    Tls,
    Toleration,
    fields_of,
)
from tenancy.inventory.yaml_source import Document


def load(path: Path) -> Inventory:
    """The inventory in the file at `path`.

    Raises:
        InventoryError: the file cannot be read or has faults: all of them, in one report.
    """
    return inventory_of(content(path))


def content(path: Path) -> object:
    """What is in the file at `path`, without a fault: plain data, which another process can send.

    Raises:
        InventoryError: the file cannot be read or has faults: all of them, in one report.
    """
    return _content(path, yaml_source.read(path))


def inventory_of(content: object) -> Inventory:
    """The inventory of a file that has this `content`."""
    return Inventory.model_validate(content, by_alias=True, by_name=False)


def parse(path: Path, data: bytes) -> Inventory:
    """The inventory in `data`; `path` is what a report calls it.

    Raises:
        InventoryError: it has faults: all of them, in one report.
    """
    return inventory_of(_content(path, yaml_source.parse(path, data)))


def _content(path: Path, document: Document) -> object:
    faults = [*document.faults, *_misfits(document)]
    faults += contradictions(document, {fault.location for fault in faults})
    if faults:
        raise InventoryError(path, faults)
    return document.value


def _misfits(document: Document) -> Iterator[Fault]:
    """The values that do not fit the models."""
    try:
        Inventory.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        told = {fault.location for fault in document.faults if fault.location}
        for details in error.errors(include_url=False):
            fault = _misfit(document, details)
            if fault.location not in told:
                yield fault


def _misfit(document: Document, details: ErrorDetails) -> Fault:
    """The words for one of pydantic's errors."""
    is_key = details["type"] == "expected" and details["loc"][-1:] == ("[key]",)
    location = _location_of(document, details["loc"][:-1] if is_key else details["loc"])
    is_secret = details["type"] == "secret"
    value = None if is_secret else document.sources.get(location)
    context = details.get("ctx", {})
    match details["type"]:
        case "expected" | "secret":
            problem, example = details["msg"], str(context["example"])
        case "extra_forbidden":
            known = tuple(fields_of(_model_at(location[:-1])))
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
            problem, example, value = f"unknown key; {hint}", None, None
        case "missing":
            problem, example = "it is missing", _example_at(location)
        case "too_short":
            problem, example = "it is empty", _example_at(location)
        case "literal_error":
            problem, example = f"expected {context['expected']}", _example_at(location)
        case "tuple_type":
            problem, example = "expected a list", _example_at(location)
        case _:
            problem, example = "expected a mapping", _example_at(location)
    if is_key:
        value, example = str(location[-1]), f"{example}:"
    elif example and location and isinstance(location[-1], str):
        example = f"{printable(location[-1])}: {example}"
    return Fault(
        line=document.line_of(location),
        location=location,
        value=value,
        problem=problem,
        example=example,
    )


def _location_of(document: Document, location: Location) -> Location:
    """Where the file has a `location` of the models, which turn a plain nkey into a mapping."""
    is_plain = location not in document.lines and location[:-1] in document.sources
    return location[:-1] if is_plain else location


def _model_at(location: Location) -> type[Model]:
    """The model of the mapping at `location`."""
    match location:
        case ():
            return Inventory
        case ("tenants", _):
            return Tenant
        case ("tenants", _, "tls"):
            return Tls
        case ("tenants", _, _):
            return Clients
        case ("tenants", *_):
            return Nkey
        case ("sizes", _):
            return Size
        case ("sizes", _, "tolerations", _):
            return Toleration
        case _:
            return Resources


def _example_at(location: Location) -> str:
    """What could stand at `location`, on one line."""
    match location:
        case ():
            return "tenants: {demo-tenant: {}}"
        case ("tenants", _):
            return "{}"
        case ("sizes", _, "tolerations", _):
            return TOLERATION
        case ("sizes", _):
            examples = Inventory.model_fields["sizes"].examples or []
            return json.dumps(examples[0]["large"])
        case _:
            examples = fields_of(_model_at(location[:-1]))[str(location[-1])].examples or []
            first = examples[0]
            as_it_is = isinstance(first, str) and not first.isdigit()
            return first if as_it_is else json.dumps(first)
