"""What Dependabot watches, and how long it waits."""

import subprocess
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ruamel.yaml import YAML

MANIFESTS = {"gomod": "go.mod", "uv": "uv.lock"}


@pytest.fixture
def updates(project: Path) -> list[dict[str, Any]]:
    """The entries of Dependabot's configuration."""
    return YAML(typ="safe", pure=True).load(project / ".github" / "dependabot.yml")["updates"]


def test_every_manifest_is_watched(project: Path, updates: list[dict[str, Any]]) -> None:
    watched = {
        update["package-ecosystem"]: update.get("directories") or [update["directory"]]
        for update in updates
    }
    assert watched["github-actions"] == ["/"]
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=project, check=True, capture_output=True, text=True
    ).stdout.split()
    for ecosystem, manifest in MANIFESTS.items():
        found = [
            PurePosixPath("/", name) for name in tracked if PurePosixPath(name).name == manifest
        ]
        assert found
        assert [
            each
            for each in found
            if not any(fnmatch(str(each.parent), pattern) for pattern in watched[ecosystem])
        ] == []


def test_every_update_waits_a_week_at_least(updates: list[dict[str, Any]]) -> None:
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)
