"""Images for a machine that reaches no registry: one static program each, or busybox with one."""

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def archive(
    file: Path, name: str, programs: Mapping[str, Path], *command: str, user: str = ""
) -> Path:
    """Write an OCI archive that `ctr images import` takes.

    Args:
        file: the archive.
        name: of the image, in full: `docker.io/library/nats:2.15.1-alpine`.
        programs: each path in the image, and the static program that is there. `bin/busybox` is
            there with a link for each of its commands.
        command: what a container of the image runs, unless told otherwise.
        user: as whom, unless told otherwise; empty for root.
    """
    layer = _layer(programs)
    config = {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/bin:/bin"],
            "Entrypoint": list(command),
            "User": user,
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    told = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _descriptor("config.v1+json", told),
        "layers": [_descriptor("layer.v1.tar", layer)],
    }
    listed = json.dumps(manifest).encode()
    entry = _descriptor("manifest.v1+json", listed) | {
        "annotations": {"io.containerd.image.name": name}
    }
    index = {"schemaVersion": 2, "manifests": [entry]}
    with tarfile.open(file, "w") as whole:
        _add(whole, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(whole, "index.json", json.dumps(index).encode())
        for blob in (layer, told, listed):
            _add(whole, f"blobs/{_digest(blob).replace(':', '/')}", blob)
    return file


def _layer(programs: Mapping[str, Path]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as layer:
        for folder in ("bin", "etc", "tmp", "usr", "usr/local", "usr/local/bin"):
            place = tarfile.TarInfo(folder)
            place.type, place.mode = tarfile.DIRTYPE, 0o755
            layer.addfile(place)
        for path, program in programs.items():
            _add(layer, path, program.read_bytes(), mode=0o755)
            if path == "bin/busybox":
                commands = subprocess.run(
                    [program, "--list"], check=True, capture_output=True, text=True
                ).stdout.split()
                for command in commands:
                    link = tarfile.TarInfo(f"bin/{command}")
                    link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                    if command != "busybox":
                        layer.addfile(link)
    return written.getvalue()


def _add(archive: tarfile.TarFile, path: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {
        "mediaType": f"application/vnd.oci.image.{kind}",
        "digest": _digest(content),
        "size": len(content),
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
