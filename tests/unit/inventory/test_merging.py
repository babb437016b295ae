"""Several inventories as one: what they have together, and what they contradict each other in."""

from pathlib import Path

import pytest

from tenancy.inventory import nkeys
from tenancy.inventory.faults import InventoriesError
from tenancy.inventory.merging import merged
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import load
from tenancy.inventory.yaml_source import Document

KEY = nkeys.EXAMPLE
LARGE = """\
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("eu")


def files(folder: Path, **contents: str) -> dict[Path, Inventory]:
    """The inventories of files `001.yaml` and so on, for `_001` and so on."""
    folder.mkdir()
    found: dict[Path, Inventory] = {}
    for name, content in contents.items():
        file = folder / f"{name.strip('_')}.yaml"
        file.write_text(content)
        found[file] = load(file)
    return found


def refused(inventories: dict[Path, Inventory]) -> str:
    with pytest.raises(InventoriesError) as caught:
        merged(inventories)
    return str(caught.value)


def test_all_tenants_and_sizes_are_in_one(folder: Path) -> None:
    whole = merged(
        files(
            folder,
            _001=f"tenants:\n  acme: {{size: large}}\n{LARGE}",
            _002="tenants:\n  globex: {instances: 2}\n",
            _003=f"tenants:\n  hooli: {{size: large}}\n{LARGE}",
        )
    )
    expected = folder / "expected.yaml"
    expected.write_text(
        "tenants:\n  acme: {size: large}\n  globex: {instances: 2}\n  hooli: {size: large}\n"
        + LARGE
    )
    assert whole == load(expected)


def test_files_that_agree_are_not_read_again(folder: Path) -> None:
    def read(path: Path) -> Document:
        raise AssertionError(path)

    same = f"tenants:\n  TENANT: {{}}\n{LARGE}"
    inventories = files(
        folder, _001=same.replace("TENANT", "acme"), _002=same.replace("TENANT", "globex")
    )
    assert len(merged(inventories, read).tenants) == 2


def test_a_tenant_in_two_files_is_refused_with_both_lines(folder: Path) -> None:
    inventories = files(
        folder,
        _001="tenants:\n  acme: {}\n  globex: {}\n",
        _002="tenants:\n  # moved\n\n  hooli: {}\n  globex: {instances: 2}\n",
    )
    assert refused(inventories) == (
        "eu/002.yaml has 1 fault; nothing is deployed from it.\n"
        "  line 5, tenant globex: eu/001.yaml, line 3, has this tenant too; keep one of the two."
    )


def test_a_size_with_two_meanings_is_refused_where_it_is_unusual(folder: Path) -> None:
    other = LARGE.replace("8Gi}", "9Gi}\n    capacity: 70").replace('"2"', '"3"')
    inventories = files(
        folder,
        _001=f"tenants:\n  acme: {{}}\n{other}",
        _002=f"tenants:\n  globex: {{}}\n{LARGE}",
        _003=f"tenants:\n  hooli: {{}}\n\n{LARGE}",
    )
    same = "and a size means the same in all files of a cell."
    assert refused(inventories).splitlines() == [
        "eu/001.yaml has 3 faults; nothing is deployed from it.",
        '  line 5, sizes.large.requests.cpu: 3 — it is "2" in eu/002.yaml, line 5, '
        f'{same} For example: cpu: "2"',
        "  line 6, sizes.large.limits.memory: 9Gi — it is 8Gi in eu/002.yaml, line 6, "
        f"{same} For example: memory: 8Gi",
        "  line 7, sizes.large.capacity: 70 — it is 50 in eu/002.yaml, line 4, "
        f"{same} For example: capacity: 50",
    ]


def test_a_size_that_lacks_what_it_has_in_other_files_is_refused(folder: Path) -> None:
    with_nodes = f"{LARGE}    nodeSelector: {{pool: large}}\n    maxPending: 32MB\n"
    inventories = files(
        folder,
        _001=f"tenants:\n  acme: {{}}\n{with_nodes}",
        _002=f"tenants:\n  globex: {{}}\n{LARGE}",
    )
    assert refused(inventories).splitlines() == [
        "eu/002.yaml has 2 faults; nothing is deployed from it.",
        "  line 4, sizes.large.maxPending: it is not set here; it is 32MB in eu/001.yaml, line 8, "
        "and a size means the same in all files of a cell. For example: maxPending: 32MB",
        '  line 4, sizes.large.nodeSelector: it is {} here; it is {"pool": "large"} in '
        "eu/001.yaml, line 7, and a size means the same in all files of a cell. "
        'For example: nodeSelector: {"pool": "large"}',
    ]


@pytest.mark.parametrize(
    ("written", "at"),
    [(f"[{KEY}]", "nkeys[0]"), (f"[{{key: {KEY}, publish: [a]}}]", "nkeys[0].key")],
)
def test_a_key_of_tenants_in_two_files_is_refused(folder: Path, written: str, at: str) -> None:
    inventories = files(
        folder,
        _001=f"tenants:\n  acme:\n    clients: {{nkeys: [{KEY}]}}\n",
        _002=f"tenants:\n  globex:\n    clients:\n      nkeys: {written}\n",
    )
    assert refused(inventories) == (
        "eu/002.yaml has 1 fault; nothing is deployed from it.\n"
        f"  line 4, tenant globex, clients.{at}: {KEY} — it is a key of tenant acme in "
        "eu/001.yaml too, and its client would reach both. For example: "
        f"{KEY}"
    )


def test_a_tenant_in_two_files_shares_its_keys_with_nobody_else(folder: Path) -> None:
    both = f"tenants:\n  acme:\n    clients: {{nkeys: [{KEY}]}}\n"
    assert "clients" not in refused(files(folder, _001=both, _002=both))


def test_all_faults_of_all_files_are_in_one_report(folder: Path) -> None:
    clients = f"clients: {{nkeys: [{KEY}]}}"
    inventories = files(
        folder,
        _001=f"tenants:\n  acme: {{{clients}}}\n{LARGE}",
        _002=f"tenants:\n  acme: {{}}\n  globex: {{{clients}}}\n",
        _003=f"tenants:\n  hooli: {{}}\n{LARGE}    capacity: 7\n",
    )
    with pytest.raises(InventoriesError) as caught:
        merged(inventories)
    error = caught.value
    assert error.path == folder
    assert [(each.path.name, len(each.faults)) for each in error.errors] == [
        ("002.yaml", 2),
        ("003.yaml", 1),
    ]
    assert len(error.faults) == 3
    assert str(error) == "\n".join(map(str, error.errors))
