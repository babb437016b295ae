"""`make help`: one short line for each target."""

import subprocess

from sandbox.layout import PROJECT


def test_each_target_has_one_line_of_at_most_100_columns() -> None:
    answer = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = answer.stdout.splitlines()
    assert "  make help       show this list" in lines
    assert [line for line in lines if len(line) > 100 or not line.startswith("  make ")] == []
