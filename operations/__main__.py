"""`python -m operations COMMAND`: see `--help`, and docs/runbook.md for when to use which."""

import sys

import typer

from operations.recover import recover

app = typer.Typer(
    add_completion=False, help=__doc__, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.command()(recover)


@app.callback()
def _commands() -> None:
    """With a single command, typer would leave its name out."""


if __name__ == "__main__":
    sys.exit(app())
