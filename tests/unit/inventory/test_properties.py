"""What holds for every file and every inventory, tried by hypothesis.

The same examples every time: a run in CI fails for a change, never by chance.
"""

import json
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.inventory.faults import InventoryError
from tenancy.inventory.validation import load
from tenancy.names import dns_name, instance_name, instance_of, policy_name
from tenancy.plan.plan import Plan, TenantPlan, expand
from tests.sweeps import examples
from tests.unit.inventory.styles import Data, written_anyhow
from tests.unit.inventory.test_loading import SHIPPED

VALID = SHIPPED.read_text()
FRAGMENTS = [
    *("tenants", "sizes", "acme", "a", "large", "standard", "integrations", "instances", "size"),
    *(
        "clients",
        "nkeys",
        "key",
        "publish",
        "tls",
        "secretName",
        "namespaces",
        "egress",
        "open",
        "dns",
        "requests",
        "limits",
        "cpu",
        "memory",
    ),
    *("maxPayload", "maxConnections", "capacity", "4Gi", '"2"', "500m", "8MB", "[key]"),
    *(": ", ":", "- ", "? ", ", ", "[", "]", "{", "}", "|", ">", "|-", ">+2", "'", '"', "\\", "#"),
    *("&a", "*a", "!!str", "!x", "!", "%", "%YAML 1.1\n", "@", "`", "---", "...", "<<", "=", "~"),
    *("\n", "\n  ", "\n    ", "\n      ", "  ", " ", "\r\n", "\r", "\t", "\0", "\u2028", "\ufeff"),
    *("no", "null", "1", "-1", "007", "1e3", "0x1f", "2024-01-01", ".inf", "9" * 400),
    *("\\x41", '"\\ud800"', '"\\UFFFFFFFF"', "\\n", "é", "\u200b", "\u0430", "<<<<<<< ", "======="),
]

tenant_ids = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
instances = st.tuples(tenant_ids, st.integers(1, 99))
neighbours = st.tuples(st.sampled_from(["a", "a1", "a-1", "a11", "a-11"]), st.integers(1, 12))
"""Instances whose names would be the same with a hyphen less between their parts."""


