"""`tenant-nats shards`: its table of commands."""

import typer

from operations.shards.checking import check
from operations.shards.moves import add, merge, move, settle_, split
from operations.shards.operator import for_operator
from operations.shards.outcome import summary, waves
from operations.shards.overview import due_, list_

shards = typer.Typer(callback=for_operator, invoke_without_command=True)
shards.command("list")(list_)
shards.command("due")(due_)
shards.command()(check)
shards.command()(waves)
shards.command()(summary)
shards.command()(add)
shards.command()(move)
shards.command()(split)
shards.command()(merge)
shards.command("settle")(settle_)
