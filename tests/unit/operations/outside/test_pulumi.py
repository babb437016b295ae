"""How the output of `pulumi` is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations.outside.pulumi import Engine, EngineError


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


@pytest.mark.parametrize(
    ("output", "errors", "told"),
    [
        ("Planning to move\n", "warning: a\nerror: the stack is locked\n", "the stack is locked"),
        ("Diagnostics:\n  error: it failed\n", "warning: a\n", "it failed"),
        (
            "  error: it failed\n",
            "warning: rpc error: b\n",
            "warning: rpc error: b error: it failed",
        ),
        ("one\ntwo\n", "three\n", "three one two"),
    ],
)
def test_a_failure_is_told_by_its_errors_wherever_they_are(
    folder: Path, output: str, errors: str, told: str
) -> None:
    (folder / "answer").write_text(output)
    (folder / "errors").write_text(errors)
    with (folder / "pulumi").open("a") as program:
        program.write(f"cat {folder / 'errors'} >&2\nexit 1\n")
    with pytest.raises(EngineError) as caught:
        Engine(folder, "prod").export()
    assert str(caught.value) == f"pulumi stack export: {told}"
