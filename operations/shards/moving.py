"""Moves entries of tenants between the inventories of a cell.

The new file is written first: an interrupted move leaves a tenant in both, and never in none. The
same call finishes it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from operations.editing.entries import joined, without
from operations.editing.text import added, mapping_of, read
from operations.inventories.finding import having
from operations.outside.files import read_text, replace_file, write_text
from tenancy.cells import Member
from tenancy.inventory.faults import printable
from tenancy.inventory.validation import parse
from tenancy.words import listed


class MoveError(Exception):
    """It cannot be done; the text says why, and what was written before."""


@dataclass
class Inventories:
    """The inventories of a cell, as texts."""

    folder: Path
    """The project's."""
    cell: str
    shards: tuple[Member, ...]
    say: Callable[[str], None]
    _texts: dict[Member, str] = field(default_factory=dict[Member, str])

    def shard(self, name: str) -> Member:
        """The shard of this name.

        Raises:
            MoveError: it has no inventory.
        """
        found = next((each for each in self.shards if each.shard == name), None)
        if found is None:
            known = ", ".join(str(each.shard) for each in self.shards)
            raise MoveError(
                f"There is no shard {printable(name)} in {self._folder}; there are {known}. "
                "`tenant-nats shards split` makes one."
            )
        return found

    def homes(self, tenants: Collection[str] | None = None) -> Mapping[str, Member]:
        """The shard whose inventory has the tenant, by tenant; those of all tenants for None.

        Raises:
            MoveError: a tenant is in several inventories.
            InventoryError, OSError: an inventory cannot be read.
        """
        if tenants is None:
            placed = [(each, shard) for shard in self.shards for each in self._tenants(shard)]
        else:
            holders = self._holders(tenants)
            placed = [(each, shard) for each in tenants for shard in holders[each]]
        found: dict[str, Member] = {}
        for tenant, shard in placed:
            if tenant in found:
                raise MoveError(
                    f"{tenant} is in {found[tenant].inventory} and in {shard.inventory}: "
                    f"`tenant-nats shards move {tenant} SHARD` leaves it in one. Nothing was done."
                )
            found[tenant] = shard
        return found

    def move(self, tenants: Collection[str], target: Member) -> None:
        """Move the entries of these tenants to the inventory of `target`.

        Raises:
            MoveError, EditError, InventoryError, OSError: it cannot be done.
        """
        sources = self.sources(tenants, target)
        for source, going in sources.items():
            if going >= self._tenants(source):
                raise MoveError(
                    f"{source.inventory} would be left without a tenant: `tenant-nats shards merge "
                    f"{source.shard} {target.shard}` moves a whole shard. Nothing was done."
                )
        for source, going in sources.items():
            self._transfer(going, source, target)

    def split(self, source: Member, name: str | None) -> None:
        """Move the later half of a shard's tenants to a new shard.

        The new inventory is a copy without the tenants that stay, so sizes and comments are the
        same. Without a `name` it gets the next number.

        Raises:
            MoveError, EditError, InventoryError, OSError: it cannot be done.
        """
        tenants = self._tenants(source)
        if len(tenants) < 2:
            raise MoveError(f"{source.inventory} has one tenant, so there is nothing to split.")
        target = Member(cell=self.cell, shard=name or self._next())
        if target in self.shards:
            raise MoveError(f"{target.inventory} is there already. Nothing was done.")
        going = set(sorted(tenants)[len(tenants) // 2 :])
        self._write(target, without(self._text(source), tenants - going))
        self.shards = (*self.shards, target)
        self._write(source, without(self._text(source), going))
        self._tell(going, source, target)

    def finish_split(self, source: Member, name: str | None) -> bool:
        """Finish an interrupted split: a shard whose tenants are all in `source` too keeps them.

        Returns:
            Whether there was one.

        Raises:
            EditError, InventoryError, OSError: it cannot be done.
        """
        tenants, is_found = self._tenants(source), False
        for each in self.shards:
            is_near = each != source and any(tenant in self._text(each) for tenant in tenants)
            if is_near and name in (None, each.shard) and (going := self._tenants(each)) < tenants:
                self._write(source, without(self._text(source), going))
                self._tell(going, source, each)
                is_found = True
        return is_found

    def merge(self, source: Member, target: Member) -> None:
        """Move all tenants of a shard to another one, and remove its inventory.

        Raises:
            MoveError, EditError, InventoryError, OSError: it cannot be done.
        """
        if source == target:
            raise MoveError("A shard cannot be merged into itself. Nothing was done.")
        going = self._tenants(source)
        self._write(target, joined(self._text(target), self._text(source), sorted(going)))
        (self.folder / source.inventory).unlink()
        self.shards = tuple(each for each in self.shards if each != source)
        self._tell(going, source, target)

    def add(self, tenant: str, fields: Mapping[str, object | None], most: int) -> Member:
        """Add a tenant to the shard with most room, or to a new one if no shard has any.

        Args:
            tenant: the id.
            fields: of its entry.
            most: how many tenants a shard may have.

        Returns:
            The shard that has the tenant.

        Raises:
            MoveError, EditError, InventoryError, OSError: it cannot be done.
        """
        if having := self.homes([tenant]):
            file = having[tenant].inventory
            raise MoveError(f"{tenant} is in {file} already; `set` changes it.")
        # By its length, since to parse every inventory takes seconds.
        shard = min(self.shards, key=lambda each: len(self._text(each)))
        others = self._tenants(shard)
        text = added(self._text(shard), tenant, fields)
        if len(others) >= most:
            shard = Member(cell=self.cell, shard=self._next())
            # So the new inventory has the sizes that the others have.
            text = without(text, others)
            self.shards = (*self.shards, shard)
        self._write(shard, text)
        return shard

    def sources(self, tenants: Collection[str], target: Member) -> dict[Member, set[str]]:
        """The shards that these tenants are to leave for `target`, each with those that it has.

        Raises:
            MoveError: a tenant is in no inventory, or in several others.
            InventoryError, OSError: an inventory cannot be read.
        """
        found: dict[Member, set[str]] = {}
        for tenant, holders in self._holders(tenants).items():
            others = [each for each in holders if each != target]
            if not holders:
                raise MoveError(
                    f"No inventory in {self._folder} has a tenant {printable(tenant)}. Nothing was "
                    "done."
                )
            if len(others) > 1:
                named = listed([str(each.inventory) for each in others], most=3)
                raise MoveError(
                    f"{tenant} is in {named}: take it out of all but one by hand. Nothing was done."
                )
            for source in others:
                found.setdefault(source, set()).add(tenant)
        return found

    def _transfer(self, tenants: Collection[str], source: Member, target: Member) -> None:
        come = joined(self._text(target), self._text(source), sorted(tenants))
        left = without(self._text(source), tenants)
        self._write(target, come)
        self._write(source, left)
        self._tell(tenants, source, target)

    def _next(self) -> str:
        """The number after the highest, as long as the others."""
        numbers = [str(each.shard) for each in self.shards if str(each.shard).isdigit()]
        width = max((len(each) for each in numbers), default=3)
        return str(max(map(int, numbers), default=0) + 1).zfill(width)

    def _holders(self, tenants: Iterable[str]) -> dict[str, list[Member]]:
        """The shards whose inventories have the tenant, by tenant."""
        contents = {each.inventory: self._text(each).encode() for each in self.shards}
        files = {tenant: having(contents, tenant) for tenant in tenants}
        return {
            tenant: [each for each in self.shards if each.inventory in found]
            for tenant, found in files.items()
        }

    def _write(self, shard: Member, text: str) -> None:
        """Replace an inventory, unless the new one has a fault."""
        parse(shard.inventory, text.encode())
        file = self.folder / shard.inventory
        if file.exists():
            replace_file(file, text.encode())
        else:
            write_text(file, text)
        self._texts[shard] = text

    def _tell(self, tenants: Collection[str], source: Member, target: Member) -> None:
        self.say(f"{listed(sorted(tenants), most=5)}: {source.inventory} → {target.inventory}.")

    @property
    def _folder(self) -> Path:
        return self.shards[0].inventory.parent

    def _text(self, shard: Member) -> str:
        if shard not in self._texts:
            self._texts[shard] = read_text(self.folder / shard.inventory)
        return self._texts[shard]

    def _tenants(self, shard: Member) -> set[str]:
        return set(mapping_of(read(self._text(shard)).get("tenants")))
