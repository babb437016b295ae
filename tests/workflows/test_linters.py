"""What the linters of others say about the workflows."""

import subprocess
from pathlib import Path

import pytest

from sandbox.toolchain import ACTIONLINT, ensure


def actionlint(*files: Path) -> subprocess.CompletedProcess[str]:
    """Run actionlint without the shell and Python linters that a machine may happen to have."""
    program = ensure(ACTIONLINT) / "actionlint"
    command = [program, "-no-color", "-shellcheck=", "-pyflakes=", *files]
    return subprocess.run(command, capture_output=True, text=True)


def test_actionlint_finds_nothing_in_the_workflows(project: Path) -> None:
    files = sorted((project / ".github" / "workflows").glob("*.yml"))
    linted = actionlint(*files)
    assert files
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.parametrize(
    ("mistake", "finding"),
    [
        pytest.param(("contents: read", "content: read"), "unknown permission scope", id="scope"),
        pytest.param(("ubuntu-latest", "ubuntu-newest"), 'label "ubuntu-newest"', id="runner"),
        pytest.param(("github.ref }}", "github.reff }}"), '"reff" is not defined', id="context"),
    ],
)
def test_actionlint_finds_a_mistake(
    project: Path, tmp_path: Path, mistake: tuple[str, str], finding: str
) -> None:
    workflow = (project / ".github" / "workflows" / "kind.yml").read_text()
    assert mistake[0] in workflow
    wrong = tmp_path / "kind.yml"
    wrong.write_text(workflow.replace(*mistake))
    linted = actionlint(wrong)
    assert linted.returncode == 1
    assert finding in linted.stdout
