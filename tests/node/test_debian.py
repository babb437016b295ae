"""Debian's packages in the cache: unpacked whole, or not there."""

from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from tests.node import debian


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a network in which nothing can be fetched: that of the node."""
    monkeypatch.setattr(debian, "CACHE", tmp_path)
    return tmp_path


def test_what_cannot_be_fetched_is_one_line_and_leaves_nothing_that_looks_finished(
    cache: Path,
) -> None:
    with pytest.raises(SandboxError, match=r"apt-get failed: .*no-such-package.*apt-get update"):
        debian.ensure(["no-such-package"])
    assert [each.suffix for each in (cache / "debian").iterdir() if each.is_dir()] == [".partial"]


def test_a_machine_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match="This needs Debian or Ubuntu"):
        debian.ensure(["busybox-static"])


def test_a_program_that_no_package_has_is_told_by_name(cache: Path) -> None:
    with pytest.raises(SandboxError, match="have no program ipset"):
        debian.program(cache, "ipset")
