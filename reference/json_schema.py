"""`python -m reference.json_schema`: write the JSON Schema that editors use for `tenants.yaml`.

A schema describes one value at a time; `tenancy.inventory.contradictions` checks values against
each other. A test compares the committed file with the models.
"""

import json
from pathlib import Path
from typing import Any

from tenancy.inventory.models import Inventory

FILE = Path(__file__).resolve().parent.parent / "tenants.schema.json"


def schema() -> str:
    """The JSON Schema of an inventory, as the text of its file."""
    generated = Inventory.model_json_schema(mode="validation")
    for mapping in ("tenants", "sizes"):
        # Else a key that does not fit the pattern would pass as an unknown one.
        generated["properties"][mapping]["additionalProperties"] = False
    for definition in generated["$defs"].values():
        for field in definition["properties"].values():
            _forget_null(field)
            if "patternProperties" in field:
                field["additionalProperties"] = False
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Inventory of tenant-nats",
        **{key: value for key, value in generated.items() if key != "title"},
    }
    return json.dumps(document, indent=2) + "\n"


def _forget_null(field: dict[str, Any]) -> None:
    """Leave out the default null of a field: no file can say it."""
    if field.get("default", ...) is None:
        del field["default"]
        field.update(field.pop("anyOf", [{}])[0])


if __name__ == "__main__":
    FILE.write_text(schema())
