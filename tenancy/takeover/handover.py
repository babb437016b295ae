"""How an object that somebody has made is handed over to this project. Pure.

The API server records who manages each field, and an `up` that applies an object removes only
fields of its own manager. So a patch records that manager for what people and scripts have set.
Without it, arguments, containers and volumes of an old server would stay beside the new ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tenancy.names import FIELD_MANAGER, OWNER_LABELS, are_ours

Live = Mapping[str, Any]
"""An object as the API server has it, with its managed fields."""


@dataclass(frozen=True, kw_only=True)
class Patch:
    """What hands one object over to this project: a JSON patch, which restarts nothing."""

    kind: str
    name: str
    operations: tuple[Mapping[str, Any], ...]


def is_ours(live: Live) -> bool:
    """Whether the object carries the labels of what this project makes."""
    return are_ours(live["metadata"].get("labels"))


def is_taken_over(live: Live) -> bool:
    """Whether an `up` of this project has applied the object."""
    return is_ours(live) and any(
        entry["manager"] == FIELD_MANAGER
        and entry["operation"] == "Apply"
        and _APPLIED in str(entry)
        for entry in live["metadata"].get("managedFields") or ()
    )


_APPLIED = "f:pulumi.com/patchFieldManager"
"""A field that every `up` sets, and no patch."""


def patches(live: Live) -> Iterator[Patch]:
    """What hands an object over; nothing if that is done."""
    operations = [
        *_label_operations(live),
        *_manager_operations(live),
        *_strategy_operations(live),
    ]
    if operations:
        # The patch fails if somebody has changed or recreated the object since it was read.
        version = live["metadata"]["resourceVersion"]
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
        yield Patch(
            kind=live["kind"],
            name=live["metadata"]["name"],
            operations=(test, *operations),
        )


def _label_operations(live: Live) -> Iterator[Mapping[str, Any]]:
    labels = live["metadata"].get("labels")
    if not labels:
        yield {"op": "add", "path": "/metadata/labels", "value": dict(OWNER_LABELS)}
        return
    for key, value in OWNER_LABELS.items():
        if labels.get(key) != value:
            yield {
                "op": "add",
                "path": f"/metadata/labels/{key.replace('/', '~1')}",
                "value": value,
            }


def _strategy_operations(live: Live) -> Iterator[Mapping[str, Any]]:
    """Remove the rollingUpdate block, which may have no manager and is refused with `Recreate`.

    The strategy is not part of the pod, so this restarts nothing.
    """
    if live["kind"] == "Deployment" and "rollingUpdate" in live["spec"].get("strategy", {}):
        yield {"op": "replace", "path": "/spec/strategy", "value": {"type": "Recreate"}}


def _manager_operations(live: Live) -> Iterator[Mapping[str, Any]]:
    """Make us the manager of all fields that somebody has set, so that our `up` may remove them."""
    entries: list[Mapping[str, Any]] = live["metadata"].get("managedFields") or []
    handed = [entry for entry in entries if _is_handed_over(entry)]
    if not any(entry["manager"] != FIELD_MANAGER for entry in handed):
        return
    if len(handed) == 1:
        at = f"/metadata/managedFields/{entries.index(handed[0])}"
        yield {"op": "replace", "path": f"{at}/manager", "value": FIELD_MANAGER}
        yield {"op": "replace", "path": f"{at}/operation", "value": "Apply"}
        return
    fields: dict[str, Any] = {}
    for entry in handed:
        _merge(fields, entry.get("fieldsV1") or {})
    ours = {
        **{key: value for key, value in handed[0].items() if key != "time"},
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "fieldsV1": fields,
    }
    rest = [entry for entry in entries if entry not in handed]
    yield {"op": "replace", "path": "/metadata/managedFields", "value": [ours, *rest]}


def is_untracked(live: Live) -> bool:
    """Whether the API server does not know who has set the fields: then an `up` removes none."""
    return not any(map(_is_handed_over, live["metadata"].get("managedFields") or ()))


def _is_handed_over(entry: Mapping[str, Any]) -> bool:
    """Whether a person or a script manages these fields, not a controller of Kubernetes."""
    return not entry.get("subresource") and not entry["manager"].startswith(
        "kube-controller-manager"
    )


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        _merge(into.setdefault(key, {}), value)
