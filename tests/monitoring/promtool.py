"""Runs the rules in promtool: which alerts fire, given the series that Prometheus has."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitoring.rule_file import rules
from sandbox.toolchain import PROMETHEUS, ensure
from tenancy.inventory.models import Inventory

NAMESPACE = "vrsky-tenants"
LARGE = {
    "requests": {"cpu": "2", "memory": "4Gi"},
    "limits": {"cpu": "4", "memory": "8Gi"},
    "maxConnections": 2000,
    "capacity": 100,
}
INVENTORY = Inventory.model_validate(
    {
        "tenants": {"acme": {}, "globex": {"size": "large"}, "hooli": {"size": "large"}},
        "sizes": {"large": LARGE},
    }
)

STEP_SECONDS = 30
STEPS = 80


def steady(value: float) -> str:
    """A gauge that stays as it is, for all of the forty minutes."""
    return f"{value}x{STEPS}"


def rising(per_second: float) -> str:
    """A counter that grows by this much a second."""
    return f"0+{per_second * STEP_SECONDS}x{STEPS}"


NEVER = f"_x{STEPS}"
"""A series without any value."""

Series = dict[str, str]
"""A metric's name → its values in the notation of promtool."""

QUIET: Series = {
    "up": steady(1),
    "gnatsd_healthz_status_value": steady(1),
    "gnatsd_varz_in_msgs": rising(10),
    "gnatsd_varz_connections": steady(10),
    "gnatsd_varz_mem": steady(1e8),
    "gnatsd_varz_cpu": steady(5),
    "gnatsd_varz_slow_consumers": steady(3),
    "gnatsd_varz_start": steady(1764e9),
    "tenant_nats_row": steady(1),
    "tenant_nats_integrations": steady(10),
}
"""The series of a server for which no alert fires."""


def server(
    tenant: str = "acme",
    number: str = "1",
    *,
    namespace: str = NAMESPACE,
    status: str = "active",
    **other: str,
) -> Series:
    """The series of one server: quiet, but for `other`."""
    found: Series = {}
    for name, values in {**QUIET, **other}.items():
        is_table = name.startswith("tenant_nats_")
        labels = {
            "job": "tenant-nats-table" if is_table else "tenant-nats",
            "namespace": namespace,
            "tenant_id": tenant,
            "instance_num": number,
            # The pod of the exporter: for the table, that is the database's exporter.
            "pod": "sql-exporter-x" if is_table else f"nats-{tenant}-{number}-x",
            **({"status": status} if name == "tenant_nats_row" else {}),
        }
        found[f"{name}{braced(labels)}"] = values
    return found


def table(*, up: str = steady(1), unplaced: str = steady(0), rows: str = steady(9)) -> Series:
    """The series of the database's exporter that belong to no instance."""
    labels = {"job": "tenant-nats-table", "namespace": NAMESPACE, "tenant_id": "acme"}
    return {
        'up{job="tenant-nats-table", instance="x"}': up,
        'tenant_nats_table_rows{job="tenant-nats-table", instance="x"}': rows,
        f"tenant_nats_integrations_unplaced{braced(labels)}": unplaced,
    }


def braced(labels: Mapping[str, str]) -> str:
    """Labels, as they follow the name of a series; OpenMetrics takes no space between them."""
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def promtool_says(folder: Path, series: Series, **expectations: list[dict[str, Any]]) -> str:
    """What promtool reports about the expectations; empty if they all hold.

    Args:
        folder: an empty one.
        series: what Prometheus has seen, by series.
        expectations: as promtool has them: `promql_expr_test`, `alert_rule_test`.
    """
    (folder / "rules.json").write_text(json.dumps(rules(INVENTORY, NAMESPACE)))
    test = {
        "interval": f"{STEP_SECONDS}s",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        **expectations,
    }
    content = {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [test],
    }
    (folder / "test.json").write_text(json.dumps(content))
    ran = subprocess.run(
        [ensure(PROMETHEUS) / "promtool", "test", "rules", "test.json"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr
