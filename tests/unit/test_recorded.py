"""Which tenants a state has: what a provider has made, or was about to make, and no component."""

from typing import Any

import pytest

from cell.recorded import tenants_in
from tenancy.tokens import NATS_INSTANCE, TENANT

PROJECT = "urn:pulumi:eu-001::tenant-nats::"


def tenant(name: str) -> dict[str, Any]:
    return {"urn": f"{PROJECT}{TENANT}::{name}", "type": TENANT}


def instance(name: str) -> dict[str, Any]:
    return {
        "urn": f"{PROJECT}{TENANT}${NATS_INSTANCE}::nats-{name}-1",
        "type": NATS_INSTANCE,
        "parent": f"{PROJECT}{TENANT}::{name}",
    }


def deployment(name: str) -> dict[str, Any]:
    kind = "kubernetes:apps/v1:Deployment"
    return {
        "urn": f"{PROJECT}{TENANT}${NATS_INSTANCE}${kind}::nats-{name}-1-deployment",
        "type": kind,
        "custom": True,
        "parent": instance(name)["urn"],
    }


def of_nobody() -> dict[str, Any]:
    return {"urn": f"{PROJECT}kubernetes:core/v1:ConfigMap::001-mark", "type": "x", "custom": True}


@pytest.mark.parametrize(
    ("resources", "pending", "expected"),
    [
        ([tenant("acme"), instance("acme"), deployment("acme"), of_nobody()], [], {"acme"}),
        ([tenant("acme"), instance("acme"), of_nobody()], [], set[str]()),
        ([tenant("acme"), instance("acme")], [deployment("acme")], {"acme"}),
        (None, None, set[str]()),
    ],
    ids=["an object", "components only", "an object that was about to be made", "an empty state"],
)
def test_a_tenant_is_the_stacks_if_it_has_an_object(
    resources: list[dict[str, Any]] | None,
    pending: list[dict[str, Any]] | None,
    expected: set[str],
) -> None:
    state = {
        "resources": resources,
        "pending_operations": pending
        and [{"type": "creating", "resource": each} for each in pending],
    }
    assert tenants_in(state) == expected
