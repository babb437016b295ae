"""How the output of `pulumi` is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations.outside.pulumi import Engine


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `pulumi` prints what is in the file `answer`."""
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\ncat {tmp_path / 'answer'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def previewed(folder: Path, answer: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    (folder / "answer").write_text(json.dumps(answer))
    preview = Engine(folder, "prod").preview()
    return preview.creations, dict(preview.settings)


def test_a_preview_of_a_stack_without_settings_leaves_them_out(folder: Path) -> None:
    assert previewed(folder, {"steps": []}) == ([], {})


def test_a_preview_that_would_do_nothing_may_leave_out_its_steps(folder: Path) -> None:
    settings = {"kubernetes:context": "prod"}
    assert previewed(folder, {"config": settings}) == ([], settings)


def test_a_replacement_is_a_creation_too(folder: Path) -> None:
    operations = ("same", "create", "update", "replace", "delete")
    steps = [
        {"op": operation, "newState": {"urn": operation, "type": "t"}} for operation in operations
    ]
    assert previewed(folder, {"steps": steps}) == (
        [{"urn": "create", "type": "t"}, {"urn": "replace", "type": "t"}],
        {},
    )
