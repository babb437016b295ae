"""The files in deploy/monitoring are what the package makes, and Prometheus takes them."""

import subprocess
from pathlib import Path

import pytest

from monitoring.__main__ import FOLDER, content
from monitoring.output import files
from sandbox.toolchain import PROMETHEUS, ensure


def test_the_files_are_as_the_package_makes_them() -> None:
    there = {file.name: file.read_text() for file in FOLDER.iterdir()}
    assert there == content(), "`make monitoring` writes them again"


@pytest.mark.parametrize(
    "question", [("check", "rules", "rules.yaml"), ("check", "config", "x.yaml")]
)
def test_prometheus_takes_them(tmp_path: Path, question: tuple[str, ...]) -> None:
    made = files()
    (tmp_path / "rules.yaml").write_text(made["rules.yaml"])
    (tmp_path / "x.yaml").write_text(f"rule_files: [rules.yaml]\n{made['scrape.yaml']}")
    ran = subprocess.run(
        [ensure(PROMETHEUS) / "promtool", *question], cwd=tmp_path, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
