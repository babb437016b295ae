"""The Jobs by which `verify` asks from inside a cluster, and what is read from their ends."""

from typing import Any

import pytest

from operations.probes import Probe, job, problem_of


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
    ("conditions", "problem"),
    [
        ([{"type": "Complete", "status": "True"}], ""),
        ([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}], "it failed"),
        (
            [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}],
            "its pod did not run to its end",
        ),
        ([{"type": "Complete", "status": "False"}], "it did not end"),
        ([], "it did not end"),
    ],
)
def test_how_a_job_ended_is_read_from_its_conditions(
    conditions: list[dict[str, str]], problem: str
) -> None:
    assert problem_of({"status": {"conditions": conditions}}) == problem
