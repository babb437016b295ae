"""A graph as manifests and SQL, for those who apply them without an engine."""

import io
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from textwrap import dedent
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from controlplane.connection import SEARCH_PATH
from controlplane.platform import PLATFORM, Platform
from controlplane.store import InstanceRow, TenantRows, insertions
from rendering.recorder import Graph, Registered
from tenancy.inventory.yaml_source import is_plain
from tenancy.tokens import TENANT

NAMESPACE_FILE = "00-namespace.yaml"
ROWS_FILE = "90-rows.sql"
HEADER = "Written by `tenant-nats render`: edit the inventory and write it again."
_ROWS_HEADER = f"""\
-- {HEADER}
-- For psql, once the Deployments are ready, since workers go where a row says `active`. Existing
-- rows stay as they are, except that `tls` is set if the server speaks it.
"""


def files(graph: Graph, platform: Platform = PLATFORM) -> dict[str, str]:
    """The content of each file, by name; `platform` is where the rows go.

    One file for what all tenants share, one for each tenant that has servers, one for the rows.
    In the order of their names, and from top to bottom, everything comes after what it needs.
    """
    known = {each.urn: each for each in graph.resources}
    parts: dict[str, list[str]] = {}
    for resource in _in_order(known):
        if resource.type.startswith("kubernetes:"):
            tenant = _tenant(resource, known)
            name = f"10-{tenant}.yaml" if tenant else NAMESPACE_FILE
            parts.setdefault(name, [f"# {HEADER}\n"]).append(_manifest(resource))
    manifests = {name: "---\n".join(contents) for name, contents in sorted(parts.items())}
    return {**manifests, ROWS_FILE: _rows(graph.of_type("TenantRecords"), platform)}


def _in_order(known: Mapping[str, Registered]) -> Iterator[Registered]:
    """Each resource after those that it needs; otherwise by URN."""
    sorter = TopologicalSorter({urn: known[urn].dependencies for urn in sorted(known)})
    sorter.prepare()
    while ready := sorted(sorter.get_ready()):
        yield from (known[urn] for urn in ready if urn in known)
        sorter.done(*ready)


def _tenant(resource: Registered, known: Mapping[str, Registered]) -> str | None:
    """The tenant that `resource` belongs to; None if all tenants share it."""
    while resource.parent in known:
        resource = known[resource.parent]
        if resource.type == TENANT:
            return resource.name
    return None


def _manifest(resource: Registered) -> str:
    """Exactly what the engine gets, with the labels and annotations that are for the engine.

    So nothing changes if a stack takes the objects over, or hands them over.
    """
    content = {
        **resource.inputs,
        "metadata": _led_by(resource.inputs["metadata"], "name", "namespace"),
    }
    return _yaml(_led_by(content, "apiVersion", "kind", "metadata"))


def _led_by(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """`mapping` with those of `keys` that it has in front of the others."""
    return {**{key: mapping[key] for key in keys if key in mapping}, **mapping}


def _yaml(content: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1000
    stream = io.StringIO()
    yaml.dump(_quoted(content), stream)
    return stream.getvalue()


def _quoted(value: Any) -> Any:
    """`value` with quotes around text that some YAML reader takes for something else.

    kubectl reads YAML 1.1, where the tenant `on` is a boolean.
    """
    match value:
        case dict():
            items = cast("dict[str, Any]", value).items()
            return {_quoted(key): _quoted(inner) for key, inner in items}
        case list():
            return [_quoted(item) for item in cast("list[Any]", value)]
        case str() if "\n" in value:
            return LiteralScalarString(value)
        case str() if not is_plain(value):
            return DoubleQuotedScalarString(value)
        case _:
            return value


def _rows(records: Iterable[Registered], platform: Platform) -> str:
    statements = "\n".join(
        statement for each in records for statement in insertions(_wanted(each), platform)
    )
    path = dedent(SEARCH_PATH).strip()
    return f"{_ROWS_HEADER}BEGIN;\n{path};\n{statements}\nCOMMIT;\n"


def _wanted(records: Registered) -> TenantRows:
    return TenantRows(
        tenant_id=records.inputs["tenant_id"],
        rows=tuple(
            InstanceRow(
                row["instance_number"], row["dns_name"], "active", tls=row.get("tls", False)
            )
            for row in records.inputs["instances"]
        ),
        domain=records.inputs["domain"],
    )
