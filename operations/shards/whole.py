"""A cell as its files say, for commands about all of it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.kubectl import ClusterError, Kubectl
from controlplane.dsn import SETTING, resolve
from operations.editing.text import EditError
from operations.exits import Exit, stopped
from operations.inventories.loading import shards_of
from operations.options import cell_name, utf8
from operations.outside.files import read_bytes
from operations.outside.pulumi import Engine, EngineError
from operations.outside.stack_file import StackFileError, all_settings, namespace_in
from operations.shards.moving import MoveError
from tenancy.cells import Member
from tenancy.inventory.faults import InventoryError

CellName = Annotated[
    str | None,
    typer.Option(
        "--cell",
        callback=utf8,
        help="The cell, a folder in inventory/; may be left out if there is one.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell as its files say."""

    name: str
    base: Member
    shards: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """The base, then the shards."""
        return (self.base, *self.shards)

    def kubectl(self, given: str | None) -> Kubectl:
        """For the cluster of the context that is given, or else of the cell's settings.

        Raises:
            StackFileError, OSError: the settings cannot be read.
        """
        said = self._settings.get("kubernetes:context")
        return Kubectl(given or (said if isinstance(said, str) else None))

    def database_url(self) -> str:
        """Where the rows are, by the environment or else by the cell's secret setting.

        Raises:
            DsnError, EngineError, StackFileError, OSError: it is not said, or cannot be read.
        """
        key = f"tenant-nats:{SETTING}"
        is_set = key in self._settings
        engine = Engine(Path.cwd(), self.base.stack)
        return resolve(engine.setting(key) if is_set else None)

    @property
    def _settings(self) -> dict[str, Any]:
        file = self.base.settings_file
        return all_settings(read_bytes(file), str(file))

    @property
    def namespace(self) -> str:
        """Where its servers live.

        Raises:
            StackFileError: the cell's settings cannot be read, or name none.
        """
        return namespace_in(self.base.settings_file)


def cell_named(given: str | None) -> Cell:
    """The cell that the option names, or the only one.

    Raises:
        BadParameter: there is no such cell, or there are several.
        Exit: its folder cannot be read, or has no inventory.
    """
    name = cell_name(given, Path())
    with reported():
        found = shards_of(name, Path())
    return Cell(name=name, base=Member(cell=name, shard=None), shards=found)


@contextmanager
def reported() -> Generator[None]:
    """Report what prevents a command, and end it."""
    try:
        yield
    except ClusterError as error:
        raise stopped(Exit.FAILED, f"The cluster could not be looked at: {error}.") from None
    except (EditError, EngineError, InventoryError, MoveError, StackFileError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    except OSError as error:
        problem = (
            f"{error.filename} cannot be used ({error.strerror})." if error.filename else error
        )
        raise stopped(Exit.FAILED, str(problem)) from None
