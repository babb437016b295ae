"""`recover`: put right what an engine left that was killed, so that a plain `up` ends as ever."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cell.folders import member_in
from cluster.kubectl import ClusterError, as_the_plugin
from operations.exits import Exit, Recovery
from operations.options import Json, Stack
from operations.outside.pulumi import (
    Engine,
    EngineError,
    Preview,
    Resource,
    StackLockedError,
    State,
    selected_stack,
)
from operations.recovery import leftovers, pending, unrecorded
from operations.recovery.leftovers import EngineLives, LockUnjudged, Say
from operations.recovery.pending import name, told
from tenancy.words import counted, listed

_MOST_ROUNDS = 4
"""How often to ask a preview again: the namespace, what is in it, what refers to that."""


def recover(
    stack: Stack = None,
    engine_is_dead: Annotated[
        bool,
        typer.Option(
            "--engine-is-dead",
            help="I know that no engine runs on this stack, where that cannot be seen from here.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Repair a stack whose engine was killed. Then `pulumi up` ends as if it had lived.

    Removes the lock of a dead engine, an empty file beside the state of a local backend, and
    processes of this project whose engine is gone. Records in the state what was made in the
    cluster or the database without being recorded, and forgets what was not made. Creates, changes
    and deletes nothing outside the state; on a healthy stack it does nothing. It asks kubectl for
    objects with this project's labels that no state has.

    \b
    For example:
      tenant-nats recover --stack prod && pulumi up --stack prod

    \b
    Exit codes:
      0  done, or nothing to do
      1  something failed, as told
      2  wrong usage
      3  an engine runs on this stack, nothing was done
      4  the stack is locked and it cannot be seen from here whether its engine runs, nothing was
         done (--engine-is-dead)
    """
    folder = Path.cwd()
    try:
        engine = Engine(folder, stack or selected_stack(folder))
    except EngineError as error:
        typer.echo(f"Not recovered: {error} Perhaps --stack helps.", err=True)
        raise typer.Exit(Exit.FAILED) from None
    said = Said(is_quiet=as_json)
    code = run(engine, engine_is_dead=engine_is_dead, up=_up(engine), said=said)
    if as_json:
        typer.echo(json.dumps({"done": said.lines, "exit_code": code}, indent=2))
    raise typer.Exit(code)


def _up(engine: Engine) -> str:
    """The command that deploys the stack."""
    if member := member_in(engine.folder, engine.stack_name):
        return f"pulumi up --stack {engine.stack} --config-file {member.settings_file}"
    return "pulumi up"


def run(
    engine: Engine,
    *,
    engine_is_dead: bool = False,
    up: str | None = "pulumi up",
    said: "Said | None" = None,
) -> int:
    """Do what `recover` says, tell it, and return the exit code.

    `up` is what the caller's people are to run then; None where the caller does it itself.

    It may be interrupted itself, at any point, and run again. The engine has no way to lock a stack
    for more than one command: an `up` that somebody starts in the same seconds may lose what it
    records.
    """
    said = said or Said()
    try:
        leftovers.clear(engine, said, is_dead=engine_is_dead)
        state = _settle_interrupted(engine, engine.export(), said)
        _record_unrecorded(engine, state, said)
    except EngineLives as finding:
        typer.echo(
            f"{finding} Nothing was done; wait for it, or interrupt it with Ctrl-C.", err=True
        )
        return Recovery.ENGINE_LIVES
    except (LockUnjudged, StackLockedError) as finding:
        typer.echo(
            f"The stack is locked, and whether that engine runs cannot be seen from here: {finding}"
            " Find out; if it is dead, run this again with --engine-is-dead.",
            err=True,
        )
        return Recovery.LOCK_UNJUDGED
    except (EngineError, ClusterError) as error:
        # What is told as done is done; nothing of it is undone by what comes after.
        what = "Not all is recovered" if said.lines else "Not recovered"
        typer.echo(f"{what}: {error} Correct that, then run this again.", err=True)
        return Exit.FAILED
    if not said.lines:
        said.at_last("There is nothing to recover.")
    elif up:
        said.at_last(f"Now run `{up}`.")
    return 0


@dataclass
class Said:
    """Prints each finding unless it `is_quiet`, and remembers it."""

    is_quiet: bool = False
    lines: list[str] = field(default_factory=list[str])

    def __call__(self, line: str) -> None:
        """Tell a finding."""
        self.lines.append(line)
        self.at_last(line)

    def at_last(self, line: str) -> None:
        """Tell what is no finding."""
        if not self.is_quiet:
            typer.echo(line)


