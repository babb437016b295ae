"""What pages quote is what the program says."""

import re
from difflib import unified_diff
from pathlib import Path

import pytest

from sandbox.layout import PROJECT
from settings.control_plane import Database
from settings.pods import Pod
from settings.reading import SettingsError, settings_of
from settings.service import Service
from settings.stack import Metrics, Settings
from tenancy.edit.description import as_markdown
from tenancy.edit.effects import changes_between
from tenancy.inventory.validation import parse
from tenancy.names import RESERVED_LABELS
from tenancy.rows.lifecycle import STATUSES, TRANSITIONS

DOCS = PROJECT / "docs"

BEFORE = """\
tenants:
  demo-tenant:
    integrations: 42
  acme-corp:
    integrations: 80
  globex:
    integrations: 30
    clients:
      namespaces: [globex-workers]
  hooli:
    instances: 3
    integrations: 90
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
    capacity: 100
"""
AFTER = """\
tenants:
  demo-tenant:
    integrations: 42
  acme-corp:
    integrations: 120
  globex:
    integrations: 30
    size: large
    clients:
      namespaces: [globex-workers, globex-jobs]
  hooli:
    integrations: 90
  initech: {}
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
    capacity: 100
"""


def test_the_review_is_of_the_edit_that_the_page_shows() -> None:
    page = (DOCS / "operations.md").read_text()
    lines = unified_diff(BEFORE.splitlines(), AFTER.splitlines(), n=3, lineterm="")
    shown = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    assert "\n".join(["```diff", *shown, "```"]) in page
    base, head = (parse(Path("tenants.yaml"), text.encode()) for text in (BEFORE, AFTER))
    comment = as_markdown(changes_between(base, head))
    assert "\n".join(f"> {line}".rstrip() for line in comment.splitlines()) in page


MORE = ("## Measured", "## What else was possible")


def test_each_decision_has_the_same_headings() -> None:
    pages = sorted((DOCS / "adr").glob("0*.md"))
    headings = {page.name: re.findall("^#+ .*", page.read_text(), re.MULTILINE) for page in pages}
    assert len(headings) > 40
    for name, (title, *others) in headings.items():
        assert title.startswith(f"# {name[:4]}: ")
        between = [each for each in others if each not in MORE]
        assert between == ["## Context", "## Decision", "## Consequences"], name
        assert others[-1] == between[-1], name
    assert [page.name for page in pages if "\nStatus: " in page.read_text()] == []


def test_the_life_of_a_row_is_drawn_as_the_program_has_it() -> None:
    page = (DOCS / "concepts.md").read_text()
    drawn = set(re.findall(r"^  (\w+) --> (\w+):", page, re.MULTILINE))
    assert drawn == {(before, after) for before in STATUSES for after in TRANSITIONS[before]}


def test_the_page_of_production_has_a_row_for_each_setting_and_for_no_other() -> None:
    sections = {"database": Database, "metrics": Metrics, "pod": Pod, "service": Service}
    known = {"databaseUrl"}
    for key in (str(field.alias) for field in Settings.model_fields.values()):
        within = sections[key].model_fields.values() if key in sections else ()
        known |= {f"{key}.{field.alias}" for field in within} or {key}
    table = (DOCS / "production.md").read_text().partition("## The settings of a stack")[2]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\S+)`", row)} == known


@pytest.mark.parametrize("section", ["pod", "service"])
def test_the_page_of_production_names_the_labels_and_annotations_that_are_refused(
    section: str,
) -> None:
    page = " ".join((DOCS / "production.md").read_text().split())
    labels = re.search(rf"`{section}\.labels` takes .*?(`app`.*?), and nothing below `(.*?)`", page)
    annotations = re.search(
        rf"`{section}\.annotations` takes nothing below `(.*?)` or `(.*?)`", page
    )
    assert labels
    assert annotations
    # The page names the prefix of the labels of Kubernetes' own once.
    names = {name.rpartition("/")[2] for name in re.findall(r"`(.*?)`", labels[1])}
    assert names == {name.rpartition("/")[2] for name in RESERVED_LABELS}
    keys: dict[str, tuple[list[str], list[str]]] = {
        "labels": (
            [*RESERVED_LABELS, f"{labels[2]}x"],
            ["app.kubernetes.io/component", "app.kubernetes.io/version"],
        ),
        "annotations": ([f"{prefix}x" for prefix in annotations.groups()], ["example.com/x"]),
    }
    for kind, (refused, taken) in keys.items():
        for key in refused:
            with pytest.raises(SettingsError, match="expected another key"):
                settings_of({section: {kind: {key: "x"}}}, "")
        settings_of({section: {kind: dict.fromkeys(taken, "x")}}, "")
