"""Whoever is woken by an alert finds it in the runbook."""

import re
from pathlib import Path

from monitoring.alerts import alerts


def test_the_runbook_has_a_row_for_each_alert_and_for_no_other(project: Path) -> None:
    runbook = (project / "docs" / "runbook.md").read_text()
    told = re.findall(r"^\| `(TenantNats\w+)` \|", runbook, re.MULTILINE)
    assert sorted(told) == sorted(alert.name for alert in alerts("vrsky-tenants"))
    assert "\n## Alerts\n" in runbook, "each alert links to this heading"
