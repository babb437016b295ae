"""`python -m benchmarks.up`: a real `pulumi up` beside `kubectl apply` of the same objects.

Columns: tenants (one server each); resources of the stack; seconds of the first `up` into an empty
namespace, of a second one that changes nothing, and of `kubectl apply --server-side` of the same
objects into another namespace. The API server, Postgres and the engine are the sandbox's, with the
pinned Kubernetes plugin at the current one's request rate (ADR 0013). The pods are simulated: what
a real cluster needs to start containers comes on top.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from sandbox import database, engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from tests.e2e.project import Project, Target

SIZES = (3, 30, 100)
BUDGET_SECONDS = 30
"""For 30 tenants, which is about what one stack should hold."""


def main() -> None:
    """Print the table, and whether 30 tenants keep to the budget, which is the exit code too."""
    print(f"{'tenants':>8} {'resources':>10} {'up':>8} {'no-op up':>9} {'kubectl':>8}  (seconds)")
    measured: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as folder:
        layout = Layout(Path(folder) / "sandbox")
        cluster = Cluster.of(layout)
        try:
            cluster.ensure()
            dsn = database.start(layout.postgres)
            layout.plugin_choice.write_text(f"pinned {engine.toolchain.KUBERNETES_PLUGIN_VERSION}")
            env = engine.environment(layout, dsn)
            target = Target(
                layout,
                str(cluster.kubectl),
                str(layout.kubeconfig),
                CONTEXT,
                env,
                layout.root / "new",
            )
            for tenants in SIZES:
                measured[tenants] = measure(target, Path(folder), dsn, tenants)
        finally:
            cluster.delete()
            database.stop(layout.postgres)
    kept = measured[30] < BUDGET_SECONDS
    verdict = "ok" if kept else "NOT OK"
    print(f"{verdict}: 30 tenants took {measured[30]:.0f} s (budget {BUDGET_SECONDS} s)")
    sys.exit(0 if kept else 1)


def measure(target: Target, folder: Path, server: str, tenants: int) -> float:
    """Print one line; returns the seconds of the first `up`."""
    namespace = f"bench-{tenants}"
    project = Project(
        target,
        folder / namespace,
        namespace=namespace,
        dsn=new_database(server, f"bench_{tenants}"),
        settings={},
    )
    project.write("tenants:\n" + "".join(f"  tenant-{n}: {{size: small}}\n" for n in range(tenants))
                  + "sizes:\n  small: {requests: {cpu: 10m, memory: 64Mi}, "
                  "limits: {cpu: 100m, memory: 64Mi}}\n")  # fmt: skip
    first = timed(lambda: deploy(project))
    second = timed(lambda: deploy(project))
    resources = len(json.loads(project.pulumi("stack", "export"))["deployment"]["resources"])
    applied = applied_by_kubectl(project, f"{namespace}-kubectl", folder / f"{namespace}.json")
    print(
        f"{tenants:>8,} {resources:>10,} {first:>8.1f} {second:>9.1f} {applied:>8.1f}", flush=True
    )
    project.remove()
    return first


def deploy(project: Project) -> None:
    """Run `pulumi up`; one that fails is no measure."""
    run = project.up("--parallel=64")
    assert not run.failed, run.output


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
