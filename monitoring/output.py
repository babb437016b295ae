"""The files in `deploy/monitoring`, for those who run Prometheus without the operator."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from monitoring.rule_file import rules
from monitoring.scrape import scrape_configs
from monitoring.table import sql_exporter
from tenancy.defaults import NAMESPACE
from tenancy.inventory.models import Inventory

_GENERATED = "Written by `make monitoring`. How to use it: docs/monitoring.md."


def files() -> dict[str, str]:
    """The content of each file, by name, for the default namespace and for standard servers.

    All but the dashboard, whose library is for development only.
    """
    standard = Inventory.model_validate({"tenants": {"anybody": {}}})
    return {
        "rules.yaml": in_yaml(rules(standard, NAMESPACE), _GENERATED),
        "scrape.yaml": in_yaml(scrape_configs(NAMESPACE), _GENERATED),
        "sql-exporter.yaml": in_yaml(sql_exporter(), _GENERATED),
    }


def in_yaml(content: Mapping[str, Any], comment: str) -> str:
    """`content` as readable YAML: text of several lines as a block, after a line of comment."""
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_readable(content), stream)
    return f"# {comment}\n{stream.getvalue()}"


def _readable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _readable(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_readable(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value
