"""`shards add`, `move`, `split`, `merge` and `settle`: which tenant is in which shard."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cell.folders import is_shard_name
from operations.editing.fields import once, parsed
from operations.options import Json, each_utf8, utf8
from operations.outside.pulumi import Engine
from operations.shards.moving import Inventories, MoveError
from operations.shards.settling import States, check_movable, settle
from operations.shards.whole import Cell, CellName, cell_named, reported
from tenancy.cells import BASE, Member, member_of
from tenancy.inventory.faults import printable
from tenancy.words import agreeing, listed

MOST = 30
"""How many tenants a shard has at most, unless somebody says otherwise: ADR 0044."""
Shard = Annotated[str, typer.Argument(metavar="SHARD", callback=utf8)]

_NEXT = "Commit the inventories, and deploy the shards that are due."


def add(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", callback=utf8)],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]...", callback=each_utf8, help="Any fields, as `set` takes them."
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many tenants a shard may have.")] = MOST,
    cell: CellName = None,
    as_json: Json = False,
) -> None:
    """Add a tenant to the shard with most room, or to a new shard if none has room.

    The shortest inventory counts as the one with most room.

    \b
    For example:
      tenant-nats shards add initech
      tenant-nats shards add initech integrations=60 clients.namespaces=[initech-workers]

    \b
    Exit codes:
      0  the inventory is written
      1  it would have a fault, or the tenant is there already; nothing is written
      2  wrong usage
    """
    found = cell_named(cell)
    given = once(parsed(fields or []))
    with reported():
        shard = _files(found, _Answer(as_json)).add(tenant, given, most)
    if as_json:
        typer.echo(json.dumps({"tenant": tenant, "file": str(shard.inventory)}, indent=2))
    else:
        typer.echo(f"{tenant} is in {shard.inventory}. Commit it, and deploy {shard.stack}.")


def move(
    tenants: Annotated[list[str], typer.Argument(metavar="TENANT...", callback=each_utf8)],
    shard: Shard,
    cell: CellName = None,
    as_json: Json = False,
) -> None:
    """Move tenants to another shard, and restart nothing.

    Their entries go from one inventory to the other, as they are written, with the comments above
    them; then their part of the state goes from one stack to the other. No object, row or address
    changes. If it is interrupted, run it again: it goes on. Commit the inventories and deploy the
    shards.

    \b
    For example:
      tenant-nats shards move acme-corp 018
      tenant-nats shards move acme-corp globex 018 --cell eu

    \b
    Exit codes:
      0  they are moved, or were there already
      1  they cannot be moved; the message says what was done
      2  wrong usage
    """
    found, answer = cell_named(cell), _Answer(as_json)
    with reported():
        files, states = _files(found, answer), _states(answer)
        target = files.shard(shard)
        homes = dict.fromkeys(tenants, target)
        leaving = files.sources(tenants, target)
        check_movable(states, [target, *leaving])
        files.move(tenants, target)
        settle(homes, states, leaving)
        if not leaving or homes.keys() - states.tenants(target).keys():
            # Of an interrupted move, or of an older stack: they may be in any state.
            settle(homes, states, _everywhere(found))
        if new := sorted(homes.keys() - states.tenants(target).keys()):
            answer.say(
                f"{', '.join(new)}: in no state, so an `up` of {target.stack} makes the servers."
            )
    answer.end(_NEXT)


def split(
    shard: Shard,
    new: Annotated[
        str | None,
        typer.Option(
            "--new",
            metavar="SHARD",
            callback=utf8,
            help="What the new shard is called; otherwise the next number.",
            show_default=False,
        ),
    ] = None,
    cell: CellName = None,
    as_json: Json = False,
) -> None:
    """Move the later half of a shard's tenants to a new shard, and restart nothing.

    The new inventory is a copy without those that stay. If it is interrupted, run it again with
    --new and the name of the new shard, so that nothing is split twice.

    \b
    For example:
      tenant-nats shards split 017
      tenant-nats shards split 017 --new 035

    \b
    Exit codes:
      0  it is split, or an interrupted split is finished
      1  it cannot be split; the message says what was done
      2  wrong usage
    """
    if new is not None and not is_shard_name(new):
        raise typer.BadParameter(
            f"--new: {printable(new)}: expected lower-case letters and digits, at most 12, and not "
            f"{BASE}; for example 018"
        )
    found, answer = cell_named(cell), _Answer(as_json)
    with reported():
        files, states = _files(found, answer), _states(answer)
        source = files.shard(shard)
        check_movable(states, [source])
        is_finished = files.finish_split(source, new)
        is_finished |= settle(files.homes(states.tenants(source)), states, [source])
        if not is_finished and new and new in {each.shard for each in files.shards}:
            answer.say(f"{files.shard(new).inventory} is there already. Nothing was left to do.")
        elif not is_finished:
            files.split(source, new)
            settle(files.homes(states.tenants(source)), states, [source])
    answer.end(_NEXT)


def merge(
    shard: Shard,
    into: Annotated[str, typer.Argument(metavar="INTO", callback=utf8)],
    cell: CellName = None,
    as_json: Json = False,
) -> None:
    """Move all tenants of a shard to another one, and remove its inventory.

    Nothing restarts. If it is interrupted, run it again. The empty stack is left: the last lines
    say how to remove it.

    \b
    For example:
      tenant-nats shards merge 018 017

    \b
    Exit codes:
      0  they are merged, or were already
      1  they cannot be merged; the message says what was done
      2  wrong usage
    """
    found, answer = cell_named(cell), _Answer(as_json)
    if not is_shard_name(shard):
        raise typer.BadParameter(
            f"{printable(shard)} is no shard; for example {found.shards[0].name}"
        )
    with reported():
        files, states = _files(found, answer), _states(answer)
        target = files.shard(into)
        source = Member(cell=found.name, shard=shard)
        check_movable(states, [source, target])
        if source in files.shards or states.of(source) is None:
            files.merge(files.shard(shard), target)
        settle(files.homes(states.tenants(source)), states, [source])
        if left := sorted(states.tenants(source)):
            raise MoveError(
                f"{source.stack} still has {listed(left, most=3)}, and no inventory has "
                f"{agreeing(len(left), 'this tenant', 'these tenants')}. If {source.inventory} was "
                f"removed by mistake, restore it (`git log -- {source.inventory}`). Nothing was "
                "destroyed."
            )
    answer.end(
        f"{_NEXT} Then remove the empty stack:\n"
        f"  pulumi destroy --stack {source.stack} --config-file {source.settings_file}\n"
        f"  pulumi stack rm {source.stack}"
    )


def settle_(cell: CellName = None, as_json: Json = False) -> None:
    """Move each tenant's part of the state to the shard whose inventory has the tenant.

    It reads the states of all stacks of the cell, the base too. So it finishes whatever was
    interrupted, and it makes a cell of one stack: docs/scale.md. No object, row or address changes.

    \b
    For example:
      tenant-nats shards settle --cell eu

    \b
    Exit codes:
      0  each tenant is in the state of its own shard
      1  a tenant cannot be moved; the message says what was done
      2  wrong usage
    """
    found, answer = cell_named(cell), _Answer(as_json)
    with reported():
        homes, states = _files(found, answer).homes(), _states(answer)
        is_changed = settle(homes, states, members := _everywhere(found))
        for member in members:
            if left := sorted(states.tenants(member).keys() - homes.keys()):
                answer.say(
                    f"{member.stack} has {listed(left, most=5)}, in no inventory. Its next `up` "
                    f"removes {agreeing(len(left), 'it', 'them')}, but refuses while a row is live."
                )
    answer.end(_NEXT if is_changed else "Each tenant is in the state of its own shard.")


@dataclass
class _Answer:
    """What a command has done: printed as it happens, or as JSON at the end."""

    as_json: bool
    done: list[str] = field(default_factory=list[str])

    def say(self, line: str) -> None:
        self.done.append(line)
        # So it is told as well if the command fails later.
        typer.echo(line, err=self.as_json)

    def end(self, following: str) -> None:
        """Say what is to follow."""
        if self.as_json:
            typer.echo(json.dumps({"done": self.done, "next": following}, indent=2))
        else:
            typer.echo(following)


def _files(cell: Cell, answer: _Answer) -> Inventories:
    return Inventories(Path(), cell.name, cell.shards, answer.say)


def _everywhere(cell: Cell) -> tuple[Member, ...]:
    """All members, with those of which there is a stack and no inventory any more."""
    known = {each.stack for each in cell.members}
    stacks = Engine(Path.cwd(), cell.base.stack).neighbours()
    gone = (member_of(each, cell.name) for each in stacks if each not in known)
    return (*cell.members, *filter(None, gone))


def _states(answer: _Answer) -> States:
    return States(lambda member: Engine(Path.cwd(), member.stack), answer.say)
