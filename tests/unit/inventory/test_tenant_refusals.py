"""Tenants that are refused: their ids and fields, and counts that contradict each other."""

import pytest

from tests.unit.inventory.tables import LARGE, NOT_COUNTS, accepted, as_written, reported, table

ID_WORDS = (
    "expected a tenant id of lower-case letters a-z, digits and inner hyphens, "
    "at most 55 characters. For example: acme-corp:"
)
QUOTE_WORDS = "YAML readers do not agree that this key is text; put it in quotes"
SIZE_WORDS = (
    "expected a size's name of lower-case letters a-z, digits and inner hyphens, "
    "at most 63 characters. For example: size: large"
)
FIELDS = "integrations, instances, size, clients, tls, placement, state, egress"

NOT_LABELS = {
    **as_written("Acme", "ac_me", "ac.me", "ac/me", "ac me", "-acme", "acme-", "a" * 56),
    '"-"': "-",
    '""': "''",
    '"acme "': "acme ",
    '"a\\nb"': r"'a\nb'",
    '"acme\\n"': r"'acme\n'",
    "\u0430cme": r"'\u0430cme'",  # a Cyrillic look-alike
    '"\\u0430cme"': r"'\u0430cme'",  # the same, escaped in YAML
    "\uff41cme": r"'\uff41cme'",  # a full-width letter
    "acme\u0661": r"'acme\u0661'",  # an Arabic digit
    "ac\u200bme": r"'ac\u200bme'",  # a zero-width space
    "ac\u00adme": r"'ac\xadme'",  # a soft hyphen
    "acme\u0301": r"'acme\u0301'",  # a combining accent
    "café": r"'caf\xe9'",
    '"[key]"': "[key]",  # pydantic marks keys like this
}


@table(
    {
        "intgrations: 3": "intgrations: unknown key; did you mean `integrations`?",
        "instance: 3": "instance: unknown key; did you mean `instances`?",
        "owner: me": f"owner: unknown key; known are {FIELDS}.",
        '"[key]": 1': f"[key]: unknown key; known are {FIELDS}.",  # pydantic marks keys like this
    }
)
def test_an_unknown_key_is_refused_with_the_nearest_known(text: str, line: str) -> None:
    content = f"tenants:\n  acme:\n    size: standard\n    {text}\n"
    assert reported(content) == [f"line 4, tenant acme, {line}"]


@pytest.mark.parametrize(
    "key",
    ["no", "yes", "on", "true", "null", "~", "007", "0x1f", "0o7", "1e3", "1.5", "2024-01-01", "1"],
)
def test_an_id_that_a_yaml_reader_may_not_take_for_text_must_be_quoted(key: str) -> None:
    assert reported(f"tenants:\n  acme: {{}}\n  {key}: {{}}\n") == [
        f'line 3, tenant {key}: {key} — {QUOTE_WORDS}. For example: "{key}":'
    ]


@pytest.mark.parametrize("key", ["no", "yes", "null", "007", "0x1f", "1e3", "2024-01-01", "1"])
def test_the_same_id_in_quotes_is_accepted_as_written(key: str) -> None:
    inventory = accepted(f"tenants:\n  \"{key}\": {{}}\n  'x{key}': {{}}\n")
    assert [key, f"x{key}"] == list(inventory.tenants)


@pytest.mark.parametrize(("text", "shown"), NOT_LABELS.items(), ids=NOT_LABELS)
def test_an_id_that_is_not_a_label_is_refused(text: str, shown: str) -> None:
    content = f"tenants:\n  acme: {{}}\n  {text}: {{}}\n"
    assert reported(content) == [f"line 3, tenant {shown}: {shown} — {ID_WORDS}"]


@pytest.mark.parametrize("key", ["a", "7", "a-b", "a--b", "0-0", "a" * 55])
def test_an_id_that_is_a_label_is_accepted(key: str) -> None:
    assert [key] == list(accepted(f'tenants:\n  "{key}": {{}}\n').tenants)


@table(
    as_written("null", "~", "standard", "3") | {"": "", "[]": ""},
    "expected a mapping. For example: acme: {}",
)
def test_a_tenant_that_is_not_a_mapping_is_refused(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {text}\n") == [f"line 2, tenant acme: {line}"]


@table(
    NOT_COUNTS,
    "expected a whole number, 0 or more, not in quotes. For example: integrations: 42",
)
def test_integrations_that_are_not_a_count_are_refused(text: str, line: str) -> None:
    content = f"tenants:\n  acme:\n    size: standard\n    integrations: {text}\n"
    assert reported(content) == [f"line 4, tenant acme, integrations: {line}"]


@table(
    NOT_COUNTS | as_written("0", "100"),
    "expected a whole number from 1 to 99, not in quotes. For example: instances: 2",
)
def test_instances_that_are_not_a_count_from_1_to_99_are_refused(text: str, line: str) -> None:
    content = f"tenants:\n  acme:\n    size: standard\n    instances: {text}\n"
    assert reported(content) == [f"line 4, tenant acme, instances: {line}"]


@table(
    {
        "size: no": f"size: no — {SIZE_WORDS}",
        "size: Large": f"size: Large — {SIZE_WORDS}",
        "size: huge": (
            "size: huge — no such size; there are large, standard. For example: size: standard"
        ),
        "egress: all": "egress: all — expected 'dns', 'none' or 'open'. For example: egress: none",
        "egress: no": "egress: no — expected 'dns', 'none' or 'open'. For example: egress: none",
        "placement: even": (
            "placement: even — expected 'pack' or 'spread'. For example: placement: spread"
        ),
        "state: terminated": (
            "state: terminated — expected 'active' or 'decommissioned'. "
            "For example: state: decommissioned"
        ),
    }
)
def test_another_field_that_does_not_fit_is_refused(text: str, line: str) -> None:
    content = f"tenants:\n  acme:\n    {text}\n{LARGE}"
    assert reported(content) == [f"line 3, tenant acme, {line}"]


@table(
    {
        "integrations: 51, instances: 1": (
            "instances: 1 — 51 integrations need 2 (size standard holds 50 each). "
            "For example: instances: 2"
        ),
        "integrations: 401, instances: 4, size: large": (
            "instances: 4 — 401 integrations need 5 (size large holds 100 each). "
            "For example: instances: 5"
        ),
        "integrations: 4951": (
            "integrations: 4951 — they need 100 instances (size standard holds 50 each), "
            "and 99 is the most. For example: integrations: 4950"
        ),
        "integrations: 9901, instances: 99, size: large": (
            "integrations: 9901 — they need 100 instances (size large holds 100 each), "
            "and 99 is the most. For example: integrations: 9900"
        ),
        "integrations: 999999999": (
            "integrations: 999999999 — they need 20000000 instances (size standard holds 50 each), "
            "and 99 is the most. For example: integrations: 4950"
        ),
    }
)
def test_counts_that_contradict_each_other_are_refused(text: str, line: str) -> None:
    content = f"tenants:\n  acme: {{{text}}}\n{LARGE}    capacity: 100\n"
    assert reported(content) == [f"line 2, tenant acme, {line}"]


@pytest.mark.parametrize(
    "fields",
    [
        "integrations: 50, instances: 1",
        "integrations: 51, instances: 2",
        "integrations: 1, instances: 99",
        "integrations: 4950",
        "integrations: 0",
    ],
)
def test_counts_at_the_edge_are_accepted(fields: str) -> None:
    assert list(accepted(f"tenants:\n  acme: {{{fields}}}\n").tenants) == ["acme"]
