"""Ten defects, each planted in the policies that a real `up` has made, and which cells tell it.

Where one is not caught, the table or the analyser is blind, and no test here means anything.
"""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Target
from tests.isolation.lifecycle import Lifecycle
from tests.isolation.tally import Tally
from tests.isolation.truth import DNS, MONITORED, PORTS

Policies = dict[str, Any]
"""The specs, by the policy's name."""
Wrong = Callable[[Callable[[Policies], None]], list[str]]

ACME = "tenant-nats-isolation-acme"
FORTY_TWO = "tenant-nats-isolation-42"
CLOSED = "tenant-nats-closed"
EVERY_PORT = ", ".join(str(port) for port in PORTS)
DNS_PORTS = ", ".join(str(port) for port in DNS)
MONITORING_PORTS = ", ".join(str(port) for port in MONITORED)


@pytest.fixture
def wrong(lifecycle: Lifecycle, tmp_path: Path, tally: Tally) -> Wrong:
    """Plants a defect in the policies of the first `up`; the cells that are wrong then."""
    return lambda plant: wrong_after("initial", plant, lifecycle, tmp_path, tally)


def test_egress_that_allows_everything(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        policies[ACME]["egress"] = [{}]

    expected = {
        f"nats-acme-{number} -> {target} is open: {EVERY_PORT}"
        for number in (1, 2)
        for target in ("API server", "Postgres", "false DNS", "metadata", "outside")
    }
    expected |= {
        f"nats-acme-{number} -> DNS is open: {ports_but('UDP/53', 'TCP/53')}" for number in (1, 2)
    }
    # Its own tenant's servers admit it, since it wears the tenant's label.
    expected |= {
        "nats-acme-1 -> nats-acme-2 is open: TCP/4222",
        "nats-acme-2 -> nats-acme-1 is open: TCP/4222",
    }
    assert set(wrong(plant)) == expected


def test_name_servers_by_a_label_that_kubernetes_does_not_set(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        [rule] = policies[ACME]["egress"]
        rule["to"] = [{"namespaceSelector": {"matchLabels": {"name": "kube-system"}}}]

    assert wrong(plant) == [
        f"nats-acme-1 -> DNS is closed: {DNS_PORTS}",
        f"nats-acme-1 -> false DNS is open: {DNS_PORTS}",
        f"nats-acme-2 -> DNS is closed: {DNS_PORTS}",
        f"nats-acme-2 -> false DNS is open: {DNS_PORTS}",
    ]


def test_no_name_resolution_over_tcp(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        [rule] = policies[ACME]["egress"]
        rule["ports"] = [port for port in rule["ports"] if port["protocol"] == "UDP"]

    assert wrong(plant) == [
        "nats-acme-1 -> DNS is closed: TCP/53",
        "nats-acme-2 -> DNS is closed: TCP/53",
    ]


def test_the_closing_policy_is_missing(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        del policies[CLOSED]

    found = wrong(plant)
    stray = "stray server of nobody"
    assert f"outside -> {stray} is open: {EVERY_PORT}" in found
    assert f"worker of globex in shared -> {stray} is open: {EVERY_PORT}" in found
    assert f"{stray} -> metadata is open: {EVERY_PORT}" in found
    assert all(stray in line for line in found), "who has a policy of its own stays closed"


def test_monitoring_by_a_label_that_anybody_may_write_on_a_namespace(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        rule = policies[ACME]["ingress"][1]
        rule["from"] = [{"namespaceSelector": {"matchLabels": {"purpose": "monitoring"}}}]

    assert wrong(plant) == [
        f"impostor of {tenant} -> nats-acme-{number} is open: {MONITORING_PORTS}"
        for tenant in ("42", "acme", "globex", "nobody")
        for number in (1, 2)
    ]


def test_and_written_as_or(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        rule = policies[ACME]["ingress"][0]
        own, elsewhere = rule["from"]
        rule["from"] = [own, *({key: selector} for key, selector in elsewhere.items())]

    found = {
        f"{source} in {namespace}"
        for source in (
            *(f"worker of {tenant}" for tenant in ("42", "globex", "nobody")),
            "unlabelled pod",
        )
        for namespace in ("acme-workers", "shared")
    }
    assert wrong(plant) == sorted(
        f"{source} -> nats-acme-{number} is open: TCP/4222" for source in found for number in (1, 2)
    )


def test_or_written_as_and(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        rule = policies[ACME]["ingress"][0]
        own, elsewhere = rule["from"]
        rule["from"] = [{**own, **elsewhere}]

    assert wrong(plant) == [
        "worker of acme in isolation -> nats-acme-1 is closed: TCP/4222",
        "worker of acme in isolation -> nats-acme-2 is closed: TCP/4222",
    ]


def test_the_tenants_policy_goes_with_one_of_its_instances(
    lifecycle: Lifecycle, tmp_path: Path, tally: Tally
) -> None:
    def plant(policies: Policies) -> None:
        del policies[ACME]

    assert wrong_after("instance removed", plant, lifecycle, tmp_path, tally) == [
        f"monitoring -> nats-acme-1 is closed: {MONITORING_PORTS}",
        f"nats-acme-1 -> DNS is closed: {DNS_PORTS}",
        "worker of acme in acme-workers -> nats-acme-1 is closed: TCP/4222",
        "worker of acme in isolation -> nats-acme-1 is closed: TCP/4222",
        "worker of acme in shared -> nats-acme-1 is closed: TCP/4222",
    ]


def test_a_source_that_matches_the_pods_of_all_tenants(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        [own] = policies[FORTY_TWO]["ingress"][0]["from"]
        own["podSelector"] = {"matchExpressions": [{"key": "tenant-id", "operator": "Exists"}]}

    assert wrong(plant) == [
        f"worker of {tenant} in isolation -> nats-42-1 is open: TCP/4222"
        for tenant in ("acme", "globex", "nobody")
    ]


def test_a_policy_that_selects_the_servers_of_all_tenants(wrong: Wrong) -> None:
    def plant(policies: Policies) -> None:
        policies[FORTY_TWO]["podSelector"] = {"matchLabels": {"app": "nats"}}

    assert wrong(plant) == [
        f"monitoring -> stray server of nobody is open: {MONITORING_PORTS}",
        f"stray server of nobody -> DNS is open: {DNS_PORTS}",
        "worker of 42 in isolation -> nats-acme-1 is open: TCP/4222",
        "worker of 42 in isolation -> nats-acme-2 is open: TCP/4222",
        "worker of 42 in isolation -> nats-globex-1 is open: TCP/4222",
        "worker of 42 in isolation -> stray server of nobody is open: TCP/4222",
    ]


def test_a_numeric_tenant_id_without_quotes_is_refused_by_the_api_server(
    lifecycle: Lifecycle, target: Target, tally: Tally
) -> None:
    policies = {
        policy["metadata"]["name"]: policy["spec"]
        for policy in lifecycle.states["initial"].policies
    }
    spec = deepcopy(policies[FORTY_TWO])
    assert refusal(target, spec) == "", "as it is, it is accepted"
    spec["podSelector"]["matchLabels"]["tenant-id"] = 42
    tally.defects += 1
    assert (
        "cannot unmarshal number into Go struct field "
        "LabelSelector.spec.podSelector.matchLabels of type string"
    ) in refusal(target, spec)
    tally.caught += 1


def wrong_after(
    change: str,
    plant: Callable[[Policies], None],
    lifecycle: Lifecycle,
    folder: Path,
    tally: Tally,
) -> list[str]:
    """The cells that are wrong when a defect is planted in the policies after `change`."""
    state = lifecycle.states[change]
    policies = {each["metadata"]["name"]: deepcopy(dict(each)) for each in state.policies}
    specs = {name: policy["spec"] for name, policy in policies.items()}
    plant(specs)
    planted = [policy for name, policy in policies.items() if name in specs]
    found = replace(state, policies=planted).compared(folder).wrong
    tally.defects += 1
    tally.caught += bool(found)
    return found


def refusal(target: Target, spec: Any) -> str:
    """What the API server says against a policy; it keeps none."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "dry-run", "namespace": "default"},
        "spec": spec,
    }
    # Without its own validation, kubectl sends what it was given.
    answer = subprocess.run(
        [target.kubectl, "--kubeconfig", target.kubeconfig,
         "create", "--dry-run=server", "--validate=false", "-f", "-"],
        input=json.dumps(policy), capture_output=True, text=True,
    )  # fmt: skip
    return answer.stderr


def ports_but(*left_out: str) -> str:
    """All ports of the table but some."""
    return ", ".join(str(port) for port in PORTS if str(port) not in left_out)
