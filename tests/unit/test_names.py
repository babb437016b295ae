"""The names that workers, dashboards and people rely on, letter by letter."""

import pytest
from pydantic import TypeAdapter

from tenancy.inventory.types import ClusterDomain
from tenancy.names import (
    CLIENT_PORT,
    CLOSING_POLICY_NAME,
    MONITORING_PORT,
    OWNER_LABELS,
    cluster_domain_of,
    dns_name,
    instance_labels,
    instance_name,
    instance_of,
    instance_selector,
    policy_name,
    tenant_labels,
    tenant_selector,
)

LONGEST = "a" * 55
LABEL = 63
"""The most characters that a Service's name or the value of a label has."""


def test_clients_use_port_4222_and_monitoring_8222() -> None:
    assert (CLIENT_PORT, MONITORING_PORT) == (4222, 8222)


def test_an_instance_is_named_by_tenant_and_number() -> None:
    assert instance_name("acme-corp", 2) == "nats-acme-corp-2"


def test_the_name_of_an_instance_says_which_one_it_is() -> None:
    assert instance_of("nats-acme-corp-2") == ("acme-corp", 2)
    assert instance_of("nats-acme-1-12") == ("acme-1", 12)


@pytest.mark.parametrize(
    "name",
    ["", "acme-1", "nats-1", "nats--1", "nats-acme", "nats-acme-", "nats-acme-01", "nats-acme-٣"],
)
def test_other_names_are_of_no_instance(name: str) -> None:
    assert instance_of(name) is None


def test_the_address_is_the_service_in_the_cluster_with_its_port() -> None:
    expected = "nats-acme-corp-2.vrsky-tenants.svc.cluster.local:4222"
    assert expected == dns_name("acme-corp", 2, "vrsky-tenants")


def test_the_address_ends_in_the_domain_of_the_cluster() -> None:
    expected = "nats-acme-corp-2.vrsky-tenants.svc.corp.example:4222"
    assert expected == dns_name("acme-corp", 2, "vrsky-tenants", "corp.example")


def test_the_longest_address_is_a_dns_name() -> None:
    longest = "a." * 60 + "a"
    assert TypeAdapter[str](ClusterDomain).validate_python(longest) == longest
    host = dns_name("a" * 55, 99, "a" * 63, longest).partition(":")[0]
    assert len(host) <= 253


@pytest.mark.parametrize(
    ("domain", "cluster_domain"),
    [
        ("here.svc.cluster.local:4222", "cluster.local"),
        ("here.svc.corp:4222", "corp"),
        ("there.svc.cluster.local:4222", None),
        ("here.svc.cluster.local:4333", None),
        ("here.svc.cluster.local", None),
        ("here.svc.:4222", None),
        ("here.pod.cluster.local:4222", None),
        ("", None),
    ],
)
def test_the_cluster_domain_is_what_an_address_has_between_svc_and_the_port(
    domain: str, cluster_domain: str | None
) -> None:
    assert cluster_domain_of(domain, "here") == cluster_domain


def test_a_policy_is_named_by_its_tenant() -> None:
    assert policy_name("acme-corp") == "tenant-nats-isolation-acme-corp"


def test_no_tenant_has_a_policy_of_the_name_that_closes_the_namespace() -> None:
    assert CLOSING_POLICY_NAME == "tenant-nats-closed"
    assert not CLOSING_POLICY_NAME.startswith(policy_name(""))


def test_selectors_are_the_labels_of_the_old_scripts_and_no_other() -> None:
    assert tenant_selector("acme-corp") == {"app": "nats", "tenant-id": "acme-corp"}
    assert instance_selector("acme-corp", 2) == {
        "app": "nats",
        "tenant-id": "acme-corp",
        "instance-num": "2",
    }


def test_what_belongs_to_an_instance_carries_its_selector_and_the_usual_labels() -> None:
    assert instance_labels("acme-corp", 2) == {
        "app": "nats",
        "tenant-id": "acme-corp",
        "instance-num": "2",
        "app.kubernetes.io/name": "nats",
        "app.kubernetes.io/instance": "nats-acme-corp-2",
        "app.kubernetes.io/part-of": "tenant-nats",
        "app.kubernetes.io/managed-by": "pulumi",
    }


def test_what_belongs_to_a_tenant_is_selected_by_no_selector_of_pods() -> None:
    expected = {
        "tenant-id": "acme-corp",
        "app.kubernetes.io/part-of": "tenant-nats",
        "app.kubernetes.io/managed-by": "pulumi",
    }
    assert expected == tenant_labels("acme-corp")
    assert "app" not in tenant_labels("acme-corp")


def test_labels_are_made_anew_for_each_caller() -> None:
    instance_labels("acme-corp", 1)["app"] = "other"
    tenant_labels("acme-corp")["tenant-id"] = "other"
    assert OWNER_LABELS == {
        "app.kubernetes.io/part-of": "tenant-nats",
        "app.kubernetes.io/managed-by": "pulumi",
    }


def test_the_longest_tenant_id_leaves_room_for_two_digits() -> None:
    assert len(instance_name(LONGEST, 99)) == LABEL
    assert max(map(len, instance_labels(LONGEST, 99).values())) == LABEL
