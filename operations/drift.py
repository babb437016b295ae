"""`drift`: what is otherwise than the program and the state say, since somebody else changed it."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.options import Json, Stack
from operations.outside.pulumi import Engine, EngineError, selected_stack
from tenancy.edit.approval import IDLE
from tenancy.edit.steps import PreviewError, Step, preview_steps
from tenancy.rows.placement import LEAVE_VARIABLE
from tenancy.words import agreeing, counted


def drift(
    stack: Stack = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what is found there too, in Markdown; nothing where nothing is found.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what `pulumi up --refresh` would change, and change nothing.

    It looks at every object in the cluster and every row, by `pulumi preview --refresh`, but not at
    integrations, which come and go. On a stack whose last `up` went through, from the inventory and
    the program of that `up`, whatever it finds was changed by somebody else.

    \b
    For example:
      python -m operations drift --stack prod --report drift.md

    \b
    Exit codes:
      0  everything is as the stack says
      1  the engine cannot tell, as told; no report is written
      2  wrong usage
      5  something differs
    """
    folder = Path.cwd()
    try:
        environment = {**os.environ, LEAVE_VARIABLE: "yes"}
        engine = Engine(folder, stack or selected_stack(folder), environment)
        steps = preview_steps(engine.preview_json(refresh=True))
    except EngineError as error:
        raise stopped(Exit.FAILED, f"Drift cannot be told: {error}") from None
    except PreviewError as error:
        raise stopped(Exit.FAILED, f"Drift cannot be told: {error}.") from None
    changes = [step for step in steps if step.operation not in IDLE]
    text = told(engine.stack_name, changes) if changes else ""
    if report:
        report.write_text(text)
    if as_json:
        typer.echo(
            json.dumps({"stack": engine.stack_name, "differences": _data(changes)}, indent=2)
        )
    elif changes:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Nothing in {engine.stack_name} differs from what the stack says.")
    if changes:
        raise typer.Exit(Exit.DIFFERENT)


def _data(changes: list[Step]) -> list[dict[str, str]]:
    return [{"operation": each.operation, "type": each.type, "name": each.name} for each in changes]


def told(stack: str, changes: list[Step]) -> str:
    """What differs, in Markdown that can be read as it is."""
    lines = [f"- {each.operation} {each.type.rpartition(':')[2]} `{each.name}`" for each in changes]
    differ = agreeing(len(lines), "differs", "differ")
    return (
        f"{counted(len(lines), 'resource')} {differ} from what the stack {stack} says. To put "
        "that right would be to\n\n"
        + "\n".join(lines)
        + "\n\nFind out who changed it and why. What is to stay belongs into the inventory or the "
        "program; `pulumi up --refresh` takes back the rest (docs/runbook.md, Drift)."
        "\n"
    )
