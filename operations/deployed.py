"""`deployed`: the inventory of the last `up` that went through."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.options import Json, Stack
from operations.outside.git import RevisionError, git
from operations.outside.pulumi import HISTORY, Engine, EngineError, selected_stack
from operations.recovery.pending import resources
from tenancy.tokens import NATS_INSTANCE
from tenancy.words import counted


def deployed(
    inventory: Annotated[
        Path, typer.Argument(metavar="FILE", help="The inventory, from the project's folder.")
    ],
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Print the inventory of the last successful `pulumi up`.

    That is FILE in the commit of that `up`. The engine records the commit with each `up`, and
    whether the working tree had uncommitted changes: if so, nobody knows what it deployed.
    The previous commit of main is not always the deployed one: CI may have skipped an `up` because
    a later one was waiting, or an `up` may have failed. After a failed `up` the stack has part of a
    later edit, so `guard` takes what the stack has from a preview.

    \b
    For example:
      tenant-nats deployed tenants.yaml --stack prod > base.yaml
      tenant-nats changes --base base.yaml

    \b
    Exit codes:
      0  printed; or nothing was deployed yet, and nothing is printed
      1  the engine or git does not know: in a clone without its history, for example, if the
         stack has servers and no `up` that went through, or if that `up` was made from a working
         tree with uncommitted edits or files
      2  wrong usage
    """
    folder = Path.cwd()
    try:
        engine = Engine(folder, stack or selected_stack(folder))
        commit = _last_commit(engine)
        servers = 0 if commit else _servers(engine)
    except EngineError as error:
        raise stopped(Exit.FAILED, f"What is deployed cannot be told: {error}") from None
    if commit is None and servers:
        raise stopped(Exit.FAILED, _unguarded(servers))
    if commit is None:
        typer.echo("Nothing has been deployed yet.", err=True)
        if as_json:
            typer.echo(json.dumps({"commit": None, "inventory": None}, indent=2))
        return
    try:
        shown = git(folder, "show", f"{commit}:./{inventory}")
    except RevisionError as error:
        raise stopped(Exit.FAILED, f"What is deployed cannot be told: {error}") from None
    if shown.returncode != 0:
        said = shown.stderr.decode(errors="replace").strip()
        raise stopped(Exit.FAILED, f"What is deployed cannot be told: {said} (git show)")
    if as_json:
        text = shown.stdout.decode(errors="replace")
        typer.echo(json.dumps({"commit": commit, "inventory": text}, indent=2))
    else:
        typer.echo(shown.stdout, nl=False)


def _last_commit(engine: Engine) -> str | None:
    """The commit of the last `up` that went through; None where there was none."""
    updates = engine.history()
    for update in updates:
        if update.kind == "destroy":
            return None
        if update.kind == "update" and update.result == "succeeded":
            return _commit_of(update.environment or {})
    if len(updates) == HISTORY:
        raise EngineError(f"none of the last {HISTORY} updates is an `up` that went through.")
    return None


def _commit_of(environment: Mapping[str, str]) -> str:
    """The commit of which an `up` has deployed the inventory.

    Raises:
        EngineError: there is none, or the working tree may have had another inventory.
    """
    commit = environment.get("git.head")
    if not commit:
        raise EngineError("the last `up` was not made from a git repository.")
    dirty = environment.get("git.dirty")
    if dirty == "false":
        return commit
    # The engine's mark is for the whole repository; untracked files count, ignored ones do not.
    seen = (
        "was made from a working tree with uncommitted edits or files"
        if dirty
        else "does not record whether its working tree had uncommitted edits"
    )
    raise EngineError(
        f"the last `up` {seen} (commit {commit[:10]}), so its inventory may be in no commit. "
        "Commit the inventory that was deployed, read a `pulumi preview` of it, and run `pulumi "
        "up` again where `git status --porcelain` prints nothing."
    )


def _servers(engine: Engine) -> int:
    """How many servers the stack's state has."""
    return sum(each["type"] == NATS_INSTANCE for each in resources(engine.export()))


def _unguarded(servers: int) -> str:
    return (
        f"What is deployed cannot be told: the stack has {counted(servers, 'server')} and no `up` "
        "that went through, so no commit says from which inventory they come. Read a `pulumi "
        "preview` of that inventory, then run `pulumi up` of it by hand until it goes through; "
        "after that this command works."
    )
