"""Options that several commands share, so that one thing has one name and one help text."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from cell.folders import cells
from tenancy.cells import FOLDER
from tenancy.defaults import CLUSTER_DOMAIN
from tenancy.inventory import types
from tenancy.inventory.faults import printable


def utf8(given: str | None) -> str | None:
    """`given`, as a callback of an option whose value goes into a file or a question.

    Raises:
        BadParameter: it has bytes that are not UTF-8, which Python keeps as half characters.
    """
    if given is not None:
        try:
            given.encode()
        except UnicodeEncodeError:
            raise typer.BadParameter(
                f"{printable(given)}: it has bytes that are not UTF-8; type it in a terminal that "
                "speaks UTF-8, for example acme-corp"
            ) from None
    return given


def each_utf8(given: list[str] | None) -> list[str] | None:
    """As `utf8`, of an option that may be repeated."""
    for each in given or []:
        utf8(each)
    return given


def cell_name(given: str | None, folder: Path) -> str:
    """The cell that an option names, or else the only one of the project in `folder`.

    Raises:
        BadParameter: there is no such cell, or there are several.
    """
    there = cells(folder)
    name = there[0] if given is None and len(there) == 1 else given
    if name is None or name not in there:
        if not there:
            raise typer.BadParameter(
                f"--cell: there is no cell here, which is a folder such as {FOLDER}/eu"
            )
        problem = f"{printable(given)} is none of them" if given else "name one"
        raise typer.BadParameter(f"--cell: the cells here are {', '.join(there)}; {problem}")
    return name


def _domain(given: str | None) -> str | None:
    """`given`, as a callback of an option that takes a cluster domain."""
    if given is not None:
        try:
            TypeAdapter[str](types.ClusterDomain).validate_python(given)
        except ValidationError as error:
            context = error.errors(include_url=False)[0].get("ctx", {})
            raise typer.BadParameter(
                f"{printable(given)}: expected {context['words']}, for example {CLUSTER_DOMAIN}"
            ) from None
    return given


InventoryFile = Annotated[
    Path,
    typer.Option(
        "--inventory",
        metavar="FILE",
        help="The inventory; or the folder of a cell, for example inventory/eu.",
    ),
]
Namespace = Annotated[
    str, typer.Option(callback=utf8, help="Where the servers live: the stack's `namespace`.")
]
ClusterDomain = Annotated[
    str | None,
    typer.Option(
        "--cluster-domain",
        callback=_domain,
        metavar="DOMAIN",
        help="What the DNS names of Services end in: the stack's `clusterDomain`. Otherwise as "
        f"--settings says, or {CLUSTER_DOMAIN}.",
        show_default=False,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        callback=utf8,
        help="The context for kubectl; otherwise the current one.",
        show_default=False,
    ),
]
Stack = Annotated[
    str | None,
    typer.Option(callback=utf8, help="The stack; otherwise the selected one.", show_default=False),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="The stack's settings, where the platform has its own tables or words for statuses, "
        "or the cluster another domain.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]
