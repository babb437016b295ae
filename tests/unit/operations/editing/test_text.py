"""Edits of an inventory's text: what is asked for changes, and no other byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from operations.editing.text import EditError, added, edited
from tenancy.inventory.faults import InventoryError
from tests.sweeps import examples
from tests.unit.inventory.styles import Data, written_anyhow
from tests.unit.inventory.test_properties import inventories

FILE = """\
# the tenants of this stack
tenants:
  demo-tenant: {}

  acme-corp: # the first one, in Zürich
    integrations: 80 # so two
    clients:
      namespaces:
        - acme-workers # since 2024
        - acme-jobs # since 2025

    # asked for by ops
    size: 'large'
  "on": { integrations: 30 , size: "large" }   # was hooli

sizes: # measured
  large: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "4", memory: 8Gi}}
"""


def swapped(old: str, new: str) -> str:
    """The file with `new` in the one place that has `old`."""
    assert FILE.count(old) == 1
    return FILE.replace(old, new)


@pytest.mark.parametrize(
    ("tenant", "changes", "old", "new"),
    [
        pytest.param(
            "acme-corp", {"integrations": 120}, "integrations: 80", "integrations: 120", id="value"
        ),
        pytest.param("acme-corp", {"size": "small"}, "'large'", "small", id="a value in quotes"),
        pytest.param(
            "acme-corp", {"instances": 3}, "'large'\n", "'large'\n    instances: 3\n", id="field"
        ),
        pytest.param(
            "demo-tenant", {"instances": 2}, "t: {}", "t: {instances: 2}", id="the first field"
        ),
        pytest.param(
            "on",
            {"integrations": 31, "egress": "open"},
            '30 , size: "large" }',
            '31 , size: "large" , egress: open }',
            id="on one line",
        ),
        pytest.param("acme-corp", {"integrations": None}, "    integrations: 80 # so two\n", "",
                     id="no field"),
        pytest.param("on", {"integrations": None}, "integrations: 30 , ", "",
                     id="no field on one line"),
        pytest.param("acme-corp", {"egress": None}, "Zürich", "Zürich", id="no field, as before"),
        pytest.param("acme-corp", {"size": "large"}, "Zürich", "Zürich", id="the value it has"),
        pytest.param(
            "acme-corp",
            {"clients.namespaces": ["acme-jobs", "new"]},
            "        - acme-workers # since 2024\n        - acme-jobs # since 2025\n",
            "        - acme-jobs # since 2025\n        - new\n",
            id="items of a list",
        ),
        pytest.param(
            "acme-corp",
            {"clients.namespaces": None},
            "    clients:\n      namespaces:\n        - acme-workers # since 2024\n"
            "        - acme-jobs # since 2025\n",
            "",
            id="a field within a field, the only one",
        ),
        pytest.param(
            "demo-tenant",
            {"clients.namespaces": ["on", "y"]},
            "tenant: {}",
            'tenant: {clients: {namespaces: ["on", "y"]}}',
            id="texts that some readers take for something else",
        ),
    ],
)  # fmt: skip
def test_an_edit_changes_what_is_asked_and_nothing_else(
    tenant: str, changes: dict[str, object], old: str, new: str
) -> None:
    assert edited(FILE, tenant, changes) == swapped(old, new)


@pytest.mark.parametrize(
    ("tenant", "fields", "entry"),
    [
        pytest.param("initech", {}, "  initech: {}\n", id="with defaults"),
        pytest.param(
            "y",
            {"integrations": 60, "size": "large", "clients.namespaces": ["y"]},
            '  "y":\n    integrations: 60\n    size: large\n'
            '    clients:\n      namespaces:\n      - "y"\n',
            id="with fields",
        ),
    ],
)
def test_a_tenant_is_added_after_the_others(
    tenant: str, fields: dict[str, object], entry: str
) -> None:
    last = "  # was hooli\n"
    assert added(FILE, tenant, fields) == swapped(last, f"{last}{entry}")


def test_carriage_returns_stay_and_are_added() -> None:
    windows = FILE.replace("\n", "\r\n")
    assert edited(windows, "acme-corp", {"instances": 3}) == edited(
        FILE, "acme-corp", {"instances": 3}
    ).replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("tenant", "problem"),
    [
        ("acme-crop", "There is no tenant acme-crop; did you mean acme-corp?"),
        ("wayne", "There is no tenant wayne; `add` makes one."),
    ],
)
def test_a_tenant_that_is_not_there_is_not_edited(tenant: str, problem: str) -> None:
    with pytest.raises(EditError) as caught:
        edited(FILE, tenant, {"instances": 2})
    assert str(caught.value) == problem


def test_a_tenant_that_is_there_is_not_added() -> None:
    with pytest.raises(EditError) as caught:
        added(FILE, "on", {})
    assert str(caught.value) == "Tenant on is there already; `set` changes it."


@pytest.mark.parametrize(
    "text", ["tenants:\n  acme: {}\n  acme: {}\n", "tenants:\n  acme: &a {}\n", "tenants: [\n"]
)
def test_what_can_be_read_in_two_ways_is_not_edited(text: str) -> None:
    with pytest.raises(InventoryError):
        edited(text, "acme", {"instances": 2})


VALUES: dict[str, list[object]] = {
    "integrations": [0, 777],
    "instances": [1, 98],
    "size": ["standard", "no", "1e3"],
    "egress": ["dns", "open"],
    "clients": [{"namespaces": ["new", "y"]}],
}


@examples(50)
@given(data=inventories(), seed=st.integers(0, 2**32), more=st.data())
def test_a_field_is_set_in_any_style_and_no_other_byte_changes(
    data: Data, seed: int, more: st.DataObject
) -> None:
    text = written_anyhow(data, seed)
    tenant, field, value = drawn(data, more)
    before = data["tenants"][tenant]
    after = edited(text, tenant, {field: value})
    assert content(after) == unordered(with_tenant(data, tenant, {**before, field: value}))
    lost, gained = difference(text, after)
    if field not in before:
        assert not lost.strip("{} \r\n")
        assert field in gained
    elif isinstance(value, dict):
        assert comments(after) >= comments(text) - comments(source(text, tenant, field))
    else:
        start, end = span(text, tenant, field)
        ways = (str(value), json.dumps(value))
        assert after in [text, *(f"{text[:start]}{way}{text[end:]}" for way in ways)]
    assert line_ends(after) == line_ends(text)


@examples(50)
@given(data=inventories(), seed=st.integers(0, 2**32), more=st.data())
def test_a_field_is_removed_in_any_style_and_no_other_byte_changes(
    data: Data, seed: int, more: st.DataObject
) -> None:
    text = written_anyhow(data, seed)
    tenant, field, _ = drawn(data, more)
    left = {key: value for key, value in data["tenants"][tenant].items() if key != field}
    after = edited(text, tenant, {field: None})
    assert content(after) == unordered(with_tenant(data, tenant, left))
    lost, gained = difference(text, after)
    assert not gained.strip("{} \r\n")
    if field in data["tenants"][tenant]:
        assert comments(lost) <= comments(source(text, tenant, field))
    else:
        assert after == text
    assert line_ends(after) == line_ends(text)


@examples(50)
@given(data=inventories(), seed=st.integers(0, 2**32), more=st.data())
def test_a_tenant_is_added_in_any_style_and_no_other_byte_changes(
    data: Data, seed: int, more: st.DataObject
) -> None:
    text = written_anyhow(data, seed)
    _, field, value = drawn(data, more)
    after = added(text, "brand-new", {field: value})
    assert content(after) == unordered(with_tenant(data, "brand-new", {field: value}))
    lost, gained = difference(text, after)
    assert not lost.strip()
    assert "brand-new" in gained
    assert line_ends(after) == line_ends(text)


def drawn(data: Data, more: st.DataObject) -> tuple[str, str, Any]:
    """A tenant, a field that it may have, and a value."""
    tenant = more.draw(st.sampled_from(sorted(data["tenants"])), label="tenant")
    field = more.draw(st.sampled_from(sorted(VALUES)), label="field")
    return tenant, field, more.draw(st.sampled_from(VALUES[field]), label="value")


def with_tenant(data: Data, tenant: str, fields: Data) -> Data:
    return {**data, "tenants": {**data["tenants"], tenant: fields}}


def content(text: str) -> Any:
    """What a reader of YAML 1.2 gets; lists in order, since styles shuffle them."""
    return unordered(YAML(typ="safe", pure=True).load(text))


def unordered(value: Any) -> Any:
    match value:
        case dict():
            return {key: unordered(inner) for key, inner in value.items()}  # pyright: ignore
        case list():
            return sorted(value)  # pyright: ignore
        case _:
            return value


def difference(before: str, after: str) -> tuple[str, str]:
    """What lies between the longest common beginning and the longest common end."""
    shortest = min(len(before), len(after))
    start = next((at for at in range(shortest) if before[at] != after[at]), shortest)
    most = shortest - start
    end = next((at for at in range(most) if before[-1 - at] != after[-1 - at]), most)
    return before[start : len(before) - end], after[start : len(after) - end]


def entry(text: str, tenant: str, field: str) -> tuple[Any, Any]:
    """The nodes of a field: its key and its value."""
    node: Any = YAML(pure=True).compose(text)
    for key in ("tenants", tenant):
        node = next(value for name, value in node.value if name.value == key)
    return next((name, value) for name, value in node.value if name.value == field)


def span(text: str, tenant: str, field: str) -> tuple[int, int]:
    """Where a value begins and ends."""
    _, value = entry(text, tenant, field)
    return value.start_mark.index, value.end_mark.index


def source(text: str, tenant: str, field: str) -> str:
    """A field as the file has it, with what stands between its key and its value."""
    key, value = entry(text, tenant, field)
    return text[key.start_mark.index : value.end_mark.index]


def comments(text: str) -> int:
    """How many comments stand on a line of their own."""
    return text.count("# why")


def line_ends(text: str) -> bool:
    """Whether lines end with CRLF."""
    assert text.count("\r\n") in (0, text.count("\n"))
    return "\r\n" in text
