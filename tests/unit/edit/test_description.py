"""The words for an edit: what a person reads in a comment or a terminal."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tenancy.edit.description import LONGEST_MARKDOWN, as_data, as_markdown, as_text
from tenancy.edit.effects import Changes, Files, Kind, changes_between
from tenancy.inventory.models import Inventory
from tenancy.inventory.nkeys import EXAMPLE
from tests.sweeps import examples
from tests.unit.edit.test_effects import SIZES, inventory

COMMENT = 65_536
"""Characters that GitHub takes in one comment."""


class Markdown(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "md"


class Text(Markdown):
    file_extension = "txt"


BASE = inventory(
    acme_corp={"integrations": 80},
    demo_tenant={"integrations": 42},
    globex={"instances": 2, "size": "large", "integrations": 30},
    hooli={},
    initech={"instances": 2},
)
GROWTH = inventory(
    acme_corp={"integrations": 120},
    demo_tenant={"integrations": 45},
    globex={"instances": 2, "size": "large", "integrations": 30},
    hooli={},
    initech={"instances": 2},
    wayne={"integrations": 60},
)
REMOVAL = inventory(
    acme_corp={"integrations": 80},
    demo_tenant={"integrations": 42},
    globex={"state": "decommissioned"},
    initech={"instances": 1},
)
MIXED = inventory(
    acme_corp={"integrations": 120, "placement": "spread"},
    demo_tenant={"integrations": 42, "egress": "open"},
    globex={"instances": 2, "integrations": 30},
    hooli={"clients": {"namespaces": ("hooli-workers",)}},
    initech={},
    wayne={},
)
EDITS = {"growth": GROWTH, "removal": REMOVAL, "mixed": MIXED}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_as_a_comment(edit: str, snapshot: SnapshotAssertion) -> None:
    words = as_markdown(changes_between(BASE, EDITS[edit]))
    assert words == snapshot.use_extension(Markdown)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_in_a_terminal(edit: str, snapshot: SnapshotAssertion) -> None:
    assert as_text(changes_between(BASE, EDITS[edit])) == snapshot.use_extension(Text)


def test_an_edit_that_changes_nothing_is_said_in_one_line() -> None:
    edit = changes_between(BASE, BASE)
    assert as_text(edit) == "This edit changes nothing.\n"
    assert as_markdown(edit) == "**This edit changes nothing.**\n"


def test_data_has_the_figures_and_the_words() -> None:
    data = json.loads(json.dumps(as_data(changes_between(BASE, GROWTH))))
    assert data["totals"]["before"] == {"tenants": 5, "instances": 8, "cpu": 10, "memory": 20}
    assert data["approval"]["needed"] is False
    assert data["tenants"][0] == {
        "tenant": "acme-corp",
        "kind": "adds",
        "instances": {"before": 2, "after": 3},
        "integrations": {"before": 80, "after": 120},
        "objects": {"Deployment": 1, "Service": 1, "ConfigMap": 1, "row": 1},
        "effects": [{"kind": "adds", "words": ""}],
        "words": "2 → 3 instances (80 → 120 integrations): "
        "+1 Deployment, +1 Service, +1 ConfigMap, +1 row",
    }


def test_tenants_to_which_the_same_happens_share_a_line_of_a_comment() -> None:
    names = [f"t{number:02}" for number in range(25)]
    base = given_as({name: {} for name in names})
    head = given_as({name: {"egress": "open"} for name in names})
    lines = [
        line for line in as_markdown(changes_between(base, head)).splitlines() if "open" in line
    ]
    told = [re.findall(r"\*\*(t[0-9]+)\*\*", line) for line in lines]
    assert told == [names[:20], names[20:]]


@examples(25)
@given(seed=st.integers(0, 2**32))
def test_a_comment_on_500_tenants_is_short_enough_and_counts_those_it_does_not_name(
    seed: int,
) -> None:
    edit = edit_of_500(Random(seed))  # noqa: S311
    words = as_markdown(edit)
    assert len(words) < COMMENT
    assert len(words.encode()) <= LONGEST_MARKDOWN
    for kind in Kind:
        assert told_of(words, kind) == len(edit.of(kind))
        named = [each for each in edit.of(kind) if f"**{each.tenant}**" in words]
        assert named or not edit.of(kind), "no section is without a name"


def test_what_is_cut_is_the_least_grave() -> None:
    edit = edit_of_500(Random(7))  # noqa: S311
    words = as_markdown(edit, longest=20_000)
    assert len(words.encode()) <= 20_000
    assert words.endswith("\nThis is cut to fit a comment; "
                          "`tenant-nats changes` shows all of it.\n")  # fmt: skip
    named = [bool(re.search(rf"\*\*{each.tenant}\*\*", words)) for each in edit.tenants]
    assert 50 < sum(named) < len(named)
    of_the_gravest = [f"**{each.tenant}**" in words for each in edit.of(Kind.REMOVES)]
    assert sum(of_the_gravest) > 50


def edit_of_500(random: Random) -> Changes:
    """An edit of up to 500 tenants with long names, each of which changes in its own way."""
    names = [f"{'tenant-with-a-long-name' * 2}-{number}" for number in range(500)]
    keep, change = random.random(), random.random()
    before = {name: entry(random) for name in names if random.random() < 0.9}
    after = {name: entry(random) if random.random() < change else before.get(name, {})
             for name in names if random.random() < 0.5 + keep / 2}  # fmt: skip
    return changes_between(given_as(before), given_as(after))


def given_as(tenants: dict[str, dict[str, Any]]) -> Inventory:
    return inventory(**{"always-there": {}, **tenants})


def entry(random: Random) -> dict[str, Any]:
    namespaces = tuple(f"namespace-{random.randrange(99)}-{place}" for place in range(12))
    return {
        "integrations": random.randrange(400),
        "size": random.choice(["standard", *SIZES]),
        "egress": random.choice(["dns", "open"]),
        "placement": random.choice(["pack", "spread"]),
        "state": random.choice(["active", "active", "decommissioned"]),
        "clients": {"namespaces": namespaces[: random.randrange(12)]},
    }


def told_of(words: str, kind: Kind) -> int:
    """How many tenants of a kind are named, or counted as more."""
    title = kind.value[0].upper() + kind.value[1:]
    _, _, section = words.partition(f"{title}</b> (")
    if not section:
        _, _, section = words.partition(f"**{title}** (")
    lines = section.split("</details>")[0].split("\n\n**")[0].split("\n<details>")[0]
    more = re.search(r"^- … and ([0-9]+) more tenants?$", lines, re.MULTILINE)
    named = re.findall(r"\*\*[-a-z0-9]+\*\*", lines)
    return len(named) + (int(more[1]) if more else 0)


def test_golden_files_are_all_of_edits_that_are_tested() -> None:
    folder = Path(__file__).parent / "__snapshots__" / "test_description"
    assert len([*folder.iterdir()]) == 2 * len(EDITS)


def test_subjects_of_an_inventory_mention_nobody_and_show_no_image() -> None:
    key = {"key": EXAMPLE, "publish": ("orders.>",)}
    wicked = {"key": EXAMPLE, "publish": ("![x](https://evil.example/p.png)", "@acme.team", "a.*")}
    before = inventory(acme={"clients": {"nkeys": (key,)}})
    after = inventory(acme={"clients": {"nkeys": (wicked,)}})
    comment = as_markdown(changes_between(before, after))
    assert "`+![x](https://evil.example/p.png)`, `+@acme.team`, `+a.*`, -orders.>" in comment
    assert "+@acme.team, +a.*" in as_text(changes_between(before, after))


def moving(count: int) -> Changes:
    """An edit of a cell that only moves so many tenants."""
    moves = {f"tenant-{number:04}": ("001", "002") for number in range(count)}
    files = Files(differing=("001", "002"), count=334, moves=moves)
    return changes_between(BASE, BASE, files=files)


def test_tenants_that_move_are_named_one_by_one_in_a_terminal() -> None:
    told = as_text(moving(12)).splitlines()
    assert told[:2] == [
        "This edit changes nothing.",
        "The totals are of the 2 of 334 files that differ: 001, 002.",
    ]
    assert len(told) == 14
    assert told[2] == "tenant-0000 moves from 001 to 002: nothing restarts."


def test_many_tenants_that_move_are_folded_and_counted_in_a_comment() -> None:
    assert "<details>" not in as_markdown(moving(10))
    assert "<details><summary><b>11 tenants move</b></summary>" in as_markdown(moving(11))
    many = as_markdown(moving(5000))
    assert "- … and 4900 more tenants\n" in many
    assert len(many.encode()) < LONGEST_MARKDOWN
