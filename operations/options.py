"""Options that several commands share, so that one thing has one name and one help text."""

from pathlib import Path
from typing import Annotated

import typer

InventoryFile = Annotated[Path, typer.Option("--inventory", metavar="FILE", help="The inventory.")]
Namespace = Annotated[str, typer.Option(help="Where the servers live: the stack's `namespace`.")]
Context = Annotated[
    str | None,
    typer.Option(help="The context for kubectl; otherwise the current one.", show_default=False),
]
Stack = Annotated[
    str | None, typer.Option(help="The stack; otherwise the selected one.", show_default=False)
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="The stack's settings, where the platform has its own words for statuses.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]
