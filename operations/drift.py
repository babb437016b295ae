"""`drift`: what somebody changed out-of-band, in the cluster or the rows."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from operations.exits import Exit, stopped
from operations.options import Json, Stack
from operations.outside.files import write_text
from operations.outside.pulumi import Engine, EngineError, selected_stack
from tenancy.edit.approval import IDLE
from tenancy.edit.steps import PreviewError, Step, preview_steps
from tenancy.rows.placement import LEAVE_VARIABLE
from tenancy.words import agreeing, counted, in_code, in_markdown


def drift(
    stack: Stack = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the drift there, in Markdown; an empty file if there is none.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Report drift: what `pulumi up --refresh` would change.

    It changes nothing. By `pulumi preview --refresh` it compares every object in the cluster and
    every row, but not integrations, which come and go. If the stack's last `up` succeeded, and you
    have the inventory and the program of that `up`, all that it finds was changed out-of-band.

    \b
    For example:
      tenant-nats drift --stack prod --report drift.md

    \b
    Exit codes:
      0  everything is as the stack says
      1  the engine failed, or the report cannot be written
      2  wrong usage
      5  something differs
    """
    folder = Path.cwd()
    try:
        environment = {**os.environ, LEAVE_VARIABLE: "yes"}
        engine = Engine(folder, stack or selected_stack(folder), environment)
        steps = preview_steps(engine.preview_json(refresh=True))
    except EngineError as error:
        raise stopped(Exit.FAILED, f"Drift could not be checked: {error}") from None
    except PreviewError as error:
        raise stopped(Exit.FAILED, f"Drift could not be checked: {error}.") from None
    changes = [step for step in steps if step.operation not in IDLE]
    text = told(engine.stack_name, changes) if changes else ""
    if as_json:
        typer.echo(
            json.dumps({"stack": engine.stack_name, "differences": _data(changes)}, indent=2)
        )
    elif changes:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Nothing in {engine.stack_name} differs from what the stack says.")
    if report:
        # Last, so that whoever reads this learns of the drift though the report cannot be written.
        _write(report, text)
    if changes:
        raise typer.Exit(Exit.DIFFERENT)


def _write(report: Path, text: str) -> None:
    try:
        write_text(report, text)
    except OSError as error:
        # An empty file says that nothing differs, and `post` would close the issue.
        with suppress(OSError):
            if report.is_file():
                report.unlink()
        raise stopped(
            Exit.FAILED,
            f"{report} cannot be written ({error.strerror}), so there is no report. Give --report "
            "a file in a folder that you may write into, for example /tmp/drift.md.",
        ) from None


def _data(changes: list[Step]) -> list[dict[str, str]]:
    return [{"operation": each.operation, "type": each.type, "name": each.name} for each in changes]


def told(stack: str, changes: list[Step]) -> str:
    """What differs, in Markdown that is readable as plain text."""
    lines = [
        f"- {each.operation} {in_markdown(each.type.rpartition(':')[2])} {in_code(each.name)}"
        for each in changes
    ]
    differ = agreeing(len(lines), "differs", "differ")
    return (
        f"{counted(len(lines), 'resource')} {differ} from what the stack {in_markdown(stack)} says."
        " `pulumi up --refresh` would\n\n"
        + "\n".join(lines)
        + "\n\nFind out who changed it and why. Put what should stay into the inventory or the "
        "program; `pulumi up --refresh` reverts the rest (docs/runbook.md, Drift)."
        "\n"
    )
