"""`rules`: the rules for an inventory, for a Prometheus without the operator."""

import json
from pathlib import Path

import typer

from monitoring.output import in_yaml
from monitoring.rule_file import rules as rules_of
from operations.exits import Exit, stopped
from operations.inventories.loading import load_inventory
from operations.options import InventoryFile, Json, Namespace
from tenancy.defaults import NAMESPACE
from tenancy.inventory.faults import InventoryError


def rules(
    inventory: InventoryFile = Path("tenants.yaml"),
    namespace: Namespace = NAMESPACE,
    as_json: Json = False,
) -> None:
    """Print the Prometheus rules and alerts for an inventory.

    The output is a rules file. It names the tenants of another size than `standard`; standard ones
    come and go without a change of the rules. For the Prometheus operator, each `up` deploys the
    same rules if the setting `metrics.prometheusRule` is set. Of a cell's folder it prints those of
    all its stacks.

    \b
    For example:
      tenant-nats rules > /etc/prometheus/tenant-nats.rules.yaml
      promtool check rules /etc/prometheus/tenant-nats.rules.yaml

    \b
    Exit codes:
      0  the rules are printed
      1  the inventory is wrong
      2  wrong usage
    """
    try:
        content = rules_of(load_inventory(inventory), namespace)
    except InventoryError as error:
        raise stopped(Exit.FAILED, str(error)) from None
    if as_json:
        typer.echo(json.dumps(content, indent=2))
    else:
        comment = f"Written by `tenant-nats rules` from {inventory}."
        # In UTF-8 whatever the terminal has, since Prometheus reads it.
        typer.echo(in_yaml(content, comment).encode(), nl=False)
