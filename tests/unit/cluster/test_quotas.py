"""What is read of a namespace's ResourceQuotas and pods."""

from decimal import Decimal
from typing import Any, cast

import pytest

from cluster.kubectl import Kubectl
from cluster.quotas import Rationed, rationed

POD = {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}
DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "nats-acme-1"},
    "spec": {"template": {"spec": POD}},
}


def pod(tenant: str, number: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"tenant-id": tenant, "instance-num": number}}, "spec": POD}


class Namespace:
    """A namespace with one quota, one Deployment of ours and some pods, as kubectl lists them."""

    def __init__(self, hard: dict[str, str], *pods: dict[str, Any]) -> None:
        quota = {"metadata": {"name": "team"}, "status": {"hard": hard, "used": {}}}
        self.lists = {"resourcequotas": [quota], "pods": [*pods]}

    def get(self, what: str, *_options: str) -> list[dict[str, Any]]:
        return self.lists.get(what, [DEPLOYMENT])

    def run(self, *_arguments: str) -> str:
        return ""


def read(hard: dict[str, str], *pods: dict[str, Any]) -> Rationed:
    found = rationed("here", cast("Kubectl", Namespace(hard, *pods)))
    assert found
    return found


def test_pods_count_for_the_server_that_their_labels_name_whoever_made_it() -> None:
    running = read({"pods": "9"}, pod("acme", "1"), pod("acme", "1"), pod("old", "x")).running
    assert {name: each["pods"] for name, each in running.items()} == {
        "nats-acme-1": 2,
        "nats-old-x": 1,
    }


@pytest.mark.parametrize(
    ("text", "amount"),
    [("100u", "0.0001"), ("1500000n", "0.0015"), ("2k", "2000"), ("1e3", "1000"), ("1Ei", 2**60)],
)
def test_every_amount_of_kubernetes_is_read(text: str, amount: str | int) -> None:
    [quota] = read({"requests.cpu": text}).quotas
    assert (quota.hard, quota.unread) == ({"requests.cpu": Decimal(amount)}, frozenset())


def test_an_amount_that_is_not_read_is_not_lost() -> None:
    [quota] = read({"pods": "9", "limits.cpu": "a lot"}).quotas
    assert (set(quota.hard), quota.unread) == ({"pods"}, {"limits.cpu"})
