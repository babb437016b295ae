"""A team's repository, made by the commands of docs/adopting.md, outside of this one."""

import os
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.layout import PROJECT
from tests.e2e.project import Target

PAGE = PROJECT / "docs" / "adopting.md"
ADDRESS = "https://github.com/example/tenant-nats"
"""Where the page has tenant-nats; git takes it from a repository on this machine."""
LATER = ("uv.lock", "examples/platform-repository/__main__.py")
"""What has another text after the tag, of what the page has copied."""
_WHO = {f"GIT_{who}_{what}": "e2e" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def commands(heading: str) -> list[str]:
    """The blocks of shell that the page has below `heading`."""
    below = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", below, re.MULTILINE | re.DOTALL)
    assert blocks, heading
    return blocks


class Origin:
    """tenant-nats as this folder has it, in a bare repository, at tags."""

    def __init__(self, folder: Path) -> None:
        """It has the tag v0.1.0, and work towards the next version."""
        self.folder = folder
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
        self._commit(PROJECT, "the program")
        self.git("tag", "v0.1.0")
        with TemporaryDirectory() as checkout:
            self._check_out(Path(checkout))
            for name in LATER:
                with (Path(checkout) / name).open("a") as file:
                    file.write("# later\n")
            self._commit(Path(checkout), "work towards the next version")

    @property
    def environment(self) -> Mapping[str, str]:
        """What lets git find it at its address."""
        return {
            **_WHO,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{self.folder}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
        }

    def git(self, *arguments: str, work_tree: Path | None = None) -> str:
        """What git answers about it."""
        tree = [f"--work-tree={work_tree}"] if work_tree else []
        return subprocess.run(
            ["git", f"--git-dir={self.folder}", *tree, *arguments],
            env={**os.environ, **_WHO}, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def release(self, number: str, checkout: Path) -> str:
        """Tag another version, the same but for its number; its commit."""
        checkout.mkdir()
        self._check_out(checkout)
        file = checkout / "pyproject.toml"
        changed = re.sub(r'^version = ".*"', f'version = "{number}"', file.read_text(), flags=re.M)
        file.write_text(changed)
        self._commit(checkout, number)
        # With a note of its own, as releases have it, so that the tag is no commit.
        self.git("tag", "--annotate", f"v{number}", "--message", number)
        return self.git("rev-parse", f"v{number}^{{commit}}")

    def _check_out(self, folder: Path) -> None:
        self.git("checkout", "--force", "main", "--", ".", work_tree=folder)

    def _commit(self, work_tree: Path, message: str) -> None:
        self.git("add", "--all", work_tree=work_tree)
        self.git("commit", "--quiet", "--no-gpg-sign", "--message", message, work_tree=work_tree)


class Platform:
    """A team's repository, and its stack `prod`."""

    def __init__(self, target: Target, origin: Origin, folder: Path, dsn: str) -> None:
        """Made as the page says, with the packages installed, and without a stack."""
        self.folder = folder / "platform"
        folder.mkdir()
        outside = {key: value for key, value in target.env.items() if key != "VIRTUAL_ENV"}
        self.env = {
            **outside,
            **origin.environment,
            "KUBECONFIG": target.kubeconfig,
            "DATABASE_URL": dsn,
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "e2e",
            "STACK": "prod",
        }
        (folder / "state").mkdir()
        self.shell(commands("Start")[0], folder)
        # The language host of the tests lists packages by it; today's has no need of it.
        self.shell(f"uv pip install --quiet pip=={version('pip')}")

    def shell(self, script: str, folder: Path | None = None) -> str:
        """Run what a person types; what it printed. It has to succeed."""
        code, said = self.run(script, folder)
        assert code == 0, said
        return said

    def run(self, script: str, folder: Path | None = None) -> tuple[int, str]:
        """Run what a person types; its exit code, and what it printed."""
        answer = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=folder or self.folder, env=self.env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return answer.returncode, answer.stdout

    def commit(self, message: str) -> None:
        """Commit all that is there."""
        self.shell(f"git add --all; git commit --quiet --no-gpg-sign --message '{message}'")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that a file has."""
        file = self.folder / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
