"""A real Prometheus on loopback."""

import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from sandbox.toolchain import PROMETHEUS, ensure
from tenancy.scaling.usage import Instance
from tests.nats.server import free_port
from tests.waiting import wait_until

Sample = tuple[dict[str, str], float]
"""The labels of a series, and its value."""


def instances_of(answer: list[Sample]) -> list[Instance]:
    """The servers that the series of an answer are of, one for each series, in order."""
    return sorted((labels["tenant_id"], int(labels["instance_num"])) for labels, _ in answer)


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def query(self, query: str) -> list[Sample]:
        """What it answers now."""
        result = self.get("query", query=query)["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def values(self, label: str, match: str) -> list[str]:
        """The values that a label has in the series that match."""
        return self.get(f"label/{label}/values", **{"match[]": match})

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10)
        assert answer.ok, answer.text
        return answer.json()["data"]


@contextmanager
def running(folder: Path, config: Mapping[str, Any]) -> Generator[Prometheus]:
    """Run it until the end of the block, with the blocks that are in `folder`/data already."""
    (folder / "prometheus.json").write_text(json.dumps(config))
    url = f"http://127.0.0.1:{(port := free_port())}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [ensure(PROMETHEUS) / "prometheus", "--config.file=prometheus.json",
             "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"],
            cwd=folder, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or _is_ready(url))
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=2).ok
    except requests.RequestException:
        return False
