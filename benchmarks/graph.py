"""What the program itself costs: `python -m benchmarks.graph`.

Builds all resources for 10, 100 and 1,000 tenants with one server each, without an engine: nothing
is sent, stored or deployed. What remains is the time and the memory of our components and of the
Pulumi SDK: the part of every preview and `up` that waits for nothing else.

How to read it:
- `ms each` is the processor's time for one resource. It should be 10 or less, and the same in every
  line: then the cost grows with the inventory and not with its square. It rises a little because
  Python's garbage collector has more to look through. The smallest size is not compared, since a
  first use of the SDK weighs too much in it.
- `seconds` is wall-clock time, `cpu s` processor time. If the first is much larger, other processes
  were busy; the verdict uses the second.
- `peak MiB` is the process's largest resident memory, `imports` the same before the first resource:
  at the smaller sizes, all memory is the code of pulumi-kubernetes.
- The recorder of the component tests stands in for the engine; its few percent are included.

Every size runs in a process of its own.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tenancy.defaults import NAMESPACE

SIZES = (10, 100, 1_000)
MOST_MS = 10.0
"""For one resource."""
MOST_GROWTH = 1.5
"""By how much the time for one resource may rise while there are ten times as many."""

_WIDTH = 11
_TO_MIB = 2**20 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One size, in one process."""

    tenants: int
    resources: int
    seconds: float
    cpu_seconds: float
    imports_mib: float
    peak_mib: float

    @property
    def ms_each(self) -> float:
        """Milliseconds of processor time for one resource."""
        return self.cpu_seconds * 1000 / self.resources


def main() -> None:
    """Print the table and the verdict, which is the exit code too."""
    columns = ("tenants", "resources", "seconds", "cpu s", "ms each", "imports", "peak MiB")
    print("".join(f"{column:>{_WIDTH}}" for column in columns))
    measurements: list[Measurement] = []
    for tenants in SIZES:
        one = _in_a_fresh_process(tenants)
        measurements.append(one)
        cells = (
            f"{one.tenants:,}",
            f"{one.resources:,}",
            f"{one.seconds:.2f}",
            f"{one.cpu_seconds:.2f}",
            f"{one.ms_each:.2f}",
            f"{one.imports_mib:.0f}",
            f"{one.peak_mib:.0f}",
        )
        print("".join(f"{cell:>{_WIDTH}}" for cell in cells), flush=True)
    kept, words = verdict(measurements)
    print(words)
    sys.exit(0 if kept else 1)


def verdict(measurements: list[Measurement]) -> tuple[bool, str]:
    """Whether one resource is cheap, and stays so as their number grows; and the same in words."""
    slowest = max(one.ms_each for one in measurements)
    growth = measurements[-1].ms_each / measurements[-2].ms_each
    kept = slowest <= MOST_MS and growth <= MOST_GROWTH
    return kept, (
        f"{'ok' if kept else 'NOT OK'}: at most {slowest:.1f} ms a resource (limit {MOST_MS:.0f}); "
        f"from {measurements[-2].tenants:,} to {measurements[-1].tenants:,} tenants the time "
        f"for one resource becomes {growth:.2f} times what it was (linear: up to {MOST_GROWTH})"
    )


def _in_a_fresh_process(tenants: int) -> Measurement:
    # The parent imports no Pulumi: Linux counts what a process had before exec as its peak, too.
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.graph", str(tenants)],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Measurement(**json.loads(answer.stdout))


def measure(tenants: int) -> Measurement:
    """Build the graph of that many tenants in this process."""
    from rendering.recorder import deploy
    from settings.stack import Settings
    from tenancy.inventory.models import Inventory, Tenant
    from tenancy.plan.plan import expand
    from tenant_nats.construction import build
    from tenant_nats.decision import Decision

    inventory = Inventory(tenants={f"tenant-{number}": Tenant() for number in range(tenants)})
    plan = expand(inventory, namespace=NAMESPACE)
    imports_mib = _peak_mib()
    start, cpu_start = time.perf_counter(), time.process_time()
    graph = deploy(lambda: build(Settings(), Decision(plan=plan)))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Measurement(
        tenants=tenants,
        resources=len(graph.resources),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        imports_mib=imports_mib,
        peak_mib=_peak_mib(),
    )


def _peak_mib() -> float:
    """The largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _TO_MIB


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(asdict(measure(int(sys.argv[1])))))
    else:
        main()
