"""Whole graphs, rewritten by `make golden` and read as a difference.

The invariants are in the other modules. Here is whatever nobody has thought of: a change that shows
up in these files and is not meant is a mistake.
"""

from pathlib import Path
from typing import Any, cast

from syrupy.assertion import SnapshotAssertion

from rendering.recorder import PROJECT, STACK, Graph, Registered
from tenancy.inventory.validation import load
from tests.components.stack import EVERY_OPTION, graph_of, graph_of_inventory


def test_one_tenant_with_defaults(golden: SnapshotAssertion) -> None:
    assert golden == _readable(graph_of({"demo-tenant": {}}))


def test_the_shipped_inventory(golden: SnapshotAssertion, project: Path) -> None:
    assert golden == _readable(graph_of_inventory(load(project / "tenants.yaml")))


def test_every_option_in_an_existing_namespace(golden: SnapshotAssertion) -> None:
    graph = graph_of(
        {"globex": EVERY_OPTION},
        namespace="servers",
        namespaceMode="existing",
        monitoringNamespace="observability",
        image="registry.example.com/nats:2.15.1-alpine",
        readyTimeout="90s",
    )
    assert golden == _readable(graph)


def _readable(graph: Graph) -> dict[str, object]:
    """The graph by URN, as short as it can be."""
    return {_short(each.urn): _said(each) for each in graph.resources}


def _said(resource: Registered) -> dict[str, object]:
    """What the program says of a resource, without what its URN says already."""
    said: dict[str, object] = {
        "parent": _short(resource.parent),
        "dependencies": [_short(urn) for urn in resource.dependencies],
        "inputs": _shortened(resource.inputs),
        "options": resource.options,
        "outputs": _shortened(resource.outputs),
    }
    return {key: value for key, value in said.items() if value}


def _shortened(value: Any) -> Any:
    """`value` with short URNs, and each text of several lines as a list of its lines."""
    match value:
        case dict():
            items = cast("dict[str, Any]", value).items()
            return {key: _shortened(inner) for key, inner in items}
        case list():
            return [_shortened(inner) for inner in cast("list[Any]", value)]
        case str() if "\n" in value:
            return value.splitlines()
        case str():
            return _short(value)
        case _:
            return value


def _short(urn: str) -> str:
    return urn.removeprefix(f"urn:pulumi:{STACK}::{PROJECT}::")
