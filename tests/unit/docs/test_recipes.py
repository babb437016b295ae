"""The ResourceQuota in docs/production.md holds what the page says, and nothing more."""

import re
from decimal import Decimal

from ruamel.yaml import YAML

from cluster import kinds
from cluster.strangers import wanted
from sandbox.layout import PROJECT
from tenancy.plan.quota import Quota, added, asked_by, judge
from tenancy.quantities import quantity
from tests.unit.plan.plans import planned

PAGE = (PROJECT / "docs" / "production.md").read_text()
KUBERNETES_OWN = 1
"""kube-root-ca.crt, a ConfigMap."""


def test_the_quota_of_the_page_holds_ten_standard_servers_and_a_change_of_all_exactly() -> None:
    [text] = re.findall(r"```yaml\n(apiVersion: v1\nkind: ResourceQuota\n.*?)```", PAGE, re.DOTALL)
    hard = {
        key: quantity(str(value)) or Decimal(0)
        for key, value in YAML().load(text)["spec"]["hard"].items()
    }
    plan = planned({f"tenant-{number}": 1 for number in range(10)})
    names = wanted(plan, makes_namespace=False, monitoring={}, owner="").names
    objects = {kinds.KINDS[kind]: called for kind, called in names.items()}
    configured = frozenset(each.config_map_name for each in plan.instances.values())
    before = frozenset(f"{name}-before" for name in plan.instances)
    there = asked_by(plan, objects | {"configmaps": before}, exporter=True)
    asked = asked_by(plan, objects | {"configmaps": configured}, exporter=True)
    running = added(there.servers.values())
    used = {
        key: running.get(key, Decimal(len(there.objects.get(key.removeprefix("count/"), ()))))
        for key in hard
    } | {"configmaps": Decimal(len(before) + KUBERNETES_OWN)}

    def refused(**less: int) -> bool:
        quota = Quota(
            name="tenant-nats",
            hard={key: value - less.get(key, 0) for key, value in hard.items()},
            used=used,
            scopes=frozenset(),
        )
        verdict = judge([quota], planned=asked, there=there, running=there.servers)
        return verdict.refusals + verdict.warnings + verdict.unjudged != ()

    assert not refused()
    too_little = [key for key in hard if key in running or key == "configmaps"]
    assert [key for key in too_little if not refused(**{key: 1})] == []
