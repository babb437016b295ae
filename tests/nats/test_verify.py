"""What `verify` says about a real server, and when it is content. kubectl is a stand-in."""

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.__main__ import app
from tenancy.names import CLIENT_PORT, MONITORING_PORT
from tests.nats.certificates import Authority, new_authority
from tests.nats.keys import new_key
from tests.nats.server import Server, planned_tenants, running
from tests.unit.operations.verification.cluster import SIMULATED, Cluster

HOST = "nats-acme-1.vrsky-tenants.svc.cluster.local"
REAL = {"metadata": {"name": "real"}}
TLS: dict[str, object] = {"tls": {"secretName": "acme-tls"}}

Verify = Callable[..., tuple[int, dict[str, tuple[str, str]]]]
"""With a server, and more options: the exit code, and the outcome and the words of each check."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    made.stand_in(monkeypatch)
    return made


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> dict[str, object]:
    return getattr(request, "param", {})


@pytest.fixture
def server(tenant: dict[str, object], authority: Authority, tmp_path: Path) -> Generator[Server]:
    authority.issue(tmp_path, days=20, name=HOST)
    [plan] = planned_tenants({"acme": tenant})
    with running(plan.config, tmp_path) as server:
        yield server


@pytest.fixture
def verify(
    cluster: Cluster, tenant: dict[str, object], authority: Authority, tmp_path: Path
) -> Verify:
    inventory, trusted = tmp_path / "tenants.yaml", tmp_path / "ca.crt"
    inventory.write_text(json.dumps({"tenants": {"acme": tenant}}) + "\n")
    trusted.write_text(authority.pem())

    def run(server: Server, *more: str) -> tuple[int, dict[str, tuple[str, str]]]:
        cluster.ports = {CLIENT_PORT: server.client_port, MONITORING_PORT: server.monitoring_port}
        asked = ["verify", f"--inventory={inventory}", f"--ca={trusted}", "--json", *more]
        result = CliRunner().invoke(app, asked)
        findings = json.loads(result.stdout)
        told = {each["check"]: (each["outcome"], each["detail"]) for each in findings}
        assert len(told) == len(findings)
        return result.exit_code, told

    return run


def outcomes(told: dict[str, tuple[str, str]]) -> set[str]:
    return {outcome for outcome, _ in told.values()}


@pytest.mark.parametrize("tenant", [{}, TLS], indirect=True, ids=["plain", "tls"])
def test_a_server_that_is_all_right_is_good(server: Server, verify: Verify) -> None:
    code, told = verify(server)
    assert (code, outcomes(told)) == (0, {"good"}), told
    assert {"same tenant admitted", "another tenant refused"} <= set(told)


@pytest.mark.parametrize("tenant", [TLS], indirect=True)
def test_in_a_cluster_of_another_domain_the_certificate_has_to_have_its_names(
    server: Server, verify: Verify, authority: Authority, tmp_path: Path
) -> None:
    option = "--cluster-domain=corp.example"
    code, told = verify(server, option)
    assert (code, told["publish and subscribe"][0]) == (5, "bad"), told
    authority.issue(server.folder, days=20, name=HOST.replace("cluster.local", "corp.example"))
    server.restart()
    assert outcomes(verify(server, option)[1]) == {"good"}
    settings = tmp_path / "Pulumi.prod.yaml"
    settings.write_text("config: {tenant-nats:clusterDomain: corp.example}\n")
    assert verify(server, f"--settings={settings}")[0] == 0
    assert verify(server)[0] == 5


@pytest.mark.parametrize("tenant", [TLS], indirect=True)
@pytest.mark.parametrize(
    ("days", "code", "outcome", "words"),
    [
        pytest.param(14.1, 0, "good", "for 14 more days", id="just enough"),
        pytest.param(13.9, 5, "bad", "for 13 more days; renew it", id="too few"),
        pytest.param(0.5, 5, "bad", "for 0 more days; renew it", id="the last day"),
        pytest.param(-1, 5, "bad", "it was valid until", id="expired"),
    ],
)
def test_a_certificate_has_to_be_valid_for_fourteen_days(
    server: Server,
    verify: Verify,
    authority: Authority,
    days: float,
    code: int,
    outcome: str,
    words: str,
) -> None:
    authority.issue(server.folder, days=days, name=HOST)
    server.restart()
    exit_code, told = verify(server)
    assert (exit_code, told["certificate"][0]) == (code, outcome), told
    assert words in told["certificate"][1]


@pytest.mark.parametrize("tenant", [TLS], indirect=True)
def test_the_certificate_that_the_server_shows_counts_and_not_its_file(
    server: Server, verify: Verify, authority: Authority
) -> None:
    authority.issue(server.folder, days=3, name=HOST)
    server.restart()
    authority.issue(server.folder, days=25, name=HOST)
    assert (
        "if the Secret has a newer one, restart the server" in verify(server)[1]["certificate"][1]
    )
    server.restart()
    code, told = verify(server)
    assert (code, told["certificate"][0]) == (0, "good"), told


def test_a_server_without_tls_has_no_certificate_to_check(server: Server, verify: Verify) -> None:
    assert "certificate" not in verify(server)[1]


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        pytest.param([REAL], 1, id="real nodes"),
        pytest.param([SIMULATED], 0, id="simulated nodes"),
        pytest.param([REAL, SIMULATED], 1, id="some of them simulated"),
    ],
)
def test_what_could_not_be_shown_is_no_success_unless_the_nodes_are_simulated(
    cluster: Cluster, server: Server, verify: Verify, nodes: list[dict[str, object]], code: int
) -> None:
    cluster.nodes = nodes
    cluster.condition = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
    exit_code, told = verify(server)
    assert (exit_code, outcomes(told)) == (code, {"good", "not shown"}), told


@pytest.mark.parametrize("tenant", [{"clients": {"nkeys": (new_key().public,)}}], indirect=True)
@pytest.mark.parametrize(("nodes", "code"), [([REAL], 1), ([SIMULATED], 0)], ids=["real", "kwok"])
def test_a_message_that_could_not_be_sent_for_want_of_a_key_is_no_success(
    cluster: Cluster, server: Server, verify: Verify, nodes: list[dict[str, object]], code: int
) -> None:
    cluster.nodes = nodes
    exit_code, told = verify(server)
    assert (exit_code, told["publish and subscribe"][0]) == (code, "not shown"), told


@pytest.mark.parametrize("tenant", [TLS], indirect=True)
@pytest.mark.parametrize(
    ("days", "problems"),
    [
        pytest.param(14.1, [], id="just enough"),
        pytest.param(13.9, ["for 13 more days; renew it"], id="too few"),
        pytest.param(None, ["no such service"], id="the server cannot be reached"),
    ],
)
def test_status_is_not_content_with_a_certificate_that_ends_soon_or_cannot_be_seen(
    server: Server,
    cluster: Cluster,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    days: float | None,
    problems: list[str],
) -> None:
    if days is not None:
        authority.issue(server.folder, days=days, name=HOST)
        server.restart()
        cluster.ports = {MONITORING_PORT: server.monitoring_port}
    monkeypatch.setattr("operations.status.forwarded", cluster.forwarded)
    inventory = tmp_path / "tenants.yaml"
    inventory.write_text(json.dumps({"tenants": {"acme": TLS, "plain": {}}}) + "\n")
    asked = ["status", f"--inventory={inventory}", "--certificates", "--json"]
    found = json.loads(CliRunner().invoke(app, asked).stdout)["instances"]
    told = {
        each["tenant"]: [words for words in each["differences"] if "certificate: " in words]
        for each in found
    }
    assert told["plain"] == []
    assert len(told["acme"]) == len(problems)
    assert all(words in told["acme"][0] for words in problems)
