"""A real nats-server behind each simulated pod, so that clients can be tried in the sandbox.

kwok's nodes run no container. For each NATS pod a process runs the configuration that the pod
mounts, on loopback, and a PortForward object leads `kubectl port-forward` to it. What a cluster
adds around a server (its Service's address, its policies, its limits) is not there.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from cluster.kubectl import ClusterError
from sandbox import certificates
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.progress import say
from tenancy.names import APP, CLIENT_PORT, MONITORING_PORT
from tenancy.plan.nats_config import TLS_FOLDER

_CONFIG = "nats.conf"
_PATIENCE_SECONDS = 10
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Server:
    """One process, and where it listens on 127.0.0.1."""

    pid: int
    client_port: int
    monitoring_port: int


def ensure(
    layout: Layout, cluster: Cluster, namespace: str, urls: Mapping[str, Iterable[str]]
) -> None:
    """Run a server behind each NATS pod of `namespace`, and end those whose pod is gone.

    A server with an unchanged configuration goes on running, unless its certificate has another
    name than its URL, one of the tenants' `urls`.
    """
    known = (urlsplit(url).hostname or "" for tenants in urls.values() for url in tenants)
    hosts = {host.partition(".")[0]: host for host in known}
    pods = {_instance(pod): pod for pod in _items(cluster, namespace, "pods", f"app={APP}")}
    texts = {
        each["metadata"]["name"]: each["data"][_CONFIG]
        for each in _items(cluster, namespace, "configmaps", f"app={APP}")
    }
    for folder in _folders(layout):
        if folder.name not in pods:
            _end(folder)
            shutil.rmtree(folder)
    forwards: list[dict[str, Any]] = []
    for name, pod in sorted(pods.items()):
        server = _serving(layout, name, hosts.get(name, name), texts[_config_map(pod)])
        if server:
            forwards.append(_forward(pod, server))
        else:
            said = _last_line(layout.nats / name / "nats.log")
            say(f"{name} has no real server behind it: {said}")
    _apply(cluster, forwards)


def stop(layout: Layout) -> None:
    """End every server of the sandbox."""
    for folder in _folders(layout):
        _end(folder)


def count(layout: Layout) -> int:
    """How many servers run."""
    return sum(_running(folder) is not None for folder in _folders(layout))


def _folders(layout: Layout) -> Iterable[Path]:
    return sorted(layout.nats.iterdir()) if layout.nats.exists() else ()


def _serving(layout: Layout, name: str, host: str, text: str) -> Server | None:
    """The server `name`, started unless it runs with `text` already; None if it cannot start."""
    folder = layout.nats / name
    file = folder / _CONFIG
    speaks_tls = TLS_FOLDER in text
    # A pod mounts its certificate from a Secret that somebody made; here it lies beside the text.
    text = text.replace(TLS_FOLDER, str(folder))
    is_certified = not speaks_tls or certificates.is_for(folder, host)
    if (server := _running(folder)) and file.read_text() == text and is_certified:
        return server
    _end(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file.write_text(text)
    if speaks_tls:
        certificates.ensure(folder, layout.authority, host)
    return _start(folder)


def _start(folder: Path) -> Server | None:
    with (folder / "nats.log").open("wb") as log:
        # The ports in the configuration are for a pod; here the server chooses free ones.
        process = subprocess.Popen(
            [_program(), "-c", folder / _CONFIG, "--addr=127.0.0.1", "--port=-1", "--http_port=-1",
             f"--ports_file_dir={folder}"],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, ValueError):
            listening = json.loads((folder / f"nats-server_{process.pid}.ports").read_text())
            server = Server(process.pid, _port(listening["nats"]), _port(listening["monitoring"]))
            (folder / "server.json").write_text(json.dumps(asdict(server)))
            return server
        time.sleep(0.05)
    process.kill()
    process.wait()
    return None


def _program() -> Path:
    return Path(sys.executable).with_name("nats-server")


def _port(urls: list[str]) -> int:
    return int(urls[0].rpartition(":")[2])


def _running(folder: Path) -> Server | None:
    """The server of `folder` while its process lives, identified by more than its pid."""
    with suppress(OSError, ValueError, psutil.Error):
        server = Server(**json.loads((folder / "server.json").read_text()))
        process = psutil.Process(server.pid)
        arguments = process.cmdline()
        if str(folder / _CONFIG) in arguments and process.status() != psutil.STATUS_ZOMBIE:
            return server
    return None


def _end(folder: Path) -> None:
    server = _running(folder)
    if server is None:
        return
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(server.pid)
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()


def _items(cluster: Cluster, namespace: str, kind: str, selector: str) -> list[dict[str, Any]]:
    with _explained():
        items = cluster.administrator.get(
            kind, f"--namespace={namespace}", f"--selector={selector}"
        )
    return [each for each in items if not each["metadata"].get("deletionTimestamp")]


def _instance(pod: Mapping[str, Any]) -> str:
    return pod["metadata"]["labels"]["app.kubernetes.io/instance"]


def _config_map(pod: Mapping[str, Any]) -> str:
    [name] = [each["configMap"]["name"] for each in pod["spec"]["volumes"] if "configMap" in each]
    return name


def _forward(pod: Mapping[str, Any], server: Server) -> dict[str, Any]:
    """The object by which kwok leads a `kubectl port-forward` to this pod on to the server."""
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    ports = {CLIENT_PORT: server.client_port, MONITORING_PORT: server.monitoring_port}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "PortForward",
        # Kubernetes deletes it with its pod.
        "metadata": metadata | {"ownerReferences": [_owner(pod)]},
        "spec": {
            "forwards": [
                {"ports": [port], "target": {"address": "127.0.0.1", "port": real}}
                for port, real in ports.items()
            ]
        },
    }


def _owner(pod: Mapping[str, Any]) -> dict[str, str]:
    metadata = pod["metadata"]
    return {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}


def _apply(cluster: Cluster, objects: list[dict[str, Any]]) -> None:
    if objects:
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        with _explained():
            cluster.administrator.run("apply", "--filename=-", stdin=manifest)


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except ClusterError as error:
        raise SandboxError(
            f"kubectl was refused ({error}); run `make down` and `make up`."
        ) from None


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
