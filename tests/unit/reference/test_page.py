"""docs/inventory.md: the page that is written from the models."""

import pytest
from pydantic import BaseModel

from reference.page import FILE, reference
from reference.sections import SECTIONS, Section
from tenancy.inventory.models import fields_of
from tests.unit.reference.test_json_schema import MODELS

PAGE = reference()
FIELDS = [
    pytest.param(section, name, id=f"{section.model.__name__}.{name}")
    for section in SECTIONS
    for name in fields_of(section.model)
]


def test_the_committed_page_is_that_of_the_models() -> None:
    assert FILE.read_text() == PAGE, "run `make schema`, and read the difference"


def test_every_model_and_every_field_has_its_place() -> None:
    told = {section.model: list(section.edits) for section in SECTIONS}
    assert told == {model: list(fields_of(model)) for model in MODELS}


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_every_field_has_edits_unless_it_has_fields_within(section: Section, name: str) -> None:
    kind = fields_of(section.model)[name].annotation
    has_fields = isinstance(kind, type) and issubclass(kind, BaseModel)
    assert bool(section.edits[name]) is not has_fields


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("integrations", "a whole number, 0 or more, not in quotes; `0` by default."),
        ("egress", "`dns` or `none` or `open`; `dns` by default."),
        (
            "clients.nkeys",
            "a list, each item a mapping, see [A client's key](#a-clients-key); none",
        ),
        ("clients.nkeys[].key", "a public user key, U and 55 more of A-Z and 2-7; required."),
        ("limits", "a mapping, see [Requests and limits](#requests-and-limits); required."),
    ],
)
def test_what_is_expected_is_said_in_the_words_of_the_reports(place: str, words: str) -> None:
    assert f"Expected: {words}" in told_of(place)


@pytest.mark.parametrize(
    ("place", "kinds"),
    [
        ("integrations", ["adds servers", "removes servers", "changes nothing that runs"]),
        ("egress", ["changes who may reach what", "changes who may reach what"]),
        ("clients.namespaces", ["changes who may reach what", "changes who may reach what"]),
        ("tls.secretName", ["restarts servers, so their clients reconnect"]),
        ("maxPayload", ["restarts servers, so their clients reconnect"]),
        ("sizes", ["changes no tenant"]),
    ],
)
def test_what_an_edit_does_is_what_the_plan_says(place: str, kinds: list[str]) -> None:
    assert told_of(place).split("**")[1::2] == kinds


def told_of(place: str) -> str:
    """What the page says about a field, without its line breaks."""
    _, _, after = PAGE.partition(f"### `{place}`\n")
    return " ".join(after.partition("\n#")[0].split())
