"""The local cluster and Postgres come back, whatever happened to them."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import nullcontext, suppress
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
import pytest

from sandbox import cluster as cluster_module
from sandbox import database, engine
from sandbox.cluster import PORTS, Cluster
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from tests.controlplane.rows import execute


@pytest.fixture(autouse=True)
def ports(request: pytest.FixtureRequest) -> Generator[None]:
    """While a cluster here is down, no other cluster takes its ports."""
    with PORTS if "cluster" in request.fixturenames else nullcontext():
        yield


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    cluster = Cluster.of(Layout(tmp_path_factory.mktemp("servers") / "sandbox"))
    cluster.ensure()
    assert cluster.layout.is_replaced.exists()
    cluster.layout.is_replaced.unlink()
    yield cluster
    cluster.delete()


@pytest.fixture
def layout() -> Generator[Layout]:
    """A sandbox with a running Postgres, outside pytest's folder (tests/conftest.py says why)."""
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as folder:
        layout = Layout(Path(folder) / "sandbox")
        database.ensure(layout)
        yield layout
        database.stop(layout.postgres)


def kubectl(cluster: Cluster, *arguments: str) -> str:
    return subprocess.run(
        [cluster.kubectl, "--kubeconfig", cluster.layout.kubeconfig, *arguments],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


def pids(cluster: Cluster) -> dict[str, int]:
    files = (cluster.layout.kwok / "clusters" / cluster_module.NAME / "pids").glob("*.pid")
    return {file.stem: int(file.read_text()) for file in files}


def kill(*numbers: int) -> None:
    for number in numbers:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(number)
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def is_alive(number: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_cluster_that_runs_is_left_alone(cluster: Cluster) -> None:
    before = pids(cluster)
    cluster.ensure()
    assert not cluster.layout.is_replaced.exists()
    assert pids(cluster) == before


def test_every_server_listens_on_loopback_only(cluster: Cluster) -> None:
    addresses = {
        connection.laddr.ip
        for number in pids(cluster).values()
        for connection in psutil.Process(number).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_after_a_reboot_the_same_cluster_is_started_with_its_objects(cluster: Cluster) -> None:
    kubectl(cluster, "create", "namespace", "still-there")
    kill(*pids(cluster).values())
    cluster.ensure()
    assert not cluster.layout.is_replaced.exists()
    assert kubectl(cluster, "get", "namespace", "still-there", "-o", "name")


def test_a_single_server_that_was_killed_is_started_again(cluster: Cluster) -> None:
    before = pids(cluster)
    kill(before["kube-apiserver"])
    cluster.ensure()
    assert not cluster.layout.is_replaced.exists()
    assert pids(cluster)["etcd"] == before["etcd"]


def test_a_stale_pid_file_is_not_believed_and_the_stranger_lives(cluster: Cluster) -> None:
    kill(*pids(cluster).values())
    with subprocess.Popen(["sleep", "600"]) as stranger:
        folder = cluster.layout.kwok / "clusters" / cluster_module.NAME / "pids"
        for program in ("etcd", "kube-apiserver"):
            (folder / f"{program}.pid").write_text(str(stranger.pid))
        try:
            cluster.ensure()
            assert not cluster.layout.is_replaced.exists()
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_port_that_is_taken_makes_a_new_cluster_on_others(cluster: Cluster) -> None:
    kubectl(cluster, "create", "namespace", "gone-soon")
    port = int(kubectl(cluster, "config", "view", "-o", "jsonpath={..server}").rsplit(":")[-1])
    kill(*pids(cluster).values())
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        cluster.ensure()
    assert cluster.layout.is_replaced.exists()
    assert "gone-soon" not in kubectl(cluster, "get", "namespaces", "-o", "name")


def test_a_port_that_somebody_takes_meanwhile_is_no_failure(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_kwokctl = Cluster._kwokctl  # pyright: ignore[reportPrivateUsage]
    taken: list[int] = []

    def take_a_port(cluster: Cluster, *arguments: str, check: bool = True) -> None:
        if "create" in arguments and not taken:
            taken.append(stranger.getsockname()[1])
            monkeypatch.setattr(cluster_module, "_PATIENCE_SECONDS", 10)
            arguments = (*arguments, f"--kube-apiserver-port={taken[0]}")
        else:
            monkeypatch.setattr(cluster_module, "_PATIENCE_SECONDS", 120)
        run_kwokctl(cluster, *arguments, check=check)

    monkeypatch.setattr(Cluster, "_kwokctl", take_a_port)
    cluster.delete()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        cluster.ensure()
    assert "trying again with other ports" in capsys.readouterr().err
    assert str(taken[0]) not in cluster.layout.kubeconfig.read_text()


def test_deleting_ends_every_process_and_file_even_a_server_that_hangs(cluster: Cluster) -> None:
    cluster.ensure()
    numbers = pids(cluster)
    psutil.Process(numbers["kwok-controller"]).send_signal(signal.SIGSTOP)
    cluster.delete()
    assert [number for number in numbers.values() if is_alive(number)] == []
    assert not cluster.layout.kubeconfig.exists()


def test_without_the_built_programs_a_cluster_is_looked_at_and_deleted_and_none_is_built(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.ensure()
    numbers = pids(cluster)
    monkeypatch.setattr(cluster_module.toolchain, "CACHE", tmp_path)
    unbuilt = Cluster.of(cluster.layout, build=False)
    assert not unbuilt.is_ready()
    unbuilt.delete()
    assert [number for number in numbers.values() if is_alive(number)] == []
    assert list((cluster.layout.kwok / "clusters").iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_postgres_outlives_the_command_and_keeps_its_rows_after_a_kill(layout: Layout) -> None:
    dsn = database.ensure(layout)
    execute(dsn, "INSERT INTO integrations (tenant_id) VALUES ('acme')")
    kill_postgres(layout)
    assert database.is_running(layout) is False
    assert execute(database.ensure(layout), "SELECT tenant_id FROM integrations") == [("acme",)]


def test_a_stale_postmaster_pid_is_not_believed(layout: Layout) -> None:
    kill_postgres(layout)
    file = layout.postgres / "postmaster.pid"
    if file.exists():
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with psycopg.connect(database.ensure(layout)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgres_listens_on_no_port(layout: Layout) -> None:
    listening = [
        connection
        for connection in psutil.Process(postmaster(layout)).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == []


def kill_postgres(layout: Layout) -> None:
    """Kill it; returns when its children, which hold on to the shared memory, have noticed."""
    number = postmaster(layout)
    children = psutil.Process(number).children()
    kill(number)
    assert psutil.wait_procs(children, timeout=30)[1] == []


def postmaster(layout: Layout) -> int:
    return int((layout.postgres / "postmaster.pid").read_text().splitlines()[0])


def test_the_engine_sees_the_sandbox_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("KUBECONFIG", "DATABASE_URL", "PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(variable, "production")
    layout = recorded(tmp_path, engine.BUILT)
    env = engine.environment(layout, "postgresql:///sandbox")
    assert "production" not in env.values()
    assert env["KUBECONFIG"] == str(layout.kubeconfig)
    assert env["DATABASE_URL"] == "postgresql:///sandbox"
    assert env["PULUMI_BACKEND_URL"] == f"file://{layout.pulumi_state}"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [("official 4.0.0", None), ("built 1.9.9", None), (engine.BUILT, "official")],
    ids=["another official", "another built", "a change of mind"],
)
def test_another_plugin_than_the_recorded_one_asks_for_make_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, wanted: str | None
) -> None:
    if wanted:
        monkeypatch.setenv("TENANT_NATS_KUBERNETES_PLUGIN", wanted)
    with pytest.raises(SandboxError, match=rf"made with the {choice}.*make down"):
        engine.environment(recorded(tmp_path, choice), "")


def test_an_official_plugin_that_is_gone_is_downloaded_again_or_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = recorded(tmp_path, f"official {version('pulumi-kubernetes')}")
    answers = {"there": True}

    def has_official(_official: str) -> bool:
        return answers["there"]

    monkeypatch.setattr(engine, "_has_official", has_official)
    monkeypatch.setenv("PATH", os.defpath)
    home = engine.environment(layout, "")["PULUMI_HOME"]
    assert "kubernetes-plugin" not in home, "the built one stands where the official one would"
    answers["there"] = False
    with pytest.raises(SandboxError, match="cannot be downloaded now"):
        engine.environment(layout, "")


def recorded(folder: Path, choice: str) -> Layout:
    """A sandbox that was made with a plugin."""
    layout = Layout(folder / "sandbox")
    layout.root.mkdir()
    layout.plugin_choice.write_text(choice)
    return layout
