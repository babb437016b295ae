"""What a run of tests did and where its time went, to be told at its end."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

import pytest


def by_folder(reports: Iterable[pytest.TestReport]) -> list[str]:
    """A table: of each folder of tests the seconds, its share and its longest test."""
    seconds: Counter[str] = Counter()
    by_test: Counter[tuple[str, str]] = Counter()
    for report in reports:
        test = report.nodeid
        folder = str(PurePosixPath(test.partition("::")[0]).parent)
        seconds[folder] += report.duration  # pyright: ignore[reportArgumentType]
        by_test[folder, test] += report.duration  # pyright: ignore[reportArgumentType]
    total = sum(seconds.values())
    lines = [f"{'seconds':>8} {'share':>6}  {'folder':<20} the longest"]
    for folder, spent in seconds.most_common():
        longest = max((part, test) for (where, test), part in by_test.items() if where == folder)
        name = longest[1].partition("::")[2]
        lines.append(f"{spent:>8.0f} {spent / total:>6.0%}  {folder:<20} {longest[0]:.0f} s {name}")
    lines.append(f"{total:>8.0f}         in all, of the processes together")
    return lines


def by_sweep(reports: Iterable[pytest.TestReport]) -> list[str]:
    """A table: of each test how many cases it had, how many failed, and the seconds."""
    cases: defaultdict[str, set[str]] = defaultdict(set)
    failed: defaultdict[str, set[str]] = defaultdict(set)
    seconds: Counter[str] = Counter()
    for report in reports:
        test = report.nodeid.partition("[")[0]
        cases[test].add(report.nodeid)
        seconds[test] += report.duration  # pyright: ignore[reportArgumentType]
        if report.failed:
            failed[test].add(report.nodeid)
    lines = [f"{'cases':>6} {'failed':>6} {'seconds':>8}  the sweep"]
    for test, spent in seconds.most_common():
        lines.append(f"{len(cases[test]):>6} {len(failed[test]):>6} {spent:>8.0f}  {test}")
    return lines
