"""What a person reads at the end of `make up`."""

from collections.abc import Mapping
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from operations.status import seen
from sandbox import database
from sandbox.cluster import Cluster
from tenancy.names import instance_name

_UNCHANGED = {"same"}


def print_summary(
    cluster: Cluster, dsn: str, outputs: Mapping[str, Any], changes: Mapping[Any, int] | None
) -> None:
    """Print tenants, instances, URLs and status, and how to look further.

    Args:
        cluster: where the Deployments are.
        dsn: where the rows are, for the provisioner; what is printed is the administrator's.
        outputs: of the stack: `namespace` and `urls`.
        changes: how many resources each operation touched; None when nothing was run.
    """
    console = Console(highlight=False, soft_wrap=True)
    # A URL may be longer than a narrow terminal, which then folds it, and does not cut it.
    console.width = max(console.width, 120)
    namespace, urls = outputs["namespace"], outputs["urls"]
    objects = cluster.administrator.get("deployments", f"--namespace={namespace}")
    ready = seen(objects).deployments
    statuses = _statuses(dsn)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("tenant", "instance", "server", "row", "URL"):
        table.add_column(heading, no_wrap=True, overflow="fold")
    for tenant, addresses in sorted(urls.items()):
        for number, url in enumerate(addresses, start=1):
            server = "ready" if ready.get(instance_name(tenant, number)) else "not ready"
            row = statuses.get((tenant, number), "missing")
            table.add_row(tenant, str(number), server, row, url)
    console.print()
    console.print(table)
    console.print()
    if changes is not None:
        console.print(_what_changed(changes))
    kubectl = f"{cluster.kubectl} --kubeconfig {cluster.layout.kubeconfig}"
    console.print(
        "Look at it:\n"
        f"  {kubectl} -n {namespace} get deployments,services,networkpolicies\n"
        f"  {database.psql()} '{database.administrator(dsn)}' -c 'table nats_instances'\n"
        f"{_how_to_connect(kubectl, namespace, urls)}"
        "Try next:\n"
        "  edit tenants.yaml (say, `integrations: 60` for demo-tenant), then `make preview` and "
        "`make up`\n"
        "  `make down` removes all of this\n"
        "The sandbox's nodes are simulated: the API server, the controllers, the scheduler and "
        "Postgres are real, and behind each pod a real nats-server runs its configuration, but no "
        "container runs and no packet is filtered.\n"
        "It is for this machine only: some of what it runs is old, with known vulnerabilities "
        "(SECURITY.md).",
    )


def _how_to_connect(kubectl: str, namespace: str, urls: Mapping[str, list[str]]) -> str:
    """How to connect to the first server; empty if every tenant is decommissioned."""
    first = next((instance_name(tenant, 1) for tenant in sorted(urls) if urls[tenant]), None)
    if first is None:
        return ""
    return (
        "Connect to a server from this machine, with any NATS client at localhost:4222:\n"
        f"  {kubectl} -n {namespace} port-forward service/{first} 4222 8222\n"
    )


def _what_changed(changes: Mapping[Any, int]) -> str:
    touched = {name: count for name, count in changes.items() if name not in _UNCHANGED}
    if not touched:
        return f"Nothing changed: all {changes.get('same', 0)} resources are as tenants.yaml says."
    return "Changed: " + ", ".join(f"{count} {name}" for name, count in sorted(touched.items()))


def _statuses(dsn: str) -> dict[tuple[str, int], str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tenant_id, instance_number, status FROM nats_instances")
        return {(tenant, number): status for tenant, number, status in rows}
