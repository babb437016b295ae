"""The command has one name, wherever it is named: in pages, code, messages and workflows."""

import re
import subprocess

import pytest
from typer.main import get_command

from operations.__main__ import app
from sandbox.layout import PROJECT

PACKAGE = "operations"
COMMANDS = list(vars(get_command(app))["commands"])
FORMER = re.compile(
    rf"\bpython3? -m {PACKAGE}\b(?!`? still works)|\b{PACKAGE} ({'|'.join(COMMANDS)})\b"
)
"""What is written where `tenant-nats COMMAND` is meant; that the module still runs may be said."""
FOLD = re.compile(r"""\s*["']?\s*\n[\s#>|]*([rf]?["'])?""")
"""The end of a line, and of a literal that goes on in the next one."""


def former_names(text: str) -> list[str]:
    return [found[0] for found in FORMER.finditer(FOLD.sub(" ", text))]


def test_every_file_calls_the_command_by_its_name() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout
    files = [PROJECT / name for name in listed.split("\0") if name]
    found = {
        str(file.relative_to(PROJECT)): names
        for file in files
        if file.is_file() and (names := former_names(file.read_text(errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "run `{} contract`",
        "which `{}\n  contract` prints",
        "        'make it a member (`{} '\n        f'database-roles`)'",
        '"python -m {} "\n"check"',
        "# run python -m {}\n# check",
    ],
)
def test_a_former_name_is_found_also_over_the_end_of_a_line(text: str) -> None:
    assert former_names(text.format(PACKAGE))


def test_what_only_looks_like_it_is_none() -> None:
    assert not former_names("pending operations of a state; from operations import adopt")
