"""`tenant-nats shards`: its table of commands."""

import typer

from operations.shards.checking import check
from operations.shards.moves import add, merge, move, settle_, split
from operations.shards.overview import due_, list_

shards = typer.Typer(
    no_args_is_help=True, help="All stacks of a cell: docs/scale.md says what a cell is."
)
shards.command("list")(list_)
shards.command("due")(due_)
shards.command()(check)
shards.command()(add)
shards.command()(move)
shards.command()(split)
shards.command()(merge)
shards.command("settle")(settle_)
