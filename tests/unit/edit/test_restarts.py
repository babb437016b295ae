"""Which servers restart, according to the two states that a preview has of each Deployment."""

import json
from typing import Any

import pytest

from tenancy.edit.restarts import changed_fields, told
from tenancy.edit.steps import preview_steps, restarting

IMAGE = {"name": "nats", "image": "nats:2.15.1-alpine"}
EXPORTER = {"name": "exporter", "image": "exporter:1"}


def deployment(*containers: dict[str, str], metadata: object = None, **spec: Any) -> dict[str, Any]:
    template = {"metadata": metadata or {}, "spec": {"containers": [*containers], **spec}}
    return {"metadata": {"name": "nats-acme-1"}, "spec": {"replicas": 1, "template": template}}


BEFORE = deployment(IMAGE, EXPORTER)


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        (BEFORE, ()),
        (BEFORE | {"metadata": {"name": "nats-acme-1", "labels": {"a": "b"}}}, ()),
        ({**BEFORE, "spec": {**BEFORE["spec"], "progressDeadlineSeconds": 9}}, ()),
        (deployment(IMAGE | {"image": "other"}, EXPORTER), ("nats.image",)),
        (deployment(EXPORTER, IMAGE), ("containers",)),
        (deployment(IMAGE), ("exporter",)),
        (deployment(IMAGE, EXPORTER | {"args": "-v"}), ("exporter.args",)),
        (
            deployment(IMAGE, EXPORTER, nodeSelector={"pool": "nats"}, affinity={}),
            ("affinity", "nodeSelector"),
        ),
        (deployment(IMAGE, EXPORTER, metadata={"annotations": {"a": "b"}}), ("annotations",)),
    ],
    ids=[
        "nothing",
        "a label of the Deployment",
        "a field of the Deployment",
        "an image",
        "another order",
        "a container goes",
        "a field comes",
        "fields of the pod",
        "metadata of the pod",
    ],
)
def test_what_changes_in_a_pod_is_named(after: dict[str, Any], fields: tuple[str, ...]) -> None:
    assert changed_fields(BEFORE, after) == fields
    assert changed_fields(after, BEFORE) == fields


@pytest.mark.parametrize("odd", [{}, {"spec": None}, {"spec": {"template": "04da6b54"}}])
def test_a_state_of_another_form_is_read_as_an_empty_one(odd: dict[str, Any]) -> None:
    assert changed_fields(odd, odd) == ()
    assert changed_fields(odd, BEFORE) == ("exporter", "nats")


@pytest.mark.parametrize(
    ("servers", "line"),
    [
        ((), ""),
        (("acme-1",), "1 server of 1 tenant restarts, since its pod changes (nats.image)."),
        (
            ("acme-1", "acme-2"),
            "2 servers of 1 tenant restart, since their pods change (nats.image).",
        ),
        (
            ("acme-1", "globex-1"),
            "2 servers of 2 tenants restart, since their pods change (nats.image): all at once, or "
            "with `rollout` `serial` one tenant after the other.",
        ),
    ],
)
def test_one_line_tells_how_many_servers_restart(servers: tuple[str, ...], line: str) -> None:
    assert told({f"nats-{name}": ("nats.image",) for name in servers}) == line


def test_fields_of_all_servers_are_told_once() -> None:
    line = told({"nats-acme-1": ("affinity", "volumes"), "nats-acme-2": ("nats.image", "volumes")})
    assert "(affinity, nats.image, volumes)" in line


@pytest.mark.parametrize(
    ("operation", "kind", "expected"),
    [
        ("update", "apps/v1:Deployment", {"nats-acme-1": ("nodeSelector",)}),
        ("same", "apps/v1:Deployment", {}),
        ("create", "apps/v1:Deployment", {}),
        ("update", "batch/v1:Job", {}),
    ],
)
def test_only_a_deployment_that_is_updated_restarts(
    operation: str, kind: str, expected: dict[str, tuple[str, ...]]
) -> None:
    step = {
        "op": operation,
        "urn": f"urn:pulumi:prod::tenant-nats::kubernetes:{kind}::nats-acme-1-deployment",
        "oldState": {"inputs": BEFORE},
        "newState": {"inputs": deployment(IMAGE, EXPORTER, nodeSelector={"pool": "nats"})},
    }
    text = json.dumps({"steps": [step], "changeSummary": {operation: 1}})
    assert restarting(preview_steps(text)) == expected
