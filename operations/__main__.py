"""Commands for people and CI around `pulumi up`; docs/runbook.md says when.

\b
Exit codes of every command:
  0  nothing to object to, or the work is done
  1  a file is wrong or something failed; the message says what
  2  wrong usage
The help of a command lists its other exit codes. TENANT_NATS_TRACEBACK=1
shows the traceback of a failure.
"""

import typer

from operations.adopt import adopt
from operations.autoscale import autoscale
from operations.changes import changes
from operations.check import check
from operations.contract import contract
from operations.database_roles import database_roles
from operations.deployed import deployed
from operations.drift import drift
from operations.edge import Edge
from operations.editing.command import add, set_
from operations.guard import guard
from operations.post import post
from operations.propose import propose
from operations.recovery.command import recover
from operations.render import render
from operations.rules import rules
from operations.shards.command import shards
from operations.sql_exporter import sql_exporter
from operations.status import status
from operations.verification.command import verify

app = typer.Typer(
    cls=Edge,
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would fold the tables of exit codes
)
app.command()(check)
app.command()(contract)
app.command()(deployed)
app.command()(drift)
app.command()(changes)
app.command()(add)
app.command("set")(set_)
app.command()(database_roles)
app.command()(guard)
app.command()(post)
app.command()(render)
app.command()(rules)
app.command()(sql_exporter)
app.command()(recover)
app.command()(adopt)
app.command()(status)
app.command()(verify)
app.command()(autoscale)
app.command()(propose)
app.add_typer(shards, name="shards")


def main() -> None:
    """Run the command that the arguments name."""
    app(prog_name="tenant-nats")


if __name__ == "__main__":
    main()