@pytest.fixture(scope="module")
def file() -> Generator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "tenants.yaml"


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The shipped inventory after a slip or three of the keyboard."""
    text = VALID
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        slip = draw(st.sampled_from(["delete", "duplicate", "replace"]))
        middle = {"delete": "", "duplicate": text[start:end] * 2}.get(slip)
        if middle is None:
            middle = draw(st.sampled_from(FRAGMENTS))
        text = text[:start] + middle + text[end:]
    return text


@st.composite
def tenants(draw: st.DrawFn, sizes: dict[str, Data]) -> Data:
    """One tenant that fits, with any of its fields left out."""
    tenant: Data = {}
    size = draw(st.sampled_from([None, "standard", *sizes]))
    if size is not None:
        tenant["size"] = size
    if draw(st.booleans()):
        tenant["integrations"] = draw(st.integers(0, 400))
    if draw(st.booleans()):
        capacity = sizes.get(size or "", {}).get("capacity", 50)
        needed = max(1, -(-tenant.get("integrations", 0) // capacity))
        tenant["instances"] = needed + draw(st.integers(0, 2))
    if draw(st.booleans()):
        namespaces = draw(st.lists(tenant_ids, max_size=3, unique=True))
        tenant["clients"] = {"namespaces": namespaces}
    if draw(st.booleans()):
        accounts = [f"{tenant_id}/worker" for tenant_id in draw(st.sets(tenant_ids, max_size=3))]
        tenant["clients"] = {**tenant.get("clients", {}), "serviceAccounts": accounts}
    if draw(st.booleans()):
        tenant["egress"] = draw(st.sampled_from(["dns", "none", "open"]))
    if draw(st.booleans()):
        tenant["placement"] = draw(st.sampled_from(["pack", "spread"]))
    if draw(st.booleans()):
        tenant["state"] = draw(st.sampled_from(["active", "decommissioned"]))
    return tenant


@st.composite
def inventories(draw: st.DrawFn) -> Data:
    """An inventory that fits."""
    sizes: dict[str, Data] = {}
    for name in draw(st.lists(st.sampled_from(["large", "no", "1e3"]), max_size=2, unique=True)):
        cpu, memory = draw(st.integers(1, 8)), draw(st.integers(1, 8))
        sizes[name] = {
            "requests": {"cpu": f"{cpu * 500}m", "memory": f"{memory}Gi"},
            "limits": {"cpu": str(cpu), "memory": f"{memory * 1024}Mi"},
            "capacity": draw(st.integers(10, 200)),
            "maxPayload": draw(st.sampled_from(["1MB", "512KB", "8MB"])),
        }
    ids = draw(st.lists(tenant_ids, min_size=1, max_size=5, unique=True))
    data: Data = {"tenants": {tenant_id: draw(tenants(sizes)) for tenant_id in ids}}
    return {**data, "sizes": sizes} if sizes else data


def plan_of(file: Path, text: str) -> Plan:
    file.write_bytes(f"{text}\n".encode())
    return expand(load(file), namespace="vrsky-tenants")


def only_an_inventory_error_escapes(file: Path, content: bytes) -> bool:
    """Whether the file is loaded, or refused with a report that is in order."""
    file.write_bytes(content)
    try:
        load(file)
    except InventoryError as error:
        lines = [fault.line for fault in error.faults]
        one_line_each = len(str(error).splitlines()) == 1 + len(lines) > 1
        in_the_file = min(lines) >= 1 and max(lines) <= content.count(b"\n") + 1
        return one_line_each and in_the_file and lines == sorted(lines)
    return True


@examples(50)
@given(content=st.binary(max_size=200))
def test_only_an_inventory_error_escapes_whatever_the_bytes(file: Path, content: bytes) -> None:
    assert only_an_inventory_error_escapes(file, content)


@examples(50)
@given(content=st.text(max_size=200))
def test_only_an_inventory_error_escapes_whatever_the_text(file: Path, content: str) -> None:
    assert only_an_inventory_error_escapes(file, content.encode())


@examples(150)
@given(fragments=st.lists(st.sampled_from(FRAGMENTS), max_size=25))
def test_only_an_inventory_error_escapes_whatever_the_punctuation(
    file: Path, fragments: list[str]
) -> None:
    assert only_an_inventory_error_escapes(file, "".join(fragments).encode())


@examples(100)
@given(fragments=st.lists(st.sampled_from(FRAGMENTS), max_size=12))
def test_only_an_inventory_error_escapes_whatever_is_said_of_a_tenant(
    file: Path, fragments: list[str]
) -> None:
    content = f"tenants:\n  acme: {{{''.join(fragments)}}}\n"
    assert only_an_inventory_error_escapes(file, content.encode())


@examples(100)
@given(content=mutations())
def test_only_an_inventory_error_escapes_after_a_slip_of_the_keyboard(
    file: Path, content: str
) -> None:
    assert only_an_inventory_error_escapes(file, content.encode())


@examples(100)
@given(st.lists(instances | neighbours, unique=True, max_size=40))
def test_no_two_instances_share_a_name(several: list[tuple[str, int]]) -> None:
    assert len({instance_name(*instance) for instance in several}) == len(several)
    addresses = {dns_name(*instance, "vrsky-tenants") for instance in several}
    assert len(addresses) == len(several)
    ids = {tenant_id for tenant_id, _ in several}
    assert len({policy_name(tenant_id) for tenant_id in ids}) == len(ids)


@examples(100)
@given(instances | neighbours)
def test_a_name_says_which_tenant_and_number_it_is_of(instance: tuple[str, int]) -> None:
    assert instance_of(instance_name(*instance)) == instance


@examples(50)
@given(data=inventories())
def test_no_two_objects_of_a_plan_share_a_name(file: Path, data: Data) -> None:
    plan = plan_of(file, json.dumps(data))
    instances = [*plan.instances.values()]
    for names in (
        {instance.name for instance in instances},
        {instance.url for instance in instances},
        {instance.config_map_name for instance in instances},
    ):
        assert len(names) == len(instances)
    assert {tenant.id for tenant in plan.tenants} == set(data["tenants"])


@examples(50)
@given(data=inventories(), seed=st.integers(0, 2**32))
def test_order_and_formatting_never_change_the_plan(file: Path, data: Data, seed: int) -> None:
    plain = plan_of(file, json.dumps(data))
    assert plain == plan_of(file, written_anyhow(data, seed))


@examples(50)
@given(data=inventories(), more=st.data())
def test_a_change_of_one_tenant_changes_no_other_part_of_the_plan(
    file: Path, data: Data, more: st.DataObject
) -> None:
    changed = more.draw(st.sampled_from([*data["tenants"], "new-tenant"]), label="changed")
    edited = dict(data["tenants"])
    if changed in edited and len(edited) > 1 and more.draw(st.booleans(), label="removed"):
        del edited[changed]
    else:
        edited[changed] = more.draw(tenants(data.get("sizes", {})), label="edited")
    before = plan_of(file, json.dumps(data))
    after = plan_of(file, json.dumps({**data, "tenants": edited}))
    assert parts(before, without=changed) == parts(after, without=changed)


@examples(50)
@given(data=inventories())
def test_a_change_of_a_size_changes_only_the_tenants_of_that_size(file: Path, data: Data) -> None:
    sizes: dict[str, Data] = data.get("sizes", {})
    before = plan_of(file, json.dumps(data))
    for name, size in sizes.items():
        edited = {**sizes, name: {**size, "maxPayload": "7MB"}}
        after = plan_of(file, json.dumps({**data, "sizes": edited}))
        changed = {
            old.id for old, new in zip(before.tenants, after.tenants, strict=True) if old != new
        }
        of_that_size = {
            tenant_id
            for tenant_id, tenant in data["tenants"].items()
            # One that is decommissioned has no server to be of a size.
            if tenant.get("size") == name and tenant.get("state") != "decommissioned"
        }
        assert of_that_size == changed


def parts(plan: Plan, *, without: str) -> list[TenantPlan]:
    return [tenant for tenant in plan.tenants if tenant.id != without]
