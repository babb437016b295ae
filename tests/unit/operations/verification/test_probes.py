"""The Jobs that `verify` runs inside a cluster, and what their ends mean."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.kubectl import Kubectl
from operations.verification import probes
from operations.verification.probes import Pods, Probe, job, problem_of

MISSING = "missing"
"""Instead of a program's script."""
Run = Callable[..., int]


def probe(*, is_admitted: bool) -> Probe:
    return Probe(name="verify-x", host="nats-a-1.here", tenant="a", is_admitted=is_admitted)


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    [found] = manifest["spec"]["template"]["spec"]["containers"]
    return found


def test_a_probe_wears_its_tenants_label_and_not_that_of_a_server() -> None:
    labels = job(probe(is_admitted=True), image="nats")["spec"]["template"]["metadata"]["labels"]
    assert labels["tenant-id"] == "a"
    assert "app" not in labels, "the servers' own policies would close it"


def test_no_mesh_puts_a_sidecar_into_a_probe() -> None:
    """One would run on after the probe has ended, and the Job with it."""
    metadata = job(probe(is_admitted=True), image="nats")["spec"]["template"]["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"] == {
        "sidecar.istio.io/inject": "false",
        "linkerd.io/inject": "disabled",
    }


def test_a_probe_runs_as_the_servers_do_where_a_stack_says_so() -> None:
    taint = {"key": "dedicated", "operator": "Exists"}
    pods = Pods(
        run_as_user=None,
        labels={"team": "platform", "tenant-id": "other"},
        node_selector={"pool": "nats"},
        tolerations=[taint],
        image_pull_secrets=["registry"],
    )
    template = job(probe(is_admitted=True), image="nats", pods=pods)["spec"]["template"]
    plain = job(probe(is_admitted=True), image="nats")["spec"]["template"]
    assert template["metadata"]["labels"] == {**plain["metadata"]["labels"], "team": "platform"}
    assert template["spec"] == {
        **plain["spec"],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"pool": "nats"},
        "tolerations": [taint],
        "imagePullSecrets": [{"name": "registry"}],
    }


def test_a_probe_ends_by_itself_is_not_repeated_and_does_not_stay() -> None:
    spec = job(probe(is_admitted=True), image="nats")["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 60)
    assert spec["ttlSecondsAfterFinished"] == 300
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 1, "sh ignores SIGTERM"


def test_a_stranger_first_shows_that_it_has_a_network_at_all() -> None:
    [_, _, script] = container(job(probe(is_admitted=False), image="nats"))["command"]
    assert "timeout 20 nslookup $HOST >/dev/null && ! {" in script


def test_the_address_is_no_part_of_the_script() -> None:
    made = container(job(probe(is_admitted=True), image="nats"))
    assert made["env"] == [{"name": "HOST", "value": "nats-a-1.here"}]
    assert "nats-a-1" not in made["command"][-1]


def test_a_probe_has_the_service_account_that_an_admission_policy_asks_for() -> None:
    made = job(probe(is_admitted=True), image="nats", service_account="worker")
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == "worker"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a probe's script with these programs instead of the image's; `timeout` is real."""

    def run(*, is_admitted: bool, **programs: str) -> int:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("sh", "grep", "timeout", "sleep", "wc"):
            if found := shutil.which(name):
                (folder / name).symlink_to(found)
        for name, script in {"nslookup": "", **programs}.items():
            (folder / name).unlink(missing_ok=True)
            if script is not MISSING:
                (folder / name).write_text(f"#!/bin/sh\n{script}\n")
                (folder / name).chmod(0o755)
        command = container(job(probe(is_admitted=is_admitted), image="nats"))["command"]
        return subprocess.run(command, env={"PATH": str(folder), "HOST": "h"}).returncode

    return run


@pytest.mark.parametrize(
    ("refusals", "code"), [(0, 0), (3, 0), (4, 1)], ids=["at once", "at last", "never"]
)
def test_a_probe_that_has_to_be_admitted_tries_for_some_seconds(
    tmp_path: Path, run: Run, refusals: int, code: int
) -> None:
    tries = tmp_path / "tries"
    nc = f'echo x >>{tries}; [ "$(wc -l <{tries})" -le {refusals} ] || echo "INFO {{}}"'
    assert run(is_admitted=True, nc=nc, sleep="") == code


HANGING = 'echo "INFO {}"; exec 1>&- /bin/sleep 20'
"""As busybox's nc was seen to: it has got the answer, grep has ended, and it blocks in a read."""


@pytest.mark.parametrize(("is_admitted", "code"), [(True, 0), (False, 1)])
def test_a_probe_ends_though_its_nc_does_not(run: Run, is_admitted: bool, code: int) -> None:
    real = shutil.which("timeout")
    quick = f'[ "$1" = 8 ] && shift && exec {real} 1 "$@"; exec {real} "$@"'
    began = time.monotonic()
    assert run(is_admitted=is_admitted, nc=HANGING, timeout=quick, sleep="") == code
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("missing", ["nc", "grep", "timeout", "nslookup"])
def test_a_stranger_without_its_tools_is_not_taken_to_be_refused(run: Run, missing: str) -> None:
    assert run(is_admitted=False, sleep="", **{"nc": "", missing: MISSING}) != 0


def test_a_stranger_that_gets_no_greeting_is_refused(run: Run) -> None:
    assert run(is_admitted=False, nc="", sleep="") == 0


def test_a_stranger_that_finds_no_address_shows_nothing(run: Run) -> None:
    assert run(is_admitted=False, nc="", sleep="", nslookup="exit 1") != 0


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


@pytest.mark.parametrize("condition", ["Complete", "SuccessCriteriaMet"])
def test_a_job_that_is_complete_or_about_to_be_has_no_problem(condition: str) -> None:
    assert problem_of({"status": {"conditions": [{"type": condition, "status": "True"}]}}) is None


@pytest.mark.parametrize("condition", ["Failed", "FailureTarget"])
@pytest.mark.parametrize(
    ("has_started", "words"),
    [
        (True, "the pod of the Job ran, but did not end within the Job's 60 s"),
        (False, "no pod of the Job ran to its end: the image, a quota"),
    ],
)
def test_a_job_past_its_limit_is_reported_by_whether_its_pod_ran(
    condition: str, has_started: bool, words: str
) -> None:
    ended = {"type": condition, "status": "True", "reason": "DeadlineExceeded"}
    problem = problem_of({"status": {"conditions": [ended]}}, has_started=has_started)
    assert problem
    assert problem.words.startswith(words)
    assert not problem.has_run


def test_a_pod_that_was_seen_to_run_is_remembered_when_its_job_is_cut_off() -> None:
    late = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}
    states = [
        {"ready": 1},
        # As a cluster says it once the pod is deleted.
        {"ready": 0, "failed": 1, "conditions": [late]},
    ]

    class Ending(Kubectl):
        def get(self, *question: str) -> list[dict[str, Any]]:
            del question
            return [{"metadata": {"name": "a"}, "status": states.pop(0)}]

        def run(self, *arguments: str, stdin: str = "") -> str:
            del arguments, stdin
            return ""

    problems = probes.run(Ending(), "here", [{"metadata": {"name": "a"}}])
    assert problems["a"].words.startswith("the pod of the Job ran")
