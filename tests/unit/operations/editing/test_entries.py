"""Entries that go from one inventory to another, as they are written."""

import pytest

from operations.editing.entries import joined, without
from operations.editing.text import EditError
from tenancy.inventory.faults import InventoryError

SIZES = """\
sizes:
  # Two cores.
  large: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "2", memory: 4Gi}}
"""
SOURCE = (
    """\
# The shard of the north.
tenants:
  # Acme pays for three.
  acme:
    integrations: 120 # since May
    clients:
      namespaces: [acme-workers]

  # Globex is new.
  # Ask Hank.
  globex: {size: large}
  hooli: {}
"""
    + SIZES
)
TARGET = """\
tenants:
    initech: {} # four spaces

# The end.
"""


def moved(source: str, target: str, tenants: list[str]) -> tuple[str, str]:
    return without(source, tenants), joined(target, source, tenants)


def test_an_entry_goes_as_it_is_written_with_the_comments_above_it() -> None:
    left, come = moved(SOURCE, TARGET, ["acme"])
    assert left == SOURCE.replace(
        """\
  # Acme pays for three.
  acme:
    integrations: 120 # since May
    clients:
      namespaces: [acme-workers]
""",
        "",
    )
    assert (
        come
        == """\
tenants:
    initech: {} # four spaces
    # Acme pays for three.
    acme:
      integrations: 120 # since May
      clients:
        namespaces: [acme-workers]

# The end.
"""
    )


def test_a_size_that_the_target_lacks_goes_with_its_tenant() -> None:
    left, come = moved(SOURCE, TARGET, ["globex"])
    assert "globex" not in left
    assert "Hank" not in left
    assert "# Ask Hank.\n    globex: {size: large}\n" in come
    assert "large:" in come
    again, same = moved(left.replace("hooli: {}", "hooli: {size: large}"), come, ["hooli"])
    assert same.count("large:") == 1
    assert SIZES in again, "the size stays where it was"


def test_a_size_of_another_meaning_is_refused() -> None:
    other = TARGET + SIZES.replace("4Gi", "8Gi")
    with pytest.raises(EditError, match="The size large is another one in the two files"):
        moved(SOURCE, other, ["globex"])


@pytest.mark.parametrize(
    "target",
    ["tenants: {initech: {}}\n", '{"tenants": {"initech": {}}}\n', "tenants:\n  initech: {}\n"],
    ids=["flow", "JSON", "block"],
)
def test_whatever_the_style_the_results_say_what_was_asked_for(target: str) -> None:
    left, come = moved(SOURCE, target, ["hooli", "acme"])
    assert "hooli" in come
    assert "acme" in come
    assert "hooli" not in left
    back, empty = come, left
    back, empty = moved(back, empty, ["hooli", "acme"])
    assert "hooli" not in back
    assert "acme" in empty


def test_a_move_that_was_interrupted_after_the_target_was_written_goes_on() -> None:
    left, come = moved(SOURCE, TARGET, ["acme"])
    assert moved(SOURCE, come, ["acme"]) == (left, come)


def test_a_tenant_that_is_another_one_in_the_target_is_refused() -> None:
    with pytest.raises(EditError, match="acme is in both files, with other fields"):
        moved(SOURCE, "tenants:\n  acme: {}\n", ["acme"])


def test_a_tenant_that_is_not_there_is_refused() -> None:
    with pytest.raises(EditError, match="There is no tenant initrode"):
        joined(TARGET, SOURCE, ["initrode"])


def test_no_file_is_left_without_a_tenant() -> None:
    with pytest.raises(EditError, match="No tenant would be left"):
        without(TARGET, ["initech"])


def test_a_file_with_faults_is_refused() -> None:
    with pytest.raises(InventoryError):
        moved(SOURCE, "tenants:\n\tinitech: {}\n", ["acme"])


def test_a_multi_line_text_keeps_its_meaning_or_the_entry_is_written_anew() -> None:
    source = 'tenants:\n  acme:\n    size: "lar\n  ge"\n  globex: {}\n'
    left, come = moved(source, TARGET, ["acme"])
    assert "acme" not in left
    assert 'size: "lar ge"' in come or "size: lar ge" in come
