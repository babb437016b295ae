"""Certificates of servers, as Secrets of a cluster."""

from pathlib import Path

from tests.e2e.project import Project
from tests.nats.certificates import Authority


def give(project: Project, authority: Authority, name: str, server: str, folder: Path) -> None:
    """Make the Secret `name` in the project's namespace, with a certificate for `server`."""
    files = folder / name
    files.mkdir()
    authority.issue(files, days=30, name=f"{server}.{project.namespace}.svc.cluster.local")
    project.kubectl(
        "create", "secret", "tls", name, f"--cert={files / 'tls.crt'}", f"--key={files / 'tls.key'}"
    )
