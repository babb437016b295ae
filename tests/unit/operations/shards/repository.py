"""A git repository with a cell, and a remote that has it."""

import subprocess
from pathlib import Path

SETTINGS = "config:\n  tenant-nats:cell: {}\n"


class Repository:
    """A clone whose branch main is pushed to a bare repository beside it."""

    def __init__(self, folder: Path, *, project: str = ".", shards: int = 3) -> None:
        """The first commit has the cell `eu` with shards 001, 002, … in the folder `project`."""
        self.remote = folder / "remote.git"
        self.root = folder / "clone"
        self.folder = self.root / project
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", ".")
        self.git("init", "--quiet", "--bare", str(self.remote))
        self.git("remote", "add", "origin", str(self.remote))
        files = {f"inventory/eu/{number:03}.yaml": "1" for number in range(1, shards + 1)}
        self.write(
            **files,
            **{
                "Pulumi.eu.yaml": SETTINGS.format("eu"),
                "Pulumi.yaml": "name: tenant-nats\n",
                "__main__.py": "",
                "uv.lock": "",
                "README.md": "",
            },
        )
        self.first = self.push()

    def git(self, *arguments: str) -> str:
        """Run git in the clone; what it prints."""
        who = ["-c", "user.name=test", "-c", "user.email=test", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *who, *arguments], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(self, **files: str) -> None:
        """Write files of the project's folder."""
        for name, content in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    def commit(self, **files: str) -> str:
        """Commit these files, and whatever else was edited; the commit."""
        self.write(**files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=an edit")
        return self.git("rev-parse", "HEAD")

    def push(self, **files: str) -> str:
        """Commit these files and push main; the commit."""
        commit = self.commit(**files)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return commit
