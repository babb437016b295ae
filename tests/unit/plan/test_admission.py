"""Who relies on labels alone, in one line."""

import pytest

from tenancy.inventory.models import Inventory
from tenancy.inventory.nkeys import EXAMPLE
from tenancy.plan.admission import by_label_alone, told
from tenancy.plan.plan import expand
from tests.unit.plan.plans import planned


def test_tenants_with_servers_and_no_keys_rely_on_labels_alone() -> None:
    tenants = {
        "zeta": {},
        "acme": {"tls": {"secretName": "acme-tls"}, "clients": {"serviceAccounts": ("a/b",)}},
        "keyed": {"clients": {"nkeys": (EXAMPLE,)}},
        "gone": {"state": "decommissioned"},
    }
    plan = expand(Inventory.model_validate({"tenants": tenants}), namespace="vrsky-tenants")
    assert by_label_alone(plan) == ("acme", "zeta")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 tenant relies on labels alone (t01): every pod "),
        (2, "2 tenants rely on labels alone (t01, t02): every pod "),
        (12, "12 tenants rely on labels alone (t01, t02, t03, t04, t05, t06, t07, t08, t09, t10 "
             "and 2 more): every pod "),
    ],
)  # fmt: skip
def test_they_are_told_in_one_line_however_many(count: int, words: str) -> None:
    line = told(planned({f"t{number:02}": 1 for number in range(1, count + 1)}))
    assert line.startswith(words)
    assert len(line.splitlines()) == 1


def test_where_every_tenant_has_keys_nothing_is_told() -> None:
    assert told(planned({"acme": 1}, clients={"nkeys": (EXAMPLE,)})) == ""
