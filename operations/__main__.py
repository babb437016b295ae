"""What people and CI ask about an inventory before the engine is asked to act on it.

\b
Every command exits with
  0  when there is nothing to object to;
  1  when a file is wrong or cannot be read: one report, and nothing has been judged;
  2  when it was called in a wrong way;
and says in its own help what else it exits with.
"""

import typer

from operations.check import check
from operations.guard import guard

app = typer.Typer(
    add_completion=False,
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would fold the tables of exit codes
)
app.command()(check)
app.command()(guard)

if __name__ == "__main__":
    app(prog_name="python -m operations")
