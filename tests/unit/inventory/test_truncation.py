"""A file that is cut short never takes several tenants with it, wherever it is cut.

Three things see to it. `load` refuses a cut within a line: the last line has to end. It also
refuses a cut between lines that leaves something incomplete: a key without its value, an open
bracket, a size that is used and not defined. Any other cut leaves a valid inventory that lacks
whole lines at its end, and the guard refuses those that lose two tenants or over a quarter of the
instances.

A cut passes if it is between two lines and takes at most the last tenant, and the last fields of
the entry before the cut, a tenant or a size; these then have their defaults. People make such edits
on purpose too. The program itself refuses two of their effects, at the preview and at `up`: a
tenant's key is removed while the tenant has servers, or a server while integrations point to it.
Neither is tested here.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tenancy.edit.approval import refusals
from tenancy.edit.steps import edit_steps
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.models import Inventory
from tenancy.plan.plan import expand
from tests.unit.inventory.files import loaded

MODELINE = "# yaml-language-server: $schema=./tenants.schema.json\n"
TENANTS = """\
tenants:
  acme: # the first one, in Zürich
    integrations: 120
  demo:
    integrations: 42
  globex:
    instances: 2
    size: large
    clients:
      namespaces: [globex-workers, globex-jobs]
  hooli: {integrations: 10, egress: "dns"}
  initech: {}
  massive:
    clients:
      namespaces:
        - massive-workers
  piper:
    instances: 2
  soylent: {}
  stark: {integrations: 60}
  tyrell: {}
  umbrella:
    integrations: 300
    size: large
  vehement:
    integrations: 75
    egress: open
  wayne:
    instances: 2
"""
SIZES = """\
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
    maxPayload: 4MB
    capacity: 100
