"""The local cluster: a real API server, controllers and scheduler; nodes that kwok simulates.

Everything listens on 127.0.0.1. What is in the cluster is made from the inventory, so a cluster
that cannot be started again is replaced by an empty one, and `up` fills it.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from ruamel.yaml import YAML

from cluster.kubectl import Kubectl
from sandbox import toolchain
from sandbox.errors import SandboxError
from sandbox.layout import CACHE, Layout
from sandbox.progress import say, step

NAME = "tenant-nats"
CONTEXT = f"kwok-{NAME}"
NODES = 10
"""A simulated node takes 110 pods and 32 CPUs of requests."""
_GRACE_SECONDS = 10
_PATIENCE_SECONDS = 120
"""kwokctl waits for minutes for a server whose port is taken."""

PORTS = FileLock(CACHE / "kwok-ports.lock", is_singleton=True)
"""Held while a cluster is made, or while one is down that should come back on its ports."""

_CONFIGURATION = """\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokctlConfiguration
options:
  bindAddress: 127.0.0.1
"""


@dataclass(frozen=True)
class Cluster:
    """The cluster of one sandbox."""

    layout: Layout
    binaries: Path
    kwok: Path
    services: str = "10.96.0.0/12"
    """From where Services get their addresses; a range of each family in a dual-stack cluster."""
    nodes: int = NODES

    @classmethod
    def of(cls, layout: Layout, *, build: bool = True) -> "Cluster":
        """The cluster that belongs to `layout`; missing programs are built.

        Without `build` they may stay missing: such a cluster can be inspected and deleted.
        """
        folder = toolchain.ensure if build else toolchain.folder_of
        return cls(layout, folder(toolchain.CLUSTER), folder(toolchain.KWOK))

    @property
    def kubectl(self) -> Path:
        return self.binaries / "kubectl"

    @property
    def administrator(self) -> Kubectl:
        """kubectl, with all rights in this cluster."""
        path = os.pathsep.join([str(self.binaries), os.environ["PATH"]])
        kubeconfig = str(self.layout.kubeconfig)
        return Kubectl(CONTEXT, {**os.environ, "PATH": path, "KUBECONFIG": kubeconfig})

    @property
    def _home(self) -> Path:
        return self.layout.kwok / "clusters" / NAME

    def ensure(self) -> None:
        """Get the cluster running, whatever state it is in; the last resort is an empty one."""
        self._forget_the_dead()
        if self.is_ready():
            return
        if self._is_whole():
            if taken := self._taken_ports():
                say(f"port {taken[0]} of the cluster is taken by another program")
            else:
                with step("starting the cluster again"):
                    self._kwokctl("start", "cluster", "--wait", "60s", check=False)
                if self.is_ready():
                    return
            say("the cluster does not start again; replacing it by an empty one")
        self._create()

    def is_ready(self) -> bool:
        """Whether every component runs and the API server that we made answers."""
        if len(list(self._living())) < len(_COMPONENTS):
            return False
        if not (self.layout.kubeconfig.exists() and self.kubectl.exists()):
            return False
        answer = subprocess.run(
            [self.kubectl, "--kubeconfig", self.layout.kubeconfig, "--request-timeout=5s",
             "get", "--raw", "/readyz"],
            capture_output=True,
        )  # fmt: skip
        return answer.returncode == 0

    def delete(self) -> None:
        """Stop every process and remove every file of the cluster; returns when none is left."""
        self._forget_the_dead()
        # Listed now: the pid files are deleted while a server may still be shutting down.
        processes = list(self._living())
        if self._home.exists() and (self.kwok / "kwokctl").exists():
            kubeconfig = f"--kubeconfig={self.layout.kubeconfig}"
            self._kwokctl("delete", "cluster", kubeconfig, check=False)
        else:
            for process in processes:
                process.terminate()
        for process in psutil.wait_procs(processes, timeout=_GRACE_SECONDS)[1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
        shutil.rmtree(self._home, ignore_errors=True)
        self.layout.kubeconfig.unlink(missing_ok=True)

    def _create(self) -> None:
        try:
            self._attempt()
        except SandboxError:
            # Another program may take a port between kwokctl's choice and its use.
            say("  it did not come up; trying again with other ports")
            self._attempt()
        if not self.is_ready():
            raise SandboxError(
                f"The cluster did not become ready; look into {self._home / 'logs'}, "
                "then run `make down` and `make up`."
            )

    def _attempt(self) -> None:
        self.delete()
        self.layout.kwok.mkdir(parents=True, exist_ok=True)
        self.layout.is_replaced.touch()
        configuration = self.layout.kwok / "kwokctl.yaml"
        configuration.write_text(_CONFIGURATION)
        # kwokctl looks for free ports and binds them later: two at once would choose the same.
        with step("creating the cluster"), PORTS:
            self._kwokctl(
                "--config", str(configuration), "create", "cluster", "--runtime=binary",
                f"--etcd-binary={self.binaries / 'etcd'}",
                f"--kube-apiserver-binary={self.binaries / 'kube-apiserver'}",
                f"--kube-controller-manager-binary={self.binaries / 'kube-controller-manager'}",
                f"--kube-scheduler-binary={self.binaries / 'kube-scheduler'}",
                f"--kwok-controller-binary={self.kwok / 'kwok'}",
                f"--kubeconfig={self.layout.kubeconfig}",
                # The default, a /24, is full at 250 Services.
                f"--extra-args=kube-apiserver=service-cluster-ip-range={self.services}",
                # Each controller has an identity of its own, as in clusters that are not kwok's:
                # an admission policy may ask who makes a pod.
                "--extra-args=kube-controller-manager=use-service-account-credentials=true",
                # Only one of each runs. If it stalls for ten seconds, as on a busy machine, it
                # would lose its lease and exit.
                "--extra-args=kube-controller-manager=leader-elect=false",
                "--extra-args=kube-scheduler=leader-elect=false",
                # After the first of each program: kwokctl 0.7 loses count of them.
                *self._advertised(),
                # So that sandbox/servers.py can put a real server behind a simulated pod.
                "--enable-crds=PortForward",
                "--wait=60s",
            )  # fmt: skip
        self._kwokctl("scale", "node", f"--replicas={self.nodes}")

    def _advertised(self) -> list[str]:
        """The API server's address as it tells the cluster, where the default would not do.

        It has to be of the family of the Services. Nothing listens there.
        """
        network = ip_network(self.services.partition(",")[0])
        if network.version == 4:
            return []
        return [f"--extra-args=kube-apiserver=advertise-address={network[1]}"]

    def _kwokctl(self, *arguments: str, check: bool = True) -> None:
        try:
            result = subprocess.run(
                [self.kwok / "kwokctl", f"--name={NAME}", *arguments],
                env={
                    **os.environ,
                    "KWOK_WORKDIR": str(self.layout.kwok),
                    # kwokctl runs kubectl, and would download one that is not on PATH.
                    "PATH": f"{self.binaries}{os.pathsep}{os.environ['PATH']}",
                },
                capture_output=True,
                text=True,
                timeout=_PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            code, said = 1, f"it did not end within {_PATIENCE_SECONDS} seconds"
        else:
            code, said = result.returncode, result.stderr.strip()
        if check and code != 0:
            last = (said.splitlines() or ["no output"])[-1]
            words = [word for word in arguments if not word.startswith(("-", "/"))]
            raise SandboxError(
                f"kwokctl could not {' '.join(words)}: {last}; run `make down` and `make up`."
            )

    def _is_whole(self) -> bool:
        return (self._home / "kwok.yaml").is_file() and self.layout.kubeconfig.is_file()

    def _living(self) -> Iterator[psutil.Process]:
        """The cluster's processes, identified by their program and not by their pid alone."""
        for program in _COMPONENTS:
            with suppress(OSError, ValueError, psutil.Error):
                process = psutil.Process(int(self._pid_file(program).read_text()))
                if process.status() != psutil.STATUS_ZOMBIE and process.cmdline()[:1] == [
                    str(self._home / "bin" / program)
                ]:
                    yield process

    def _forget_the_dead(self) -> None:
        # kwokctl believes its pid files. After a reboot a pid may belong to another process, which
        # kwokctl would take for the API server when it starts, and kill when it stops.
        living = {Path(process.cmdline()[0]).name for process in self._living()}
        for program in _COMPONENTS:
            if program not in living:
                self._pid_file(program).unlink(missing_ok=True)

    def _pid_file(self, program: str) -> Path:
        return self._home / "pids" / f"{program}.pid"

    def _taken_ports(self) -> list[int]:
        """The ports of stopped components on which another program listens."""
        living = {Path(process.cmdline()[0]).name for process in self._living()}
        reader: Any = YAML(typ="safe")
        documents = reader.load_all(self._home / "kwok.yaml")
        return [
            port["port"]
            for document in documents
            for component in document.get("components", ())
            if component["name"] not in living
            for port in component.get("ports", ())
            if _is_taken(port["port"])
        ]


_COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok-controller",
)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
