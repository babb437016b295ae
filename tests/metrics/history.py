"""A day that Prometheus has seen: blocks of samples from before it started."""

import subprocess
import time
from collections.abc import Callable, Mapping
from math import isnan
from pathlib import Path

from sandbox.toolchain import PROMETHEUS, ensure

Values = Callable[[float], float]
"""A metric's value, by the seconds before now."""

_DAY_SECONDS = 25 * 3600
_STEP_SECONDS = 60


def write_history(
    folder: Path, metrics: Mapping[str, Mapping[str, Values]], *, end: int = 0
) -> None:
    """Make blocks in `folder`/data.

    Args:
        folder: where Prometheus will run.
        metrics: a metric's name → the labels of a series, `{job="…"}` → its values; NaN for none.
        end: how many seconds ago it ends.
    """
    promtool = ensure(PROMETHEUS) / "promtool"  # first, as it may have to be built
    now = int(time.time())
    ago = range(_DAY_SECONDS, end, -_STEP_SECONDS)
    lines: list[str] = []
    for metric, series in metrics.items():
        lines.append(f"# TYPE {metric} gauge")
        for labels, values in series.items():
            samples = ((values(each), now - each) for each in ago)
            lines += [
                f"{metric}{labels} {value} {when}" for value, when in samples if not isnan(value)
            ]
    text = folder / "history.txt"
    text.write_text("\n".join([*lines, "# EOF\n"]))
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet",
         text, folder / "data"],
        check=True, capture_output=True,
    )  # fmt: skip
