"""What `verify` reports when kubectl is refused, and when its Jobs show nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.kubectl import ClusterError, Kubectl
from operations.__main__ import app
from operations.verification import probes
from tenancy.defaults import IMAGE
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
def verify(tmp_path: Path) -> Callable[..., Told]:
    """Runs the command over two tenants of one server each."""
    file = tmp_path / "tenants.yaml"
    file.write_text("tenants:\n  acme: {}\n  globex: {}\n")

    def run(*options: str) -> Told:
        asked = ["verify", "--inventory", str(file), "--json", *options]
        result = CliRunner().invoke(app, asked)
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


SETTINGS = """\
config:
  kubernetes:context: prod
  tenant-nats:image: registry.example.com/nats:2.15.1-alpine
  tenant-nats:runAsUser: none
  tenant-nats:databaseUrl: {secure: v1:abc}
  tenant-nats:pod:
    nodeSelector: {pool: nats}
    tolerations: [{key: dedicated, value: nats, effect: NoSchedule}]
    imagePullSecrets: [registry]
    labels: {team: platform}
    annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "false"}
    priorityClassName: servers
    serviceAccountName: nats
"""


@pytest.mark.parametrize("image", [None, "other:1"])
def test_the_jobs_run_where_and_as_the_stacks_servers_do(
    cluster: Cluster, verify: Callable[..., Told], tmp_path: Path, image: str | None
) -> None:
    settings = tmp_path / "Pulumi.prod.yaml"
    settings.write_text(SETTINGS)
    verify(f"--settings={settings}", *([f"--image={image}"] if image else []))
    pods = [each["spec"]["template"] for each in cluster.made]
    assert len(pods) == 4
    for pod in pods:
        assert pod["metadata"]["labels"]["team"] == "platform"
        spec = pod["spec"]
        found = image or "registry.example.com/nats:2.15.1-alpine"
        assert [each["image"] for each in spec["containers"]] == [found]
        assert "runAsUser" not in spec["securityContext"]
        assert spec["nodeSelector"] == {"pool": "nats"}
        assert spec["tolerations"] == [
            {"key": "dedicated", "value": "nats", "effect": "NoSchedule"}
        ]
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert {"serviceAccountName", "priorityClassName"}.isdisjoint(spec)
        assert not any("safe-to-evict" in key for key in pod["metadata"]["annotations"])


def test_without_settings_the_jobs_run_as_ever(
    cluster: Cluster, verify: Callable[..., Told]
) -> None:
    verify()
    [pod, *_] = [each["spec"]["template"] for each in cluster.made]
    assert pod["spec"]["containers"][0]["image"] == IMAGE
    assert pod["spec"]["securityContext"]["runAsUser"] == 1000
    assert {"nodeSelector", "tolerations", "imagePullSecrets"}.isdisjoint(pod["spec"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("config: {tenant-nats:runAsUser: root}", "runAsUser is root, expected the number of a"),
        ("config: [", "not valid YAML"),
        (None, "cannot be read (No such file or directory)."),
    ],
)
def test_settings_that_are_wrong_are_told_and_nothing_is_asked(
    cluster: Cluster, tmp_path: Path, content: str | None, words: str
) -> None:
    inventory, settings = tmp_path / "tenants.yaml", tmp_path / "Pulumi.prod.yaml"
    inventory.write_text("tenants:\n  acme: {}\n")
    if content:
        settings.write_text(content)
    asked = ["verify", "--inventory", str(inventory), "--settings", str(settings)]
    result = CliRunner().invoke(app, asked)
    assert (result.exit_code, result.stdout, cluster.made) == (1, "", [])
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


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
