"""`shards waves` and `shards summary`: what due.json says, and what became of it.

What is due is asked once, before anything is deployed. Asked again after the canary, the answer
would have another canary.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, StringConstraints, ValidationError

from operations.exits import Exit, stopped
from operations.options import Json
from operations.outside.files import read_text
from tenancy.cells import BASE, CELL, SHARD, Member
from tenancy.inventory.faults import printable
from tenancy.words import counted

DueFile = Annotated[
    Path, typer.Option("--due", metavar="FILE", help="What `shards due --json` has printed.")
]
_DUE, _RESULTS = Path("due.json"), Path(".shards")
_RED, _NOT_BEGUN = "red", "not begun"

_Shard = Annotated[str, StringConstraints(pattern=rf"^{SHARD}$")]


class _Wave(BaseModel):
    name: str
    shards: tuple[_Shard, ...]


class _Due(BaseModel):
    cell: Annotated[str, StringConstraints(pattern=rf"^({CELL})$")]
    base: str | None
    waves: tuple[_Wave, ...]
    why: Mapping[str, str]
    gone: tuple[str, ...]

    @property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """The members that are due, by wave; the base is the first."""
        base = () if self.base is None else (BASE,)
        return {BASE: base, **{each.name: each.shards for each in self.waves}}

    def stack(self, name: str) -> str:
        return Member(cell=self.cell, shard=name).stack

    def reason(self, name: str) -> str:
        return (self.base if name == BASE else None) or self.why.get(self.stack(name), "")


def waves(due: DueFile = _DUE, as_json: Json = False) -> None:
    """Print what `shards due --json` has found, for a shell: a wave a line, its name, its members.

    The waves are base, edits, canary, tenth and rest, in this order. One that is empty is left out.

    \b
    For example:
      tenant-nats shards due --json > due.json
      tenant-nats shards waves

    \b
    Exit codes:
      0  printed; nothing, if nothing is due
      1  the file cannot be read or is wrong
      2  wrong usage
    """
    found = _read(due).members
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, members in found.items():
        if members:
            typer.echo(" ".join((name, *members)))


def summary(
    results: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder with a file NAME.result for each.")
    ] = _RESULTS,
    due: DueFile = _DUE,
    as_json: Json = False,
) -> None:
    """Print in Markdown what became of each member that was due: green, red, or not begun.

    `make shards` writes the results. A red member stays due, and so does one that was not begun.

    \b
    For example:
      tenant-nats shards summary
      tenant-nats shards summary .shards --due due.json

    \b
    Exit codes:
      0  printed, whatever became of them
      1  a file cannot be read or is wrong
      2  wrong usage
    """
    found = _read(due)
    outcomes = {
        each: (name, *_outcome(results / f"{each}.result"))
        for name, members in found.members.items()
        for each in members
    }
    if as_json:
        told = [
            {"stack": found.stack(each), "wave": name, "why": found.reason(each), "result": outcome}
            for each, (name, outcome, _) in outcomes.items()
        ]
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(_markdown(found, outcomes))


def _read(file: Path) -> _Due:
    try:
        return _Due.model_validate_json(read_text(file))
    except OSError as error:
        raise stopped(Exit.FAILED, f"{file} cannot be read ({error}).") from None
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise stopped(
            Exit.FAILED,
            f"{file} is not what `tenant-nats shards due --json` prints: {printable(where)}: "
            f"{printable(first['msg'])}. Make it anew, for example by `make due`.",
        ) from None


def _outcome(file: Path) -> tuple[str, str]:
    """What became of a member, and in how many seconds."""
    try:
        outcome, _, seconds = read_text(file).strip().partition(" ")
    except FileNotFoundError:
        return _NOT_BEGUN, ""
    except OSError as error:
        raise stopped(Exit.FAILED, f"{file} cannot be read ({error}).") from None
    if outcome not in ("green", _RED) or not (seconds.isascii() and seconds.isdecimal()):
        raise stopped(
            Exit.FAILED,
            f"{file} is no result of `make shards`: expected `green` or `red` and seconds, for "
            "example: green 12",
        )
    return outcome, f"{seconds} s"


def _markdown(found: _Due, outcomes: Mapping[str, tuple[str, str, str]]) -> str:
    by_outcome = {
        what: [found.stack(each) for each, (_, outcome, _) in outcomes.items() if outcome == what]
        for what in (_RED, _NOT_BEGUN)
    }
    green = len(outcomes) - sum(map(len, by_outcome.values()))
    told = [
        f"**{found.cell}: {green} of {counted(len(outcomes), 'member')} that were due are green.**"
    ]
    told += [f"{what}: {', '.join(names)}." for what, names in by_outcome.items() if names]
    if found.gone:
        told.append(f"Without an inventory, and still deployed: {', '.join(found.gone)}.")
    if not outcomes:
        told[0] = f"**{found.cell}: nothing was due.**"
    rows = [
        f"| {found.stack(each)} | {name} | {found.reason(each)} | {outcome} | {seconds} |"
        for each, (name, outcome, seconds) in outcomes.items()
    ]
    table = ["| stack | wave | why it was due | result | time |", "|---|---|---|---|---|", *rows]
    return "\n\n".join([" ".join(told), *(["\n".join(table)] if rows else [])])
