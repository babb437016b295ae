"""`python -m benchmarks.shards`: a cell of 1,000 tenants in 34 shards, two shards at a time.

Parts, of which `--parts` chooses some:
- `neighbours`: one shard of 30 tenants beside Deployments of another app in its namespace.
- `cold`, `noop`, `edit`: an `up` of each shard from empty, one of each that changes nothing, and
  one that adds a tenant to one shard beside all the others. The slope says how much longer a
  shard's first `up` takes for each 100 tenants that are there already.
- `due`: how long `tenant-nats shards due` and `shards check` take over the cell.
- `kill`: three more shards are deployed at once and the engine of one is killed (-9). What is live
  is compared with all states, before and after `tenant-nats recover` and an `up`.
- `move`: tenants are moved between two shards, one move is killed (-9) and run again, and a shard
  is split and merged. Each object's UID and generation are compared with those before.
- `kubectl`: `kubectl apply --server-side` of the same objects into another namespace.
- `one-stack`: `python -m benchmarks.up 100 300`, if it is asked for (half an hour).

The last table says what 10,000 tenants would take, and which figure of it was measured. The API
server, Postgres and the engine are the sandbox's, in a temporary folder; nothing is left at the
end. The pods are simulated: a real cluster also needs time to start containers.
"""

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import linear_regression, mean, median

import psycopg

from benchmarks import cell_moves, neighbours
from benchmarks.api_requests import Requests, as_engine
from benchmarks.members import OPTIONS, Up, deploy, deploy_all, ended, kill_below, say
from benchmarks.up import applied_by_kubectl, new_database, timed
from sandbox import database, engine
from sandbox.cluster import CONTEXT, Cluster
from sandbox.layout import Layout
from sandbox.toolchain import KUBERNETES_PLUGIN_VERSION, KUBERNETES_VERSION, PULUMI_VERSION
from tests.e2e.cell import CELL, Cell
from tests.e2e.comparison import Comparison, compare
from tests.e2e.project import Target

PARTS = ("neighbours", "cold", "noop", "edit", "due", "kill", "move", "kubectl")
OF_THE_CELL = {*PARTS} - {"neighbours"}
NEIGHBOURS = (0, 300, 1_000)
REPEATS = 3
BUDGET_SECONDS = 10
"""For an edit of one tenant, whatever the number of neighbours."""
LARGE = 10_000
"""Tenants of the last table."""
WORKERS = (2, 8, 32)
IDLE_SECONDS = 20
_PODS_OF_A_NODE = 100
"""Of 110."""


@dataclass
class Pass:
    """An `up` of some shards, so many at once."""

    what: str
    ups: list[Up]
    seconds: float
    """From the begin of the first to the end of the last."""
    requests: Requests
    rows: int
    """That it has written."""

    @property
    def mean(self) -> float:
        """The seconds of a shard."""
        return mean(up.seconds for up in self.ups)

    def __str__(self) -> str:
        seconds = sorted(up.seconds for up in self.ups)
        return (
            f"{self.what:<42} {seconds[0]:>6.1f} {median(seconds):>6.1f} {seconds[-1]:>6.1f} "
            f"{self.seconds:>8.1f} {self.requests.engine / len(self.ups):>9.0f} "
            f"{self.requests.engine / self.seconds:>9.1f} "
            f"{self.requests.all / self.seconds:>9.1f} {self.rows / self.seconds:>7.2f}"
        )


PASS_COLUMNS = (
    f"{'an up of':<42} {'min':>6} {'median':>6} {'max':>6} {'wall':>8} {'req/shard':>9} "
    f"{'req/s':>9} {'all req/s':>9} {'rows/s':>7}"
)