"""
WHOLE = f"{MODELINE}{TENANTS}{SIZES}"
SIZES_FIRST = f"{SIZES}{TENANTS}"


def until(mark: str, whole: str = WHOLE) -> bytes:
    """The file up to and with `mark`, which it has once."""
    assert whole.count(mark) == 1, f"{mark!r} is no place in the file"
    return whole[: whole.index(mark) + len(mark)].encode()


REFUSED_BY_LOAD = [
    pytest.param(b"", "it is empty", id="nothing left"),
    pytest.param(b"\n", "it is empty", id="a line end left"),
    pytest.param(b"\0" * len(WHOLE.encode()), "a NUL byte", id="as long as before, all zeros"),
    pytest.param(MODELINE.encode(), "it is empty", id="the modeline only"),
    pytest.param(until("tenants:\n"), "expected a mapping", id="the first key only"),
    pytest.param(until("  globex:\n"), "expected a mapping", id="after a tenant's key"),
    pytest.param(until("  umbre"), "not valid YAML", id="within a tenant's key"),
    pytest.param(until("  umbrella:"), "the last line does not end", id="after a colon"),
    pytest.param(until("integrations: 12"), "the last line does not end", id="within a number"),
    pytest.param(until("integrations: 120"), "the last line does not end", id="after a number"),
    pytest.param(until('egress: "dn'), "not valid YAML", id="within a quoted text"),
    pytest.param(until("{integrations: 10,"), "not valid YAML", id="within a flow mapping"),
    pytest.param(until("[globex-workers,"), "not valid YAML", id="within a flow list"),
    pytest.param(until("- massive-wor"), "the last line does not end", id="within a block list"),
    pytest.param(until("in Zü")[:-1], "bytes that are not UTF-8", id="within a character"),
    pytest.param(until("# the first"), "the last line does not end", id="within a comment"),
    pytest.param(until("soylent: {}\n  "), "the last line does not end", id="within indentation"),
    pytest.param(until("soylent: {}\n") + bytes(300), "a NUL byte", id="a tail of zeros"),
    pytest.param(TENANTS.encode(), "no such size; there are standard", id="the sizes cut off"),
    pytest.param(until("sizes:\n"), "expected a mapping", id="within the sizes"),
    pytest.param(until('memory: 4Gi}\n'), "it is missing", id="within a size"),
]  # fmt: skip

REFUSED_BY_THE_GUARD = [
    pytest.param("integrations: 120\n", 12, id="all but the first tenant cut off"),
    pytest.param("initech: {}\n", 8, id="more than half of the tenants cut off"),
    pytest.param("soylent: {}\n", 5, id="the last five tenants cut off"),
    pytest.param("tyrell: {}\n", 3, id="the last three tenants cut off"),
    pytest.param("integrations: 300\n    size: large\n", 2, id="the last two tenants cut off"),
    pytest.param("integrations: 300\n", 2, id="the last two and a field cut off"),
]


@pytest.mark.parametrize(("content", "problem"), REFUSED_BY_LOAD)
def test_a_cut_file_is_refused_by_load(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(InventoryError) as caught:
        loaded(tmp_path, content)
    assert problem in str(caught.value)


@pytest.mark.parametrize(("mark", "lost"), REFUSED_BY_THE_GUARD)
def test_a_cut_file_that_is_valid_is_refused_by_the_guard(
    tmp_path: Path, mark: str, lost: int
) -> None:
    (reason, *_) = guarded(
        loaded(tmp_path, SIZES_FIRST), loaded(tmp_path, until(mark, SIZES_FIRST))
    )
    assert reason.startswith(f"{lost} tenants lose every server: ")


def test_a_cut_that_takes_the_number_of_a_large_tenant_is_refused_by_the_guard(
    tmp_path: Path,
) -> None:
    small = "".join(f"  tenant-{number}: {{}}\n" for number in range(12))
    whole = f"tenants:\n{small}  wayne:\n    egress: dns\n    instances: 9\n"
    left = loaded(tmp_path, until("egress: dns\n", whole))
    assert guarded(loaded(tmp_path, whole), left) == (
        "8 of 21 instances go (38.1%), and 25% is the most without an approval",
    )


def test_wherever_it_is_cut_at_most_one_tenant_goes_and_one_other_entry_changes(
    tmp_path: Path,
) -> None:
    content = SIZES_FIRST.encode()
    assert passing(tmp_path, content, range(len(content))) == [
        "    integrations: 75",  # of vehement, without its `egress`; wayne is gone
        "    egress: open",  # of vehement, complete; wayne is gone
    ]


def test_with_the_sizes_at_the_end_no_tenant_is_lost_at_any_line(tmp_path: Path) -> None:
    content = WHOLE.encode()
    ends = [place + 1 for place, byte in enumerate(content[:-1]) if byte == ord("\n")]
    assert passing(tmp_path, content, ends) == [
        '    limits: {cpu: "4", memory: 8Gi}',  # of large, without its payload and capacity
        "    maxPayload: 4MB",  # of large, without its capacity
    ]


def passing(folder: Path, content: bytes, lengths: Iterable[int]) -> list[str]:
    """The last lines of the prefixes that load and that the guard lets pass.

    Each prefix lacks at most one tenant, and at most one entry has changed.
    """
    whole, last_lines = loaded(folder, content), list[str]()
    for length in lengths:
        with suppress(InventoryError):
            left = loaded(folder, content[:length])
            if not guarded(whole, left):
                assert len(whole.tenants.keys() - left.tenants.keys()) <= 1
                assert len(others_in(whole.tenants, left.tenants)) <= 1
                assert len(others_in(whole.sizes, left.sizes)) <= 1
                assert not (others_in(whole.tenants, left.tenants) and whole.sizes != left.sizes)
                last_lines.append(content[:length].decode().splitlines()[-1])
    return last_lines


def others_in(whole: Mapping[str, object], left: Mapping[str, object]) -> set[str]:
    """The entries that are left and have changed."""
    return {key for key in left if left[key] != whole.get(key)}


def guarded(base: Inventory, head: Inventory) -> tuple[str, ...]:
    """What the guard says about an edit."""
    before, after = (expand(inventory, namespace="vrsky-tenants") for inventory in (base, head))
    return refusals(before.instances, edit_steps(before, after))
