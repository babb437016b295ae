"""The first process of the namespaces of `make node`: prepares them, and runs pytest.

What containerd and the kubelet write below /run and /var, and what the kubelet sets of the kernel,
stays in these namespaces.
"""

import os
import subprocess
import sys
from pathlib import Path

_TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet sets for the whole machine, unless it is so already."""
ADDRESS = "10.99.0.1"
"""Of the node."""


def prepare() -> None:
    """Give this network and these mounts what a node has."""
    for folder in ("/run", "/var/lib", "/var/log"):
        _do("mount", "-t", "tmpfs", "tmpfs", folder)
    believed = Path("/run/tunables")
    for name, value in _TUNABLES.items():
        file = believed / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value + "\n")
        _do("mount", "--bind", str(file), f"/proc/sys/{name}")
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "node0", "type", "veth", "peer", "name", "nowhere0")
    _do("ip", "address", "add", f"{ADDRESS}/24", "dev", "node0")
    for name in ("node0", "nowhere0"):
        _do("ip", "link", "set", name, "up")
    # Without a route, nothing asks iptables about the address of a Service.
    _do("ip", "route", "add", "default", "dev", "node0")
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        (Path("/proc/sys") / name).write_text("1")
    # So that CoreDNS, in a pod, reaches the API server, which listens on loopback.
    for name in ("all", "default"):
        (Path("/proc/sys/net/ipv4/conf") / name / "route_localnet").write_text("1")


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


def main(arguments: list[str]) -> int:
    """Run pytest, and see to the processes that have lost their parents; pytest's exit code."""
    prepare()
    pytest = subprocess.Popen([sys.executable, "-m", "pytest", *arguments])
    while True:
        pid, status = os.wait()
        if pid == pytest.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