@dataclass
class Machine:
    """Where all of it runs, and what was asked for."""

    folder: Path
    cluster: Cluster
    target: Target
    dsn: str
    """Of the database server's administrator."""
    tenants: int
    shards: int
    at_once: int
    neighbours: tuple[int, ...]
    faults: list[str] = field(default_factory=list[str])
    """What is not as it should be: the exit code."""

    @property
    def a_shard(self) -> int:
        """How many tenants a shard has at most."""
        return ceil(self.tenants / self.shards)

    def new_cell(self, name: str) -> Cell:
        """A cell with a namespace and a database of its own; nothing is deployed."""
        dsn = new_database(self.dsn, name.replace("-", "_"))
        return Cell(self.target, self.folder / name, namespace=name, dsn=dsn)

    def passed(
        self, what: str, cell: Cell, shards: Sequence[str], *, at_once: int | None = None
    ) -> Pass:
        """Deploy these shards and measure it."""
        before, rows = Requests.so_far(self.cluster), len(cell.any.rows())
        began = time.monotonic()
        ups = deploy_all(cell, shards, at_once=at_once or self.at_once, what=what)
        seconds = time.monotonic() - began
        requests = Requests.so_far(self.cluster) - before
        return Pass(what, ups, seconds, requests, len(cell.any.rows()) - rows)


