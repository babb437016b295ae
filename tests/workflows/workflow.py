"""The workflows as data."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(".github") / "workflows"

Settings = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One job, with what it has from its workflow."""

    workflow: str
    """The file's name without its ending."""
    name: str
    triggers: Settings
    permissions: Settings
    concurrency: Settings
    shared: Settings
    """The environment of all jobs of the workflow."""
    settings: Settings

    @property
    def steps(self) -> list[Settings]:
        return self.settings["steps"]

    @property
    def runs(self) -> list[str]:
        """The command lines."""
        return [step["run"] for step in self.steps if "run" in step]

    @property
    def targets(self) -> set[str]:
        """The targets of the Makefile that it makes."""
        return {target for line in self.runs for target in made_by(line)}


def jobs(project: Path) -> list[Job]:
    """Every job of every workflow."""
    found: list[Job] = []
    for file in sorted((project / FOLDER).iterdir()):
        workflow: Settings = YAML(typ="safe", pure=True).load(file)
        found += [
            Job(
                workflow=file.stem,
                name=name,
                triggers=_triggers(workflow["on"]),
                permissions=job.get("permissions", workflow.get("permissions")),
                concurrency=workflow["concurrency"],
                shared=workflow.get("env", {}),
                settings=job,
            )
            for name, job in workflow["jobs"].items()
        ]
    return found


def _triggers(on: str | list[str] | Settings) -> Settings:
    if isinstance(on, str):
        return {on: None}
    return on if isinstance(on, dict) else dict.fromkeys(on)


def made_by(line: str) -> list[str]:
    """The targets in `VARIABLE=value make target target`.

    Raises:
        ValueError: the line does something else as well.
    """
    words = shlex.split(line, comments=False)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if words[:1] != ["make"] or not all(re.fullmatch("[a-z]+", word) for word in words[1:]):
        raise ValueError(f"`{line}` is not `make` of a target and nothing else")
    return words[1:]


def targets(project: Path) -> set[str]:
    """The targets of the Makefile and of what it includes."""
    files = [project / "Makefile", project / "installed" / "share" / "tenant-nats" / "ci.mk"]
    text = "\n".join(file.read_text() for file in files)
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


def read_by(project: Path, target: str) -> set[str]:
    """The variables of the environment that a target for CI reads, and those before it."""
    text = (project / "installed" / "share" / "tenant-nats" / "ci.mk").read_text()
    settable = set(re.findall(r"^(?:export )?([A-Z_]+) \?=", text, re.MULTILINE))
    before, recipe = _rule(text, target)
    set_there = {"EACH", *re.findall(r"\b([A-Z_]+)=", recipe)}
    for name in re.findall(r"\$\(([A-Z_]+)\)", recipe):
        recipe += _defined(text, name)
    by_shell = set(re.findall(r"\$\$([A-Z_]+)", recipe)) - set_there
    by_make = settable & set(re.findall(r"\$\(([A-Z_]+)\)", recipe))
    return by_shell.union(by_make, *(read_by(project, each) for each in before.split()))


def _rule(text: str, target: str) -> tuple[str, str]:
    """What a target is made after, and its recipe; a target without papers is one of a member."""
    rules = re.findall(rf"^{target}:(.*?)##.*\n((?:\t.*\n)+)", f"{text}\n", re.MULTILINE)
    return rules[0] if rules else ("", "")


def _defined(text: str, name: str) -> str:
    """The shell's program of this name, for `$(NAME)` in a recipe."""
    return "".join(re.findall(rf"^define {name}\n(.*?)^endef", text, re.MULTILINE | re.DOTALL))


def texts(value: Any) -> Iterator[str]:
    """Every text anywhere in `value`."""
    match value:
        case dict():
            for each in value.values():  # pyright: ignore[reportUnknownVariableType]
                yield from texts(each)
        case list():
            for each in value:  # pyright: ignore[reportUnknownVariableType]
                yield from texts(each)
        case str():
            yield value
        case _:
            pass
