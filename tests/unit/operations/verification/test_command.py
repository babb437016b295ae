"""What `verify` reports when kubectl is refused, and when its Jobs show nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.kubectl import ClusterError, Kubectl
from operations.__main__ import app
from operations.verification import probes
from tests.unit.operations.verification.cluster import SIMULATED, Cluster

FORBIDDEN = "Error from server (Forbidden): it is forbidden"
UNREACHABLE = "The connection to the server was refused"

Told = tuple[int, list[tuple[str, str, str]]]
"""The exit code, and the instance, the check and the outcome of each finding."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    made.stand_in(monkeypatch)
    return made


@pytest.fixture
def verify(tmp_path: Path) -> Callable[[], Told]:
    """Runs the command over two tenants of one server each."""
    file = tmp_path / "tenants.yaml"
    file.write_text("tenants:\n  acme: {}\n  globex: {}\n")

    def run() -> Told:
        result = CliRunner().invoke(app, ["verify", "--inventory", str(file), "--json"])
        findings = json.loads(result.stdout or "[]")
        told = [(each["instance"], each["check"], each["outcome"]) for each in findings]
        return result.exit_code, told

    return run


def of_jobs(found: list[tuple[str, str, str]]) -> set[str]:
    """The outcomes of the checks by Jobs."""
    return {outcome for _, check, outcome in found if "tenant" in check}


def test_a_job_whose_pod_never_ran_shows_nothing(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.condition = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
    assert of_jobs(verify()[1]) == {"not shown"}


def test_a_job_whose_pod_saw_the_contrary_is_bad(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    assert of_jobs(verify()[1]) == {"bad"}


@pytest.mark.parametrize("question", ["create", "jobs"])
def test_what_kubectl_may_not_read_is_reported_for_each_tenant_beside_the_findings(
    cluster: Cluster, verify: Callable[[], Told], question: str
) -> None:
    cluster.refused[question] = cluster.forward = FORBIDDEN
    assert verify() == (
        1,
        [
            ("nats-acme-1", "pod", "good"),
            ("acme", "kubectl", "not shown"),
            ("acme", "kubectl", "not shown"),
            ("nats-globex-1", "pod", "good"),
            ("globex", "kubectl", "not shown"),
            ("globex", "kubectl", "not shown"),
        ],
    )


def test_a_refusal_for_one_tenant_does_not_stop_the_next(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.refused["tenant-id=acme"] = FORBIDDEN
    _, found = verify()
    assert ("acme", "kubectl", "not shown") in found
    assert ("nats-globex-1", "pod", "good") in found


def test_a_bad_finding_outweighs_what_could_not_be_read(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.refused["create"] = FORBIDDEN
    code, found = verify()
    assert ("nats-acme-1", "port-forward", "bad") in found, "not a right is missing"
    assert code == 5


def test_somebody_who_may_not_list_nodes_is_taken_to_have_real_ones(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.nodes = FORBIDDEN
    assert of_jobs(verify()[1]) == {"good"}


def test_a_cluster_that_cannot_be_reached_ends_it_at_once(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.nodes = UNREACHABLE
    assert verify() == (1, [])


def test_on_simulated_nodes_no_job_is_asked(cluster: Cluster, verify: Callable[[], Told]) -> None:
    cluster.nodes = [SIMULATED]
    cluster.refused["create"] = "asked"
    found = verify()[1]
    assert of_jobs(found) == set()
    assert found[-1] == ("every instance", "isolation", "not shown")


def test_a_refusal_to_remove_jobs_does_not_hide_what_they_saw(
    cluster: Cluster, verify: Callable[[], Told]
) -> None:
    cluster.refused["delete"] = FORBIDDEN
    assert of_jobs(verify()[1]) == {"good"}


def test_the_first_refusal_is_reported_and_not_one_while_clearing_up() -> None:
    class Refusing(Kubectl):
        def run(self, *arguments: str, stdin: str = "") -> str:
            del stdin
            raise ClusterError(arguments[0])

    with pytest.raises(ClusterError, match=r"^create$"):
        probes.run(Refusing(), "here", [{"metadata": {"name": "a"}}])
