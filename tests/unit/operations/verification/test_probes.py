"""The Jobs that `verify` runs inside a cluster, and what their ends mean."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations.verification.probes import Probe, job, problem_of


def probe(*, is_admitted: bool) -> Probe:
    return Probe(name="verify-x", host="nats-a-1.here", tenant="a", is_admitted=is_admitted)


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    [found] = manifest["spec"]["template"]["spec"]["containers"]
    return found


def test_a_probe_wears_its_tenants_label_and_not_that_of_a_server() -> None:
    labels = job(probe(is_admitted=True), image="nats")["spec"]["template"]["metadata"]["labels"]
    assert labels["tenant-id"] == "a"
    assert "app" not in labels, "the servers' own policies would close it"


def test_a_probe_ends_by_itself_is_not_repeated_and_does_not_stay() -> None:
    spec = job(probe(is_admitted=True), image="nats")["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 60)
    assert spec["ttlSecondsAfterFinished"] == 300


def test_a_stranger_first_shows_that_it_has_a_network_at_all() -> None:
    [_, _, script] = container(job(probe(is_admitted=False), image="nats"))["command"]
    assert script.startswith("nslookup $HOST >/dev/null && ! {")


def test_the_address_is_no_part_of_the_script() -> None:
    made = container(job(probe(is_admitted=True), image="nats"))
    assert made["env"] == [{"name": "HOST", "value": "nats-a-1.here"}]
    assert "nats-a-1" not in made["command"][-1]


def test_a_probe_has_the_service_account_that_an_admission_policy_asks_for() -> None:
    made = job(probe(is_admitted=True), image="nats", service_account="worker")
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == "worker"


@pytest.mark.parametrize(
    ("refusals", "code"), [(0, 0), (3, 0), (4, 1)], ids=["at once", "at last", "never"]
)
def test_a_probe_that_has_to_be_admitted_tries_for_some_seconds(
    tmp_path: Path, refusals: int, code: int
) -> None:
    tries = tmp_path / "tries"
    programs = {
        "nc": f'echo x >>{tries}; [ "$(wc -l <{tries})" -le {refusals} ] || echo "INFO {{}}"',
        "sleep": "",
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    command = container(job(probe(is_admitted=True), image="nats"))["command"]
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert subprocess.run(command, env={"PATH": path, "HOST": "h"}).returncode == code


@pytest.mark.parametrize(
    ("conditions", "has_run"),
    [
        ([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}], True),
        ([{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}], False),
        ([{"type": "Complete", "status": "False"}], False),
        ([], False),
    ],
    ids=["its pod failed", "its pod never ran", "not complete", "nothing yet"],
)
def test_a_probe_whose_pod_did_not_run_says_nothing_of_the_server(
    conditions: list[dict[str, str]], has_run: bool
) -> None:
    problem = problem_of({"status": {"conditions": conditions}})
    assert problem
    assert problem.has_run == has_run


def test_a_job_that_is_complete_has_no_problem() -> None:
    assert problem_of({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}) is None
