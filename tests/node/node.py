"""A real node: containerd, a kubelet, kube-proxy, kube-router and CoreDNS in this network."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tenancy.defaults import IMAGE
from tests.access import Access
from tests.node import CGROUP
from tests.node.images import archive
from tests.node.inside import ADDRESS
from tests.node.programs import Programs

NAME = ADDRESS
"""The API server asks a node by its name first, and this one needs no DNS outside the cluster."""
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/12"
DNS = "10.96.0.10"
WITH_USER = "nats-of-a-user:1"
"""The servers' image, but that it names a user, one as OpenShift gives them."""
USER = "1000680000"
_PAUSE = "localhost/pause:1"
_COREDNS = "localhost/coredns:1"
_SECONDS = 90

_CONTAINERD = """\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  # A machine may refuse to let anything be killed later than itself.
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{plugins}"]
  conf_dir = "{network}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  SystemdCgroup = false
"""

_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}


@dataclass(frozen=True)
class Node:
    """What runs, and where it says what it does."""

    access: Access
    programs: Programs
    folder: Path

    def log(self, name: str) -> str:
        """What a program of the node has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def running(access: Access, programs: Programs, folder: Path) -> Generator[Node]:
    """The only node of this cluster, ready for pods; what was started ends."""
    node = Node(access, programs, folder)
    programs.link()
    _end_simulation(node)
    with ExitStack() as started:
        _start_containers(node, started)
        _start_kubelet(node, started)
        _start_network(node, started)
        _start_dns(node)
        yield node


def _end_simulation(node: Node) -> None:
    """Remove the simulated nodes, and end kwok, which would call each node's pods ready."""
    [file] = Path(node.access.kubeconfig).parent.rglob("kwok-controller.pid")
    kwok = psutil.Process(int(file.read_text()))
    assert kwok.name() == "kwok-controller", kwok
    kwok.terminate()
    psutil.wait_procs([kwok], timeout=10)
    node.access.run("delete", "nodes", "--all")


def _start_containers(node: Node, started: ExitStack) -> None:
    network = node.folder / "network"
    network.mkdir()
    (network / "pods.conflist").write_text(json.dumps(_NETWORK))
    configuration = node.folder / "containerd.toml"
    configuration.write_text(
        _CONTAINERD.format(
            pause=_PAUSE, plugins=node.programs.containerd, network=network,
            runc=node.programs.of_debian("runc"),
        )
    )  # fmt: skip
    containerd = node.programs.containerd
    _start(node, started, "containerd", containerd / "containerd", "--config", configuration)
    _until(lambda: Path("/run/containerd/containerd.sock").exists(), "containerd", node)
    busybox = {"bin/busybox": node.programs.of_debian("busybox")}
    server = {"usr/local/bin/nats-server": Path(sys.executable).with_name("nats-server")}
    coredns = {"bin/coredns": node.programs.coredns / "coredns"}
    for name, content, command, user in (
        (_PAUSE, busybox, ("/bin/sleep", "2147483647"), ""),
        (f"docker.io/library/{IMAGE}", busybox | server, ("nats-server",), ""),
        (f"docker.io/library/{WITH_USER}", busybox | server, ("nats-server",), USER),
        (_COREDNS, coredns, ("/bin/coredns",), ""),
    ):
        file = archive(node.folder / "image.tar", name, content, *command, user=user)
        subprocess.run(
            [containerd / "ctr", "--namespace=k8s.io", "images", "import", "--local", file],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        file.unlink()


def _start_kubelet(node: Node, started: ExitStack) -> None:
    resolving = node.folder / "resolv.conf"
    resolving.write_text("")
    configuration: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        # Only this network reaches it, and the API server of kwokctl shows no certificate.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{os.environ[CGROUP]}",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        # A full disk does not matter here.
        "evictionHard": {f"{each}.available": "0%" for each in ("memory", "nodefs", "imagefs")},
        "imageGCHighThresholdPercent": 100,
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "resolvConf": str(resolving),
        "volumePluginDir": "/var/lib/kubelet/plugins",
    }
    file = node.folder / "kubelet.json"
    file.write_text(json.dumps(configuration))
    _start(
        node, started, "kubelet", node.programs.kubelet / "kubelet",
        f"--config={file}", f"--kubeconfig={node.access.kubeconfig}",
        f"--hostname-override={NAME}", f"--node-ip={ADDRESS}",
    )  # fmt: skip
    _until(lambda: bool(_nodes(node)), "kubelet", node)
    node.access.run("patch", "node", NAME, "--patch", json.dumps({"spec": {"podCIDR": PODS}}))
    _until(lambda: _is_ready(_nodes(node)[0]), "kubelet", node)


