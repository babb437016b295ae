"""What a real node takes, built or fetched once for each user."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from sandbox import toolchain
from tests.node import debian

_PACKAGES = (
    "busybox-static",
    "runc",
    *("ipset", "libipset13"),
    *("iptables", "libip4tc2", "libip6tc2", "libxtables12", "libnftnl11", "libmnl0"),
    *("libnetfilter-conntrack3", "libnfnetlink0"),
)

_LINKS = Path("/run/tenant-nats-iptables")
"""In the namespaces' own /run."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where they are."""

    kubelet: Path
    containerd: Path
    kube_router: Path
    coredns: Path
    debian: Path

    def of_debian(self, name: str) -> Path:
        """The program `name` of a Debian package."""
        return debian.program(self.debian, name)

    def link(self) -> None:
        """Give iptables its names, as its package does only when it is installed."""
        _LINKS.mkdir()
        for family, action in product(("iptables", "ip6tables"), ("", "-save", "-restore")):
            (_LINKS / f"{family}{action}").symlink_to(self.of_debian("xtables-nft-multi"))

    @property
    def environment(self) -> Mapping[str, str]:
        """In which they find one another."""
        folders = [_LINKS, self.containerd, self.of_debian("ipset").parent]
        return {
            **os.environ,
            **debian.environment(self.debian),
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
        }


def ensure() -> Programs:
    """All of them.

    Raises:
        SandboxError: one cannot be built or fetched.
    """
    # Nothing can be fetched in the network of the tests.
    for group in (
        toolchain.CLUSTER,
        toolchain.KWOK,
        toolchain.KUBERNETES_PLUGIN,
        toolchain.PULUMI,
    ):
        toolchain.ensure(group)
    return Programs(
        kubelet=toolchain.ensure(toolchain.KUBELET),
        containerd=toolchain.ensure(toolchain.CONTAINERD),
        kube_router=toolchain.ensure(toolchain.KUBE_ROUTER),
        coredns=toolchain.ensure(toolchain.COREDNS),
        debian=debian.ensure(_PACKAGES),
    )
