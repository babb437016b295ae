"""Programs that only a Linux distribution carries, unpacked in the user's cache and not installed.

apt chooses the version of the machine's own release and checks its signature. Nothing of the
machine changes.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from sandbox.errors import SandboxError
from sandbox.layout import CACHE
from sandbox.progress import say


def ensure(packages: Sequence[str]) -> Path:
    """A folder with what these packages install below `/`, fetched first if the cache lacks it.

    What they depend on is not fetched: name it too.

    Raises:
        SandboxError: this machine is no Debian or Ubuntu, or a package cannot be fetched.
    """
    name = hashlib.sha256(f"{_release()} {' '.join(packages)}".encode()).hexdigest()[:12]
    finished = CACHE / "debian" / name
    finished.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(finished.with_name(name + ".lock")):
        if not finished.is_dir():
            _fetch(packages, finished)
    return finished


def environment(folder: Path) -> Mapping[str, str]:
    """Where programs of `folder` find one another's libraries."""
    libraries = sorted({str(each.parent) for each in folder.rglob("lib*.so.*")})
    extensions = sorted({str(each.parent) for each in folder.rglob("libxt_*.so")})
    return {
        "LD_LIBRARY_PATH": ":".join(libraries),
        "XTABLES_LIBDIR": ":".join(extensions),
    }


def program(folder: Path, name: str) -> Path:
    """The program `name` of the unpacked packages.

    Raises:
        SandboxError: none of them has it.
    """
    for place in ("bin", "sbin", "usr/bin", "usr/sbin"):
        if (found := folder / place / name).is_file():
            return found
    raise SandboxError(f"The packages in {folder} have no program {name}.")


def _release() -> str:
    try:
        return Path("/etc/os-release").read_text()
    except OSError:
        return ""


def _fetch(packages: Sequence[str], finished: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise SandboxError("This needs Debian or Ubuntu: there is no apt-get or no dpkg on PATH.")
    say(f"fetching Debian's {', '.join(packages)}")
    partial = finished.with_name(finished.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    archives = partial / "archives"
    archives.mkdir(parents=True)
    # Not as apt's own user, who may not write to this folder.
    _run("apt-get", "--option=APT::Sandbox::User=root", "download", *packages, folder=archives)
    for archive in sorted(archives.iterdir()):
        _run("dpkg", "--extract", str(archive), str(partial), folder=archives)
    shutil.rmtree(archives)
    partial.rename(finished)


def _run(*command: str, folder: Path) -> None:
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if answer.returncode != 0:
        said = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SandboxError(f"{command[0]} failed: {said}; `apt-get update` may help.")
