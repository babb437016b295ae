"""Where things are: the project, what is cached for the user, what belongs to one sandbox."""

from dataclasses import dataclass
from pathlib import Path

import platformdirs

PROJECT = Path(__file__).resolve().parent.parent

CACHE = platformdirs.user_cache_path("tenant-nats")
"""Shared by all checkouts of a user ($XDG_CACHE_HOME/tenant-nats on Linux)."""


@dataclass(frozen=True)
class Layout:
    """The files of one sandbox. Everything below `root` may be deleted by `make down`."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def kwok(self) -> Path:
        return self.root / "kwok"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        """A folder for each real server behind a simulated pod."""
        return self.root / "nats"

    @property
    def authority(self) -> Path:
        """The certificate that signs those of the real servers; its key lies beside it."""
        return self.root / "nats-authority.crt"

    @property
    def pulumi_state(self) -> Path:
        return self.root / "state"

    @property
    def plugin_choice(self) -> Path:
        """Which Kubernetes plugin made the sandbox's objects: "official 4.34.2"."""
        return self.root / "kubernetes-plugin"

    @property
    def is_replaced(self) -> Path:
        """It exists while the cluster or the database is newer than the engine's state."""
        return self.root / "is-replaced"

    @property
    def lock(self) -> Path:
        """Beside `root`, not in it, so that it survives `make down`."""
        return self.root.with_name(self.root.name + ".lock")


LOCAL = Layout(PROJECT / ".sandbox")
"""The sandbox of this checkout."""
