"""`python -m benchmarks.up`: a real `pulumi up` beside `kubectl apply` of the same objects.

Columns of the first table: tenants (one server each); resources of the stack; seconds of the first
`up` into an empty namespace, of a second one that changes nothing, of one that adds a tenant, and
of `kubectl apply --server-side` of the same objects into another namespace. The second table says
where the time of each `up` goes: seconds of CPU of the engine, of the program, of the Kubernetes
plugin and of the rows' provider, and the share of all cores' time in which none of them ran.

The API server, Postgres and the engine are the sandbox's. The pods are simulated: a real cluster
also needs time to start containers. Numbers on the command line replace the numbers of tenants.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from sandbox import database, engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from tests.e2e.project import Project, Target

SIZES = (3, 30, 100, 300)
BUDGET_SECONDS = 30
"""For 30 tenants, which is about what one stack should hold."""


PARTS = {
    "pulumi": "engine",
    "pulumi-language-python": "program",
    "pulumi-language-python-exec": "program",
    "pulumi-resource-kubernetes": "plugin",
    "pulumi-resource-pulumi-python": "records",
}
"""The program in a command line → the part that it belongs to."""


@dataclass
class Up:
    """What one `up` took."""

    what: str
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds by part."""


def main() -> None:
    """Print the tables, and whether 30 tenants keep to the budget, which is the exit code too."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print(
        f"{'tenants':>8} {'resources':>10} {'up':>8} {'no-op up':>9} {'one more':>9} {'kubectl':>8}"
        "  (seconds)"
    )
    ups: list[Up] = []
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as folder:
        layout = Layout(Path(folder) / "sandbox")
        cluster = Cluster.of(layout)
        try:
            cluster.ensure()
            dsn = database.start(layout.postgres)
            layout.plugin_choice.write_text(engine.BUILT)
            env = engine.environment(layout, dsn)
            kubectl, kubeconfig = str(cluster.kubectl), str(layout.kubeconfig)
            target = Target(layout, kubectl, kubeconfig, CONTEXT, env, layout.root / "new")
            for tenants in sizes:
                ups += measure(target, Path(folder), dsn, tenants)
        finally:
            cluster.delete()
            database.stop(layout.postgres)
    print_parts(ups)
    first = {up.what: up.seconds for up in ups}
    if (seconds := first.get("30 tenants")) is None:
        return
    kept = seconds < BUDGET_SECONDS
    verdict = "ok" if kept else "NOT OK"
    print(f"{verdict}: 30 tenants took {seconds:.0f} s (budget {BUDGET_SECONDS} s)")
    sys.exit(0 if kept else 1)


def measure(target: Target, folder: Path, server: str, tenants: int) -> list[Up]:
    """Print one line; returns what each `up` took."""
    namespace = f"bench-{tenants}"
    project = Project(
        target,
        folder / namespace,
        namespace=namespace,
        dsn=new_database(server, f"bench_{tenants}"),
        settings={},
    )
    project.write(inventory(tenants))
    first = deploy(project, f"{tenants} tenants")
    second = deploy(project, f"{tenants}, no change")
    resources = len(json.loads(project.pulumi("stack", "export"))["deployment"]["resources"])
    applied = applied_by_kubectl(project, f"{namespace}-kubectl", folder / f"{namespace}.json")
    project.write(inventory(tenants + 1))
    third = deploy(project, f"{tenants}, one more")
    print(
        f"{tenants:>8,} {resources:>10,} {first.seconds:>8.1f} {second.seconds:>9.1f} "
        f"{third.seconds:>9.1f} {applied:>8.1f}",
        flush=True,
    )
    project.remove()
    return [first, second, third]


def inventory(tenants: int) -> str:
    """An inventory of that many tenants with one small server each."""
    return (
        "tenants:\n"
        + "".join(f"  tenant-{number}: {{size: small}}\n" for number in range(tenants))
        + "sizes:\n  small: {requests: {cpu: 10m, memory: 64Mi}, "
        "limits: {cpu: 100m, memory: 64Mi}}\n"
    )


def deploy(project: Project, what: str) -> Up:
    """Run `pulumi up` and measure it; it must succeed."""
    up = Up(what)
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(project, up, ended))
    watch.start()

    def deployed() -> None:
        run = project.up("--parallel=64")
        assert not run.failed, run.output

    try:
        up.seconds = timed(deployed)
    finally:
        ended.set()
        watch.join()
    return up


def _watch(project: Project, up: Up, ended: threading.Event) -> None:
    """Note the CPU time of each process in the project's folder until `ended`."""
    seen: dict[int, tuple[str, float]] = {}
    while not ended.wait(0.2):
        for process in project.processes():
            with suppress(psutil.Error):
                spent = process.cpu_times()
                seen[process.pid] = (part_of(process.cmdline()), spent.user + spent.system)
    for part, seconds in seen.values():
        up.cpu[part] = up.cpu.get(part, 0.0) + seconds


def part_of(arguments: list[str]) -> str:
    """The part of an `up` that a process with this command line belongs to."""
    names = [Path(argument).name for argument in arguments]
    named = next((PARTS[name] for name in names if name in PARTS), None)
    if named:
        return named
    return "records" if "pulumi.dynamic" in " ".join(arguments) else "others"


def print_parts(ups: list[Up]) -> None:
    """Print where the time of each `up` went."""
    parts = ("engine", "program", "plugin", "records", "others")
    print(f"\n{'an up of':<18} {'wall':>7} " + " ".join(f"{part:>8}" for part in parts) + "  idle")
    cores = os.cpu_count() or 1
    for up in ups:
        spent = " ".join(f"{up.cpu.get(part, 0.0):>8.1f}" for part in parts)
        idle = 1 - sum(up.cpu.values()) / (up.seconds * cores)
        print(f"{up.what:<18} {up.seconds:>7.1f} {spent} {idle:>5.0%}")
    print("(seconds of CPU; idle: of all cores, the cluster and the database not counted)\n")


def new_database(server: str, name: str) -> str:
    """A migrated, empty database; returns the provisioner's connection string."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    dsn = make_conninfo(server, dbname=name)
    database.prepare(dsn)
    return database.provisioner(dsn)


def applied_by_kubectl(project: Project, namespace: str, manifest: Path) -> float:
    """The seconds that `kubectl apply --server-side` takes for the same objects elsewhere."""
    kinds = ("configmap", "networkpolicy", "service", "deployment")
    items = [item for item in project.objects(*kinds) if "immutable" in item or "spec" in item]
    for item in items:
        item["metadata"] = {
            "name": item["metadata"]["name"],
            "namespace": namespace,
            "labels": item["metadata"]["labels"],
        }
        item.pop("status", None)
        for assigned in ("clusterIP", "clusterIPs"):
            item.get("spec", {}).pop(assigned, None)
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    kubectl = [project.target.kubectl, "--kubeconfig", project.target.kubeconfig]
    subprocess.run([*kubectl, "create", "namespace", namespace], check=True, capture_output=True)
    command = [*kubectl, "apply", "--server-side", "-f", str(manifest)]
    return timed(lambda: subprocess.run(command, check=True, capture_output=True))


def timed(action: Callable[[], object]) -> float:
    """The seconds that `action` takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
