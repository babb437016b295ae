"""How the autoscaler's rules hold up for a week: `python -m benchmarks.autoscaling`.

Simulates 200 tenants under the real decision function (`benchmarks.simulation` says what is made
up). How to read it:
- `turns` is the most times that a tenant changed its direction within 24 hours: from growing to
  shrinking or back. One is allowed.
- `longest over` is the longest time, in minutes, that a tenant had a server above a limit. One
  interval and a rollout are allowed: the autoscaler has to see it, and its decision be deployed.
- `in time` is the share of new integrations that had a server within one interval. 99.9% have to.
- The verdict is about the first line. In the other lines, bursts are larger than the room that a
  server has after growth, to see what fails first.

`--chart FILE` draws the first line's week as SVG (`make charts`), and needs the group `charts`.
"""

import sys
from pathlib import Path

from benchmarks.simulation import INTERVAL, LONGEST_ROLLOUT, Outcome, World, simulate

BURSTS = (1.6, 2.0, 3.0)
MOST_TURNS = 1
LONGEST_OVER = INTERVAL + LONGEST_ROLLOUT
IN_TIME = 0.999

_WIDTH = 14


def main() -> None:
    """Print the table and the verdict, or draw the chart."""
    if sys.argv[1:2] == ["--chart"]:
        from benchmarks.chart import draw

        draw(simulate(World()), Path(sys.argv[2]))
        return
    columns = ("bursts up to", "grown", "shrunk", "turns", "longest over", "arrived", "in time")
    print("".join(f"{column:>{_WIDTH}}" for column in columns))
    outcomes: list[Outcome] = []
    for burst in BURSTS:
        outcomes.append(simulate(World(highest_burst=burst)))
        print(f"{f'{burst}x':>{_WIDTH}}{line(outcomes[-1])}", flush=True)
    faults = broken(outcomes[0])
    print(f"NOT OK: {'; '.join(faults)}" if faults else "ok: all three rules are kept")


def line(outcome: Outcome) -> str:
    """The figures of one simulation."""
    grown = sum(change.after > change.before for change in outcome.changes)
    cells = (
        str(grown),
        str(len(outcome.changes) - grown),
        str(most_turns(outcome)),
        f"{longest_over(outcome)} min",
        f"{len(outcome.waits):,}",
        f"{outcome.placed_in_time():.2%}",
    )
    return "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def most_turns(outcome: Outcome) -> int:
    """The most times that a tenant changed its direction within 24 hours."""
    return max(outcome.turns().values(), default=0)


def longest_over(outcome: Outcome) -> int:
    """The longest time, in minutes, that a tenant had a server above a limit."""
    return max(outcome.overloads, default=0)


def broken(outcome: Outcome) -> list[str]:
    """Which of the three rules did not hold."""
    faults: list[str] = []
    if (turns := most_turns(outcome)) > MOST_TURNS:
        faults.append(f"a tenant turned {turns} times within a day")
    if (over := longest_over(outcome)) > LONGEST_OVER:
        faults.append(f"a tenant was over a limit for {over} minutes, not {LONGEST_OVER}")
    if (share := outcome.placed_in_time()) < IN_TIME:
        faults.append(f"{share:.2%} of the integrations were placed in time, not {IN_TIME:.1%}")
    return faults


if __name__ == "__main__":
    main()
