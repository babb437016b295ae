"""What uv.lock pins, read without uv."""

import tomllib
from pathlib import Path
from typing import Any

Package = dict[str, Any]
Pin = tuple[str, str]
"""A package's name and its version."""

PROJECT = "tenant-nats"


def packages(folder: Path) -> dict[str, Package]:
    """Every package of the lock in `folder` by name; no name has two versions here."""
    locked: list[Package] = tomllib.loads((folder / "uv.lock").read_text())["package"]
    by_name = {package["name"]: package for package in locked}
    assert len(by_name) == len(locked)
    return by_name


def runtime(folder: Path) -> set[Pin]:
    """What `make deploy` runs with: the program, its packages and theirs, on any platform."""
    project = packages(folder)[PROJECT]
    return _closure(packages(folder), [*project["dependencies"]])


def everything(folder: Path) -> set[Pin]:
    """Every package but the project itself."""
    return {(name, each["version"]) for name, each in packages(folder).items() if name != PROJECT}


def _closure(locked: dict[str, Package], wanted: list[Package]) -> set[Pin]:
    found: set[tuple[str, str]] = set()
    done: set[tuple[str, str]] = set()
    while wanted:
        needed = wanted.pop()
        package = locked[needed["name"]]
        found.add((package["name"], package["version"]))
        for extra in ("", *needed.get("extra", ())):
            if (package["name"], extra) not in done:
                done.add((package["name"], extra))
                optional = package.get("optional-dependencies", {})
                wanted += optional[extra] if extra else package.get("dependencies", [])
    return found
