# pyright: basic, reportMissingImports=false
# matplotlib is in a group of its own, since nothing but this needs it.
"""The simulated week as a picture: how many servers there were, and one busy tenant's."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.simulation import DAY, INTERVAL, STEP, Outcome

_INK, _LINE, _LIMIT = "#1f2937", "#2563eb", "#dc2626"


def draw(outcome: Outcome, file: Path) -> None:
    """Write the SVG; the same outcome gives the same bytes."""
    mpl.rcParams.update({"svg.hashsalt": "tenant-nats", "svg.fonttype": "none", "font.size": 9})
    every = INTERVAL // STEP
    history = {tenant: points[::every] for tenant, points in outcome.history.items()}
    days = [minute / DAY for minute, _, _ in next(iter(history.values()))]
    figure = Figure(figsize=(9, 6.4), layout="constrained", facecolor="white")
    load, servers, everyone = figure.subplots(3, sharex=True, height_ratios=(3, 1.4, 2))
    tenant = _example(outcome)
    load.plot(days, [100 * share for _, share, _ in history[tenant]], color=_LINE, linewidth=0.9)
    load.axhline(100, color=_LIMIT, linewidth=1, linestyle="--")
    load.text(
        1,
        102,
        "it grows above this ",
        color=_LIMIT,
        va="bottom",
        ha="right",
        transform=load.get_yaxis_transform(),
    )
    load.set_ylabel("% of a limit")
    load.set_ylim(bottom=0)
    load.set_title(f"{tenant}: its busiest server", loc="left", color=_INK)
    servers.step(days, [count for _, _, count in history[tenant]], color=_INK, where="post")
    servers.set_ylabel("servers")
    servers.set_ylim(bottom=0)
    servers.set_title(f"{tenant}: how many servers it has", loc="left", color=_INK)
    totals = [
        sum(count for _, _, count in points) for points in zip(*history.values(), strict=True)
    ]
    everyone.step(days, totals, color=_INK, where="post")
    everyone.set_ylabel("servers")
    everyone.set_ylim(bottom=0)
    everyone.set_xlabel("day")
    everyone.set_title(f"all {len(history)} tenants", loc="left", color=_INK)
    for axes in (load, servers, everyone):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    figure.savefig(file, metadata={"Date": None, "Title": "A simulated week of the autoscaler"})


def _example(outcome: Outcome) -> str:
    """The tenant that changed most often, both ways."""
    counts: dict[str, int] = {}
    for change in outcome.changes:
        counts[change.tenant] = counts.get(change.tenant, 0) + 1
    both = outcome.turns()
    return max(both or counts, key=lambda tenant: (counts[tenant], tenant))
