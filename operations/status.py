"""`status`: the inventory, the cluster and the table side by side."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cluster.kubectl import ClusterError, Kubectl, LiveObject
from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError, resolve
from controlplane.reader import take_snapshot
from operations.exits import Exit, stopped
from operations.inventories.loading import load_inventory
from operations.options import ClusterDomain, Context, InventoryFile, Json, Namespace, SettingsFile
from operations.outside.stack_file import StackFileError, cluster_domain_in, platform_in
from operations.verification.client import ServerError, UnknownError, certificate
from operations.verification.forwarding import forwarded
from tenancy.defaults import NAMESPACE
from tenancy.inventory.faults import InventoryError
from tenancy.names import MONITORING_PORT, cluster_domain_of
from tenancy.plan.plan import Plan, expand
from tenancy.rows.readdressing import readdressed
from tenancy.rows.snapshot import Snapshot
from tenancy.rows.standing import Seen, Standing, standings
from tenancy.words import agreeing, counted

_AT_ONCE = 8
"""How many servers are asked at a time."""
_PLACES = 2
"""Where to look beside the inventory: the cluster and the table."""


def status(
    inventory: InventoryFile = Path("tenants.yaml"),
    namespace: Namespace = NAMESPACE,
    given_cluster_domain: ClusterDomain = None,
    context: Context = None,
    settings_file: SettingsFile = None,
    certificates: Annotated[
        bool,
        typer.Option("--certificates", help="Ask servers with TLS until when theirs are valid."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare inventory, cluster and database for each instance.

    Differences come first. It also lists what nothing asks for: a Deployment, a Service or a live
    row without an instance in the inventory. It only reads, by kubectl and DATABASE_URL. If it
    cannot read one of them, it says so and shows the rest; --json has that as `problems` beside
    `instances`. With --certificates it asks each server with TLS, by `kubectl port-forward`: a
    certificate that ends within 14 days, or that cannot be seen, is a difference.

    \b
    For example:
      tenant-nats status
      tenant-nats status --inventory inventories/eu.yaml --namespace eu-tenants --json
      tenant-nats status --inventory inventory/eu --settings Pulumi.eu.yaml      all of a cell

    \b
    Exit codes:
      0  all three agree
      1  the inventory is wrong, or the cluster or the database cannot be read
      2  wrong usage
      5  something differs
    """
    try:
        plan = expand(
            load_inventory(inventory),
            namespace=namespace,
            cluster_domain=cluster_domain_in(settings_file, given_cluster_domain),
        )
    except (InventoryError, StackFileError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    problems: list[str] = []
    kubectl = Kubectl(context)
    present = _cluster(kubectl, namespace, problems)
    snapshot = _table(settings_file, problems)
    found = standings(
        plan,
        present,
        snapshot,
        _certificates(plan, kubectl) if certificates else {},
    )
    if as_json:
        told = {"instances": [asdict(each) for each in found], "problems": problems}
        typer.echo(json.dumps(told, indent=2))
    else:
        _print(found, unseen=len(problems))
        for hint in _hints(plan, snapshot):
            typer.echo(hint)
    if problems and as_json:
        raise typer.Exit(Exit.FAILED)
    if problems:
        raise stopped(Exit.FAILED, "\n".join(problems))
    if any(each.differences for each in found):
        raise typer.Exit(Exit.DIFFERENT)


def _hints(plan: Plan, snapshot: Snapshot | None) -> Iterator[str]:
    """What may explain that addresses differ: the wrong option."""
    for former, rows in readdressed(plan, snapshot).items() if snapshot else ():
        cluster_domain = cluster_domain_of(former, plan.namespace)
        yield (
            f"{counted(len(rows), 'row')} {agreeing(len(rows), 'has', 'have')} the cluster domain "
            f"{cluster_domain}. If that is the stack's `clusterDomain`, "
            f"give `--cluster-domain {cluster_domain}`, or `--settings Pulumi.STACK.yaml`."
        )


def _certificates(plan: Plan, kubectl: Kubectl) -> dict[str, tuple[str, ...]]:
    """What is wrong with the certificate of each server with TLS, by the instance's name."""
    asked = [each.name for each in plan.instances.values() if each.tls_secret]

    def ask(name: str) -> tuple[str, ...]:
        return _certificate(kubectl, plan.namespace, name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(asked, pool.map(ask, asked), strict=True))


def _certificate(kubectl: Kubectl, namespace: str, name: str) -> tuple[str, ...]:
    """What is wrong with a server's certificate; nothing if all is well."""
    try:
        with forwarded(kubectl, namespace, name, MONITORING_PORT) as local:
            certificate(local[MONITORING_PORT])
    except (ClusterError, ServerError, UnknownError) as error:
        return (f"certificate: {error}",)
    return ()


def _cluster(kubectl: Kubectl, namespace: str, problems: list[str]) -> Seen | None:
    try:
        objects = kubectl.get("deployments,services", f"--namespace={namespace}")
    except ClusterError as error:
        problems.append(f"The cluster could not be looked at: {error}.")
        return None
    return seen(objects)


def seen(objects: list[LiveObject]) -> Seen:
    """The Deployments, and whether each is ready, and the Services among `objects`."""
    return Seen(
        deployments={
            each["metadata"]["name"]: each.get("status", {}).get("readyReplicas", 0) > 0
            for each in objects
            if each["kind"] == "Deployment"
        },
        services=frozenset(
            each["metadata"]["name"] for each in objects if each["kind"] == "Service"
        ),
    )


def _table(settings_file: Path | None, problems: list[str]) -> Snapshot | None:
    try:
        return take_snapshot(resolve(None), platform=platform_in(settings_file))
    except (ControlPlaneError, DsnError, StackFileError) as error:
        problems.append(f"The table could not be looked at: {error}")
        return None


def _print(found: tuple[Standing, ...], *, unseen: int) -> None:
    """Print a line for each instance; `unseen` counts the places that could not be read."""
    console = Console(highlight=False, soft_wrap=True)
    # A pipe has 80 columns, which a line of the table does not fit in.
    console.width = max(console.width, 140)
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ("tenant", "instance", "inventory", "server", "service", "row", "integrations")
    for heading in (*headings, "differs"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            each.tenant,
            str(each.number),
            "wanted" if each.is_wanted else "-",
            each.server,
            each.service,
            each.row,
            "" if each.integrations is None else str(each.integrations),
            "; ".join(each.differences),
        )
    console.print(table)
    console.print(f"\n{counted(len(found), 'instance')}: {_outcome(found, unseen)}.")


def _outcome(found: tuple[Standing, ...], unseen: int) -> str:
    if unseen == _PLACES:
        return "only the inventory could be read"
    if differing := sum(bool(each.differences) for each in found):
        return f"{differing} differ"
    return "all agree, as far as could be seen" if unseen else "all agree"