def _settle_interrupted(engine: Engine, state: State, say: Say) -> State:
    """Find out what became of that which the engine was about to do when it died."""
    interrupted = pending.interrupted(state)
    if not (interrupted or pending.operations(state)):
        return state
    engine.replace_state(pending.record(state, interrupted.creating))
    state = _look_at(engine, interrupted.creating, interrupted.changing)
    for resource in interrupted.creating:
        there = (
            "there, and recorded now" if pending.has(state, resource) else "not there or not ours"
        )
        say(f"Interrupted while creating {name(resource)}: {told(resource)} is {there}.")
    for resource in interrupted.changing:
        say(f"Interrupted while changing {name(resource)}: what it is now is recorded.")
    for resource in interrupted.unidentified:
        say(f"Interrupted while creating {name(resource)}: forgotten; look whether it is there.")
    if not interrupted:
        say("The engine's notes of what it was at are cleared: all of it is recorded already.")
    return state


def _look_at(engine: Engine, adopted: Sequence[Resource], others: Sequence[Resource] = ()) -> State:
    """Let the providers look at these; of those adopted, what is there and ours stays."""
    urns = [resource["urn"] for resource in (*adopted, *others)]
    if urns:
        engine.refresh(urns)
    state = engine.export()
    if strangers := pending.strangers(state, {resource["urn"] for resource in adopted}):
        state = pending.without(state, strangers)
        engine.replace_state(state)
    return state


def _record_unrecorded(engine: Engine, state: State, say: Say) -> None:
    """Record objects of ours that the next `up` would make, and that no state has.

    An orphan, which no program asks for, may belong to a tenant that has left, or to another stack
    that is in this namespace by mistake. Nobody here can know, so it is reported with the command
    that deletes it.
    """
    for _ in range(_MOST_ROUNDS):
        preview = engine.preview()
        setting = _of_the_plugin(engine, preview)
        with as_the_plugin(setting, engine.environment) as kubectl:
            there = unrecorded.live_objects(
                unrecorded.namespaces(state, preview.creations), kubectl
            )
        live = there
        if member := member_in(engine.folder, engine.stack_name):
            live = unrecorded.of_member(there, member, state)
        if lost := unrecorded.beyond_recording(state, preview.creations, live):
            names = listed([f"{each['kind']} {unrecorded.id_of(each)}" for each in lost], most=2)
            raise EngineError(
                f"the state is empty, but {names} exist, which the next `up` would make. If the"
                " state was lost, run `pulumi up` once: it may end with `already exists`, and"
                " leaves a state that can be corrected."
            )
        wanted, orphans = unrecorded.match(state, preview.creations, live)
        if not wanted:
            break
        state = _record(engine, state, wanted, say)
    else:
        raise EngineError(
            f"each of {_MOST_ROUNDS} previews has found more that was not recorded, so there may "
            "be more still, and orphans were not looked for."
        )
    for tenant, count in sorted(unrecorded.elsewhere(preview.creations, there, live).items()):
        say(
            f"{tenant} has {counted(count, 'object')} that this state lacks. An `up` leaves alone "
            "what another stack of the cell has in its state, and takes over what no state has."
        )
    for each in orphans:
        say(f"Not recorded, and nothing asks for it: {each['kind']} {unrecorded.id_of(each)}.")
    for command in unrecorded.deletions(orphans, kubectl):
        with_what = " (with the stack's kubeconfig)" if setting["kubeconfig"] else ""
        # The other stacks of a cell use it too, and all that is looked at here is this one's.
        sure = (
            "no tenant of the cell is being moved"
            if member
            else "no other stack uses this namespace"
        )
        say(
            f"If {sure}, delete that; a server ends at once, and "
            f"nobody asks for an approval{with_what}: {command}"
        )


def _of_the_plugin(engine: Engine, preview: Preview) -> dict[str, str | None]:
    """What the stack says of the cluster; a preview tells all of it but a secret."""
    said = preview.settings
    kubeconfig = "kubernetes:kubeconfig"
    return {
        "kubeconfig": engine.setting(kubeconfig) if kubeconfig in said else None,
        "context": said.get("kubernetes:context"),
        "cluster": said.get("kubernetes:cluster"),
    }


def _record(engine: Engine, state: State, found: Sequence[Resource], say: Say) -> State:
    engine.replace_state(pending.record(state, found))
    state = _look_at(engine, found)
    for resource in found:
        if pending.has(state, resource):
            say(f"Made, but not recorded: {told(resource)}; recorded now.")
    return state
