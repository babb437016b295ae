"""Whether an open moment is seen, by literal events in the order of their versions."""

from typing import Any

import pytest

from tests.isolation.moments import Event, unselected

BOTH = ("Ingress", "Egress")


def policy(version: int, event: str, name: str, labels: dict[str, str], *directions: str) -> Event:
    spec = {"podSelector": {"matchLabels": labels}, "policyTypes": list(directions or BOTH)}
    return Event(
        version, event, {"kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}
    )


def pod(version: int, event: str, labels: dict[str, str]) -> Event:
    metadata = {"name": "nats-acme-1-x", "labels": labels}
    return Event(version, event, {"kind": "Pod", "metadata": metadata})


NATS = {"app": "nats"}
ACME = {"app": "nats", "tenant-id": "acme"}


def test_a_pod_between_the_making_and_the_end_of_its_policy_is_never_open() -> None:
    assert not unselected(
        [
            policy(1, "ADDED", "acme", ACME),
            pod(2, "ADDED", ACME),
            pod(3, "MODIFIED", ACME),
            pod(4, "DELETED", ACME),
            policy(5, "DELETED", "acme", ACME),
        ]
    )


def test_a_pod_that_was_there_before_its_policy() -> None:
    found = unselected([policy(2, "ADDED", "acme", ACME), pod(1, "ADDED", ACME)])
    assert found == [
        "nats-acme-1-x has no policy for its Egress at 1",
        "nats-acme-1-x has no policy for its Ingress at 1",
    ]


def test_a_pod_that_is_terminating_when_its_policy_goes() -> None:
    events = [
        policy(1, "ADDED", "acme", ACME),
        pod(2, "ADDED", ACME),
        policy(3, "DELETED", "acme", ACME),
        pod(4, "DELETED", ACME),
    ]
    assert unselected(events) == [
        "nats-acme-1-x has no policy for its Egress at 3",
        "nats-acme-1-x has no policy for its Ingress at 3",
    ]


def test_another_policy_that_selects_the_pod_is_enough() -> None:
    events = [
        policy(1, "ADDED", "closed", NATS),
        policy(2, "ADDED", "acme", ACME),
        pod(3, "ADDED", ACME),
        policy(4, "DELETED", "acme", ACME),
    ]
    assert unselected(events) == []


def test_a_policy_of_another_tenant_does_not_count() -> None:
    events = [
        policy(1, "ADDED", "globex", {"app": "nats", "tenant-id": "globex"}),
        pod(2, "ADDED", ACME),
    ]
    assert len(unselected(events)) == 2


def test_a_policy_for_one_direction_leaves_the_other_open() -> None:
    events = [policy(1, "ADDED", "acme", ACME, "Ingress"), pod(2, "ADDED", ACME)]
    assert unselected(events) == ["nats-acme-1-x has no policy for its Egress at 2"]


def test_a_policy_that_stops_selecting_the_pod() -> None:
    events = [
        policy(1, "ADDED", "acme", ACME, "Ingress", "Egress"),
        pod(2, "ADDED", ACME),
        policy(3, "MODIFIED", "acme", {"app": "other"}),
        policy(4, "MODIFIED", "acme", ACME),
    ]
    assert unselected(events) == [
        "nats-acme-1-x has no policy for its Egress at 3",
        "nats-acme-1-x has no policy for its Ingress at 3",
    ]


def test_a_pod_that_is_no_server_needs_no_policy() -> None:
    assert unselected([pod(1, "ADDED", {"app": "worker"}), pod(2, "MODIFIED", {})]) == []


def test_a_selector_that_is_not_understood_is_an_error() -> None:
    strange: dict[str, Any] = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "strange"},
        "spec": {
            "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
            "policyTypes": ["Ingress"],
        },
    }
    with pytest.raises(AssertionError, match="not understood"):
        unselected([Event(1, "ADDED", strange), pod(2, "ADDED", ACME)])
