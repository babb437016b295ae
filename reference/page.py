"""`python -m reference.page`: write docs/inventory.md, the reference of the inventory.

Words, defaults and examples are those of the models. `tenancy.edit.effects` says what an edit does,
so the page says the same as `tenant-nats changes`. A test compares the file with both.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, WrapValidator
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from reference.sections import LEFT_OUT, SECTIONS, Data, Section
from tenancy.edit.effects import changes_between
from tenancy.inventory.memory import max_pending
from tenancy.inventory.models import BUILT_IN_SIZES, STANDARD, Clients, fields_of
from tenancy.inventory.types import Expectation

FILE = Path(__file__).resolve().parent.parent / "docs" / "inventory.md"

_WIDTH = 100
_NOT_SAID = {"node_selector", "tolerations", "priority_class_name"}
"""What the built-in size says nothing of."""
_INTRODUCTION = """\
<!-- Written by `make schema` from tenancy/inventory/models.py; do not edit it here. -->

# The inventory

Every field of `tenants.yaml`. The README has
[one example with every option](../README.md#the-inventory-by-example), and
[Concepts](concepts.md) explains the words. An editor that uses `tenants.schema.json` shows the same
descriptions as you type.

The file is YAML that every reader understands alike. Unknown and duplicate keys, anchors, aliases,
tags, tabs, several documents, and text that some reader takes for something else (`no`, `012`) are
refused. All faults come in one report, each with its line and a correct example
([ADR 0003](adr/0003-strict-inventory.md)).

Edits are described in the words of `tenant-nats changes`. Servers restart only where it
says so. The tenant of the examples has 45 integrations; its size `large` requests 2 CPU and 4Gi,
with limits of twice that.
"""
_BUILT_IN = """\
## The built-in size

Tenants without `size`, or with `size: {name}`, have this size. It cannot be changed: define one
with another name.

```yaml
{sizes}```
"""


def reference() -> str:
    """The page, as the text of its file."""
    standard = BUILT_IN_SIZES[STANDARD]
    derived = {"maxPending": max_pending(standard)}
    said = standard.model_dump(by_alias=True, exclude=_NOT_SAID)
    sizes = {"sizes": {STANDARD: said | derived}}
    return "\n".join(
        [
            _INTRODUCTION,
            *(part for section in SECTIONS for part in _section(section)),
            _BUILT_IN.format(name=STANDARD, sizes=_yaml(sizes, flow=False)).rstrip(),
            "",
        ]
    )


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}\n"
    where = " and ".join(f"`{place}`" for place in section.places)
    yield _wrapped(f"{section.model.__doc__}{where and f' It stands at {where}.'}") + "\n"
    for name, field in fields_of(section.model).items():
        yield f"### `{_heading(section, name)}`\n"
        yield _wrapped(f"{field.description}") + "\n"
        for fact in _facts(section, name, field):
            yield _wrapped(fact, "- ")
        yield ""


def _heading(section: Section, name: str) -> str:
    """The name by which people look for a field: `clients.nkeys`."""
    outer = section.places[0].split(".")[2:] if len(section.places) == 1 else []
    return ".".join([*outer, name])


def _facts(section: Section, name: str, field: FieldInfo) -> Iterator[str]:
    default = "required" if field.is_required() else f"{_default(field)} by default"
    yield f"Expected: {_expected(field)}; {default}."
    yield f"Example: {', or '.join(_said(name, example) for example in field.examples or [])}."
    for before, base, after, head in section.before_and_after(name):
        edit = changes_between(base, head).tenants
        kinds = dict.fromkeys(effect.kind.value for each in edit for effect in each.effects)
        does = " and ".join(f"**{kind}**" for kind in kinds or ["changes no tenant"])
        words = "; ".join(each.words for each in edit)
        yield f"{_edit(name, before, after)} {does}{words and f': {words}'}."


def _edit(name: str, before: Any, after: Any) -> str:
    if before is LEFT_OUT:
        return f"Adding {_said(name, after)}"
    if after is LEFT_OUT:
        return f"Leaving out {_said(name, before)}"
    return f"An edit from {_said(name, before)} to {_said(name, after)}"


def _expected(field: FieldInfo) -> str:
    """What is expected of a field, in the words of the loader's reports."""
    return _first([*field.metadata, field.annotation])


def _first(kinds: Iterable[Any]) -> str:
    return next((words for kind in kinds if (words := _words(kind))), "")


def _words(kind: Any) -> str:
    """What an annotation, or a part of one, says of the value; nothing when it says nothing."""
    match get_origin(kind), get_args(kind):
        case _ if isinstance(kind, WrapValidator) and isinstance(kind.func, Expectation):
            return kind.func.words
        case _ if isinstance(kind, type) and issubclass(kind, BaseModel):
            return f"a mapping, see {_link(kind)}"
        case origin, (inner, *said) if origin is Annotated:
            return _first([*said, inner])
        case origin, choices if origin is Literal:
            return " or ".join(f"`{choice}`" for choice in choices)
        case origin, (item, *_) if origin is tuple:
            return f"a list, each item {_words(item)}"
        case origin, (key, value) if origin is Mapping:
            return f"a mapping, each key {_words(key)}, each value {_words(value)}"
        case _, parts:
            return _first(parts)


def _link(model: type[BaseModel]) -> str:
    """A link to the section of a model, by the anchor that GitHub makes of its title."""
    title = next(section.title for section in SECTIONS if section.model is model)
    anchor = title.lower().replace(" ", "-").replace("'", "")
    return f"[{title}](#{anchor})"


def _default(field: FieldInfo) -> str:
    default: Any = field.get_default(call_default_factory=True)
    if default in (LEFT_OUT, (), {}, Clients()):
        return "none"
    return f"`{_yaml({'': default}).partition(': ')[2]}`"


def _said(name: str, value: Any) -> str:
    return f"`{_yaml({name: value})}`"


def _yaml(value: Data, *, flow: bool = True) -> str:
    """A mapping as a file would have it; in flow style on one line, without its braces."""
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.width = 10_000
    yaml.sort_base_mapping_type_on_output = False  # pyright: ignore[reportAttributeAccessIssue]
    yaml.dump(value, stream)
    # No value has an apostrophe, and the project's files quote with ".
    text = stream.getvalue().replace("'", '"')
    return text.strip()[1:-1] if flow else text


def _wrapped(text: str, lead: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


if __name__ == "__main__":
    FILE.write_text(reference())