def _nodes(node: Node) -> list[Any]:
    return json.loads(node.access.run("get", "nodes", "--output=json"))["items"]


def _is_ready(live: Mapping[str, Any]) -> bool:
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in live["status"].get("conditions", ())
    )


def _start_network(node: Node, started: ExitStack) -> None:
    """Addresses of Services, and policies."""
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": PODS,
        "hostnameOverride": NAME,
        "clientConnection": {"kubeconfig": node.access.kubeconfig},
        # These are the whole machine's: 0 leaves them as they are.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }
    file = node.folder / "kube-proxy.json"
    file.write_text(json.dumps(configuration))
    _start(node, started, "kube-proxy", node.programs.kubelet / "kube-proxy", f"--config={file}")
    _start(
        node, started, "kube-router", node.programs.kube_router / "kube-router",
        "--run-firewall=true", "--run-router=false", "--run-service-proxy=false",
        f"--kubeconfig={node.access.kubeconfig}", f"--hostname-override={NAME}",
        f"--service-cluster-ip-range={SERVICES}",
    )  # fmt: skip


def _start_dns(node: Node) -> None:
    """CoreDNS in a pod of kube-system, where policies look for it."""
    kubeconfig = json.loads(
        node.access.run("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    )
    cluster = kubeconfig["clusters"][0]["cluster"]
    port = cluster["server"].rpartition(":")[2]
    # A pod has a loopback of its own, so the API server's gets the node's address as well.
    subprocess.run(
        ["iptables", "--wait", "--table", "nat", "--insert", "PREROUTING", "--destination", ADDRESS,
         "--protocol", "tcp", "--dport", port, "--jump", "DNAT", "--to", f"127.0.0.1:{port}"],
        env=dict(node.programs.environment), check=True,
    )  # fmt: skip
    cluster |= {"server": f"https://{ADDRESS}:{port}", "tls-server-name": "localhost"}
    configuration = {"Corefile": _COREFILE, "kubeconfig": json.dumps(kubeconfig)}
    labels = {"k8s-app": "kube-dns"}
    ports = [
        {"name": name, "port": 53, "protocol": protocol}
        for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    objects: list[dict[str, Any]] = [
        {"kind": "Secret", "metadata": {"name": "coredns"}, "stringData": configuration},
        {
            "kind": "Service",
            "metadata": {"name": "kube-dns"},
            "spec": {"clusterIP": DNS, "selector": labels, "ports": ports},
        },
        {
            "kind": "Pod",
            "metadata": {"name": "coredns", "labels": labels},
            "spec": {
                "containers": [
                    {
                        "name": "coredns",
                        "image": _COREDNS,
                        "args": ["-conf", "/etc/coredns/Corefile"],
                        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/coredns"}],
                        "readinessProbe": {
                            "httpGet": {"path": "/ready", "port": 8181},
                            "periodSeconds": 1,
                        },
                    }
                ],
                "volumes": [{"name": "configuration", "secret": {"secretName": "coredns"}}],
                "dnsPolicy": "Default",
                "automountServiceAccountToken": False,
            },
        },
    ]
    node.access.run(
        "wait", "--for=create", "--namespace=kube-system", "serviceaccount/default",
        f"--timeout={_SECONDS}s",
    )  # fmt: skip
    for each in objects:
        manifest = json.dumps({"apiVersion": "v1", **each})
        node.access.run("create", "--namespace=kube-system", "--filename=-", stdin=manifest)
    node.access.run(
        "wait", "--namespace=kube-system", "pod/coredns", "--for=condition=Ready",
        f"--timeout={_SECONDS}s",
    )  # fmt: skip


def _start(node: Node, started: ExitStack, name: str, *command: str | Path) -> None:
    """Start a program of the node; it ends with what was started."""
    with (node.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=dict(node.programs.environment), stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    started.callback(_end, process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until(is_so: Callable[[], bool], name: str, node: Node) -> None:
    """Wait for what `name` is to bring about."""
    until = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < until, f"{name} says:\n{node.log(name)[-3000:]}"
        time.sleep(0.2)


_COREFILE = """\
.:53 {
    errors
    ready
    kubernetes cluster.local {
        kubeconfig /etc/coredns/kubeconfig
    }
}
"""