def main() -> None:
    """Print the tables; the exit code tells whether what is said of a cell is kept."""
    options = arguments()
    # A run in the background of a script ignores it, and so would the plugins: the engine ends them
    # by this signal, and waits five seconds for each that goes on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    load = os.getloadavg()
    parts = set(options.parts.split(","))
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        layout = Layout(root / "sandbox")
        # Twice the tenants, for kubectl's, three more shards, and the neighbours.
        pods = (
            2 * options.tenants
            + 5 * ceil(options.tenants / options.shards)
            + max(options.neighbours)
        )
        nodes = ceil(pods / _PODS_OF_A_NODE) + 1
        made = Cluster.of(layout)
        cluster = Cluster(layout, made.binaries, made.kwok, nodes=nodes)
        try:
            cluster.ensure()
            dsn = database.start(layout.postgres)
            layout.plugin_choice.write_text(engine.BUILT)
            kubeconfig = str(as_engine(cluster))
            env = {**engine.environment(layout, dsn), "KUBECONFIG": kubeconfig}
            where = (str(cluster.kubectl), kubeconfig, CONTEXT)
            target = Target(layout, *where, env, layout.root / "new")
            sizes = (options.tenants, options.shards, options.at_once)
            machine = Machine(root, cluster, target, dsn, *sizes, tuple(options.neighbours))
            print_header(machine, load)
            if "neighbours" in parts:
                measure_neighbours(machine)
            if OF_THE_CELL & parts:
                measure_cell(machine, parts)
        finally:
            kill_below(root)
            cluster.delete()
            database.stop(layout.postgres)
    if "one-stack" in parts:
        print("\nOne stack: python -m benchmarks.up 100 300", flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks.up", "100", "300"], check=True)
    else:
        print("\nBeside one stack of 100 and of 300 tenants: python -m benchmarks.up 100 300")
    for fault in machine.faults:
        print(f"NOT OK: {fault}")
    if not machine.faults:
        print("ok")
    sys.exit(1 if machine.faults else 0)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards")
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--shards", type=int, default=34)
    parser.add_argument("--at-once", type=int, default=2, help="how many shards are deployed")
    parser.add_argument(
        "--neighbours", type=int, nargs="+", default=NEIGHBOURS, help="of one shard"
    )
    parser.add_argument(
        "--parts", default=",".join(PARTS), help=f"of {', '.join((*PARTS, 'one-stack'))}"
    )
    options = parser.parse_args()
    if unknown := set(options.parts.split(",")) - {*PARTS, "one-stack"}:
        parser.error(f"--parts: there is no {', '.join(sorted(unknown))}")
    if not 3 <= options.shards <= options.tenants:
        parser.error("--shards: at least 3, and no more than there are tenants")
    if "move" in options.parts and options.tenants < cell_moves.LEAST * options.shards:
        parser.error(f"--tenants: at least {cell_moves.LEAST} for each shard, to move some")
    return options


def print_header(machine: Machine, load: tuple[float, float, float]) -> None:
    """Say on what is measured."""
    with psycopg.connect(machine.dsn) as connection:
        postgres = connection.info.server_version // 10_000
    print(
        f"{os.cpu_count()} cores, load average {' '.join(f'{each:.2f}' for each in load)} at the "
        f"start; Python {platform.python_version()}, Pulumi {PULUMI_VERSION}, its Kubernetes "
        f"plugin {KUBERNETES_PLUGIN_VERSION} (built), Kubernetes {KUBERNETES_VERSION} with "
        f"{machine.cluster.nodes} simulated nodes, Postgres {postgres}",
        flush=True,
    )


def measure_neighbours(machine: Machine) -> None:
    """Print whether an edit of one shard takes longer beside Deployments that are not ours."""
    tenants = machine.a_shard
    print(
        f"\nOne shard of {tenants} tenants beside Deployments that kubectl made, at rest (seconds)"
    )
    print(f"{'neighbours':>10} {'one more tenant':>24} {'median':>7} {'no-op':>24} {'median':>7}")
    for count in machine.neighbours:
        cell = machine.new_cell(f"beside-{count}")
        ids = [f"tenant-{number:04}" for number in range(tenants)]
        cell.write("001", *ids)
        for member in ("base", "001"):
            deploy(cell.member(member))
        say(f"neighbours: {count} are being made")
        neighbours.add(machine.cluster, cell.namespace, count)
        edits: list[float] = []
        noops: list[float] = []
        for number in range(REPEATS):
            ids.append(f"added-{number}")
            cell.write("001", *ids)
            edits.append(deploy(cell.member("001")).seconds)
            noops.append(deploy(cell.member("001")).seconds)
            say(f"beside {count}: an edit {edits[-1]:.1f} s, a no-op {noops[-1]:.1f} s")
        print(
            f"{count:>10,} {figures(edits):>24} {median(edits):>7.1f} "
            f"{figures(noops):>24} {median(noops):>7.1f}",
            flush=True,
        )
        judge_edit(machine, median(edits), f"{count:,} neighbours")
        neighbours.remove(machine.cluster, cell.namespace)


def figures(seconds: Sequence[float]) -> str:
    """Each of them."""
    return " ".join(f"{each:.1f}" for each in seconds)


def judge_edit(machine: Machine, seconds: float, beside: str) -> None:
    """Note an edit that took too long."""
    if seconds > BUDGET_SECONDS:
        machine.faults.append(
            f"an edit beside {beside} took {seconds:.1f} s (budget {BUDGET_SECONDS} s)"
        )


def measure_cell(machine: Machine, parts: set[str]) -> None:
    """Deploy the cell and print what is asked of it."""
    cell = machine.new_cell("shards")
    tenants = [f"tenant-{number:04}" for number in range(machine.tenants)]
    shards = [f"{number + 1:03}" for number in range(machine.shards)]
    files = {shard: tenants[number :: machine.shards] for number, shard in enumerate(shards)}
    for shard, ids in files.items():
        cell.write(shard, *ids)
    base = deploy(cell.base)
    say(f"the base took {base.seconds:.1f} s; making {len(shards)} empty stacks")
    for shard in shards:
        cell.member(shard)
    cold = machine.passed(
        f"{len(shards)} shards from empty, {machine.at_once} at once", cell, shards
    )
    print(
        f"\n{machine.tenants:,} tenants in {machine.shards} shards of {machine.a_shard} or fewer "
        f"(seconds; requests of engines, and of all)\n{PASS_COLUMNS}\n{cold}",
        flush=True,
    )
    noop = edit = None
    if "noop" in parts:
        noop = machine.passed(
            f"{len(shards)} shards, nothing to change, {machine.at_once} at once", cell, shards
        )
        print(noop, flush=True)
    if "edit" in parts:
        edit = one_more_each(machine, cell, files)
        print(edit, flush=True)
        judge_edit(machine, median(up.seconds for up in edit.ups), f"{machine.tenants:,} tenants")
    print_slope(cold, machine)
    print_memory([up for each in (cold, noop, edit) if each for up in each.ups])
    print_idle(machine)
    if "due" in parts:
        print_commands(cell)
    if "kill" in parts:
        kill_one(machine, cell)
    if "move" in parts:
        machine.faults += cell_moves.measure(cell, files)
    if "kubectl" in parts:
        print_kubectl(machine, cell, cold)
    print_large(machine, cold, noop, edit)


def one_more_each(machine: Machine, cell: Cell, files: dict[str, list[str]]) -> Pass:
    """Add a tenant to the first shard, to one in the middle, and to the last."""
    names = list(files)
    chosen = [names[0], names[len(names) // 2], names[-1]]
    for shard in chosen:
        files[shard].append(f"added-{shard}")
        cell.write(shard, *files[shard])
    return machine.passed("1 shard, one more tenant (3 times)", cell, chosen, at_once=1)


def print_slope(cold: Pass, machine: Machine) -> None:
    """Say how a shard's first `up` depends on how many tenants are there already."""
    seconds = [up.seconds for up in cold.ups]
    beside = [number * machine.tenants / machine.shards for number in range(len(seconds))]
    slope = linear_regression(beside, seconds).slope * 1000 * 100
    few = min(5, len(seconds) // 2)
    print(
        f"\nslope: the first {few} shards took {median(seconds[:few]):.1f} s, the last {few} "
        f"{median(seconds[-few:]):.1f} s (medians); fitted, {slope:+.0f} ms for each 100 tenants "
        "that are there already"
    )


def print_memory(ups: Sequence[Up]) -> None:
    """Say how much memory one engine needs, with all that it starts."""
    largest = max(ups, key=lambda up: sum(up.peak.values())).peak
    parts = ", ".join(f"{part} {mib:.0f}" for part, mib in sorted(largest.items()))
    print(f"memory of one shard's up: at most {sum(largest.values()):.0f} MiB resident ({parts})")


def print_idle(machine: Machine) -> None:
    """Say what the API server answers while no engine runs."""
    before = Requests.so_far(machine.cluster)
    seconds = timed(lambda: time.sleep(IDLE_SECONDS))
    idle = Requests.so_far(machine.cluster) - before
    assert idle.engine == 0, "an engine still runs"
    print(
        f"requests while no engine runs: {idle.all / seconds:.1f} a second, of controllers and "
        "simulated nodes",
        flush=True,
    )


def print_commands(cell: Cell) -> None:
    """Say how long the commands take that look over the whole cell."""
    print(f"\n{'command (seconds, median of 3)':<42} {'median':>7}  exit")
    for command in ("due", f"--context={CONTEXT}"), ("check",), ("check", "--files-only"):
        words = " ".join(("shards", *command)).partition(" --context")[0]
        if cell.any.operations("shards", command[0], "--help")[0] != 0:
            print(f"{words:<42} not measured: this version has no `tenant-nats shards`")
            continue
        seconds: list[float] = []
        code, said = 0, ""
        for _ in range(REPEATS):
            began = time.monotonic()
            code, said = cell.any.operations("shards", *command, "--cell", CELL)
            seconds.append(time.monotonic() - began)
        why = (said.strip().splitlines() or [""])[0] if code else ""
        print(f"{words:<42} {median(seconds):>7.1f}  {code} {why}".rstrip(), flush=True)


def kill_one(machine: Machine, cell: Cell) -> None:
    """Deploy three more shards, kill the engine of one, and print what is left and repaired."""
    names = [f"{machine.shards + number:03}" for number in (1, 2, 3)]
    for shard in names:
        cell.write(shard, *(f"late-{shard}-{number}" for number in range(machine.a_shard)))
    members = [cell.member(shard) for shard in names]
    killed, written = members[1], members[1].written()
    share = random.uniform(0.1, 0.8)  # noqa: S311
    # Five of each tenant, the reading of the closing policy, the mark, and what has begun.
    most = 5 * machine.a_shard + 3
    every = ("base", *(f"{number + 1:03}" for number in range(machine.shards + 3)))
    engines = [member.begin_up(*OPTIONS) for member in members]
    while killed.written() == written or len(killed.recorded()) < share * most:
        assert not ended(engines[1], 0.05), killed.said()
    engines[1].kill()
    engines[1].wait()
    recorded = len(killed.recorded())
    for member, running in zip(members, engines, strict=True):
        if member is not killed:
            assert running.wait() == 0, member.said()
    print(
        f"\nkill -9 of the engine of {killed.stack} when it had recorded {recorded} of {most}; "
        f"{members[0].stack} and {members[2].stack} finished\n"
        f"{'':<24} {'in states':>9} {'orphans':>8} {'missing':>8} {'in two':>7} {'pending':>8} "
        f"{'active rows':>12}"
    )
    print_comparison("after the kill", cell, compare(cell, every))
    began = time.monotonic()
    code, said = killed.recover()
    recovered = time.monotonic() - began
    assert code == 0, said
    again = deploy(killed).seconds
    after = compare(cell, every)
    print_comparison("after recover and up", cell, after)
    changes = len(killed.up().changes)
    print(
        f"recover took {recovered:.1f} s, the up {again:.1f} s; one more up made {changes} changes"
    )
    if changes or not after.is_clean:
        machine.faults.append(f"after a kill, recover and up: {changes} changes, {after}")


def print_comparison(what: str, cell: Cell, found: Comparison) -> None:
    """Print a line of the counts."""
    active = sum(status == "active" for _, _, status in cell.any.rows())
    print(
        f"{what:<24} {found.recorded:>9,} {len(found.orphans):>8} {len(found.missing):>8} "
        f"{len(found.shared):>7} {len(found.pending):>8} {active:>12,}",
        flush=True,
    )


def print_kubectl(machine: Machine, cell: Cell, cold: Pass) -> None:
    """Apply what the cell has to another namespace, and print how long it takes."""
    namespace = f"{cell.namespace}-kubectl"
    say("kubectl: applying the same objects to another namespace")
    manifest = machine.folder / "kubectl.json"
    before = Requests.so_far(machine.cluster)
    applied = applied_by_kubectl(cell.any, namespace, manifest)
    requests = Requests.so_far(machine.cluster) - before
    ready = timed(lambda: neighbours.wait_until_ready(machine.cluster, namespace))
    objects = len(json.loads(manifest.read_text())["items"])
    print(
        f"\nkubectl apply --server-side of the same {objects:,} objects: {applied:.1f} s with "
        f"{requests.engine:,} requests, and {ready:.1f} s more until all servers are ready\n"
        f"(the cell from empty: {cold.seconds:.1f} s with {cold.requests.engine:,} requests; "
        "kubectl writes no row, keeps no order and removes nothing)",
        flush=True,
    )


def print_large(machine: Machine, cold: Pass, noop: Pass | None, edit: Pass | None) -> None:
    """Print what 10,000 tenants would take with so many workers."""
    shards = ceil(LARGE / machine.a_shard)
    here = f"{machine.tenants:,}, P = {machine.at_once}"
    print(f"\n{LARGE:,} tenants in {shards:,} shards, P shards at a time")
    print(f"{'':<30} {here:>22}" + "".join(f" {f'P = {each}':>22}" for each in WORKERS))

    def line(what: str, first: str, computed: Callable[[int], str]) -> None:
        others = "".join(f" {computed(each) + ' [computed]':>22}" for each in WORKERS)
        print(f"{what:<30} {first:>22}{others}")

    for what, each in ("all shards from empty", cold), ("all shards, no change", noop):
        if each:
            line(
                what,
                f"{duration(each.seconds)} [measured]",
                lambda workers, each=each: duration(ceil(shards / workers) * each.mean),
            )
    if edit:
        one = duration(median(up.seconds for up in edit.ups))
        line("one tenant more", f"{one} [measured]", lambda _: one)
    peak = max(sum(up.peak.values()) for up in cold.ups) / 1024
    line(
        "memory of the workers",
        f"{machine.at_once * peak:.1f} GiB [computed]",
        lambda workers: f"{workers * peak:.1f} GiB",
    )
    of_a_shard = cold.requests.engine / len(cold.ups)
    line(
        "engines' requests, from empty",
        f"{cold.requests.engine / cold.seconds:.0f}/s [measured]",
        lambda workers: f"{workers * of_a_shard / cold.mean:.0f}/s",
    )
    cores = (os.cpu_count() or 1) / machine.at_once
    print(
        "computed: all shards = their number divided by P, rounded up, times the mean seconds of "
        f"one\nwhile {machine.at_once} ran at once; one tenant = the measured seconds, since it is "
        "one shard, whatever P is;\nmemory = P times that of the largest shard; requests = P times "
        "those of a shard, divided by its\nseconds. This holds where each worker has "
        f"{cores:g} core(s) like these, and API servers and databases\nbear P workers: {LARGE:,} "
        "tenants are about eight cells on two clusters.",
        flush=True,
    )


def duration(seconds: float) -> str:
    """Seconds, or minutes where they are many."""
    return f"{seconds / 60:,.0f} min" if seconds >= 600 else f"{seconds:.1f} s"


if __name__ == "__main__":
    main()
