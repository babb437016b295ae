"""docs/layout.md lists what there is, and a module's name says which one is meant."""

import re
from collections import Counter
from itertools import chain

import pytest

from sandbox.layout import PROJECT
from tests.packages import PACKAGES

FOLDERS = sorted(
    str(file.parent.relative_to(PROJECT))
    for package in PACKAGES
    for file in (PROJECT / package).rglob("__init__.py")
    if file.parent != PROJECT / "controlplane" / "schema"
)
MEANT_TO_REPEAT = {"__init__.py", "__main__.py", "command.py"}
"""`command.py` is what a package of `operations` has its command in."""


def modules(folder: str) -> set[str]:
    return {file.name for file in (PROJECT / folder).glob("*.py")} - {"__init__.py"}


def listed() -> dict[str, list[str]]:
    """The modules that the page lists, by the folder that its heading names; `.` is the program."""
    found: dict[str, list[str]] = {}
    folder = ""
    for line in (PROJECT / "docs" / "layout.md").read_text().splitlines():
        if heading := re.match(r"##+ (.*)", line):
            named = re.match(r"`([\w/]+)`", heading[1])
            folder = named[1] if named else "." if heading[1] == "What the engine runs" else ""
        elif folder and (row := re.match(r"\| (`.*?) \|", line)):
            found.setdefault(folder, []).extend(re.findall(r"`(\w+\.py)`", row[1]))
    return found


@pytest.mark.parametrize("folder", [".", *FOLDERS])
def test_the_page_lists_each_module_once_below_its_package(folder: str) -> None:
    assert sorted(listed().get(folder, [])) == sorted(modules(folder))


def test_the_page_has_no_package_that_is_not_there() -> None:
    assert set(listed()) <= {".", *FOLDERS}


def test_no_two_modules_have_one_name() -> None:
    named = Counter(
        chain.from_iterable(modules(folder) for folder in [".", *FOLDERS, "benchmarks"])
    )
    repeated = {name for name, count in named.items() if count > 1} - MEANT_TO_REPEAT
    assert repeated == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_package_says_what_is_in_it_and_exports_nothing(folder: str) -> None:
    text = (PROJECT / folder / "__init__.py").read_text()
    assert re.fullmatch(r'""".+?"""\n', text, re.DOTALL), text
    assert len(re.findall(r"[.](?=\s+[A-Z`]|\n\"{3})", text)) == 3, "three sentences"
