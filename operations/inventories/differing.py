"""Which files of a cell an edit has changed: only these are read, whatever the cell's size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cell.folders import is_shard
from operations.inventories.loading import files_of, is_folder, load_all
from operations.outside.files import read_bytes
from operations.outside.git import RevisionError, git, revision_of
from tenancy.inventory import merging, yaml_source
from tenancy.inventory.faults import InventoriesError, InventoryError
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import parse


@dataclass(frozen=True, kw_only=True)
class Differing:
    """An edit of a cell, as far as its files differ."""

    name: str
    """What it is compared with, in words: `inventory/eu of origin/main`."""
    is_new: bool
    """Whether there was no such cell before."""
    before: Mapping[Path, Inventory]
    """The files that are changed or gone, as they were; named `REVISION:inventory/eu/001.yaml`."""
    after: Mapping[Path, Inventory]
    """Those that are changed or new."""
    same: tuple[Path, ...]
    """Those that do not differ, which nobody has read."""

    @property
    def shards(self) -> tuple[str, ...]:
        """The shards whose files differ, by name."""
        return tuple(sorted({file.stem for file in (*self.before, *self.after)}))

    @property
    def count(self) -> int:
        """How many files the cell has, before or after."""
        return len(self.same) + len(self.shards)

    @property
    def base(self) -> Inventory | None:
        """All that the files which differ had; None if they had nothing."""
        return _union(self.before)

    @property
    def head(self) -> Inventory | None:
        """All that they have; None if they have nothing."""
        return _union(self.after)

    @property
    def moves(self) -> dict[str, tuple[str, str]]:
        """From which shard to which a tenant moves, by tenant."""
        before, after = _shards(self.before), _shards(self.after)
        return {
            tenant: (before[tenant], shard)
            for tenant, shard in sorted(after.items())
            if before.get(tenant, shard) != shard
        }

    def others(self) -> Inventory | None:
        """All that is in the files that do not differ. They are read, which takes its time.

        Raises:
            InventoryError: one has a fault.
        """
        found, errors = load_all(self.same)
        if errors:
            raise InventoriesError(self.same[0].parent, errors)
        return _union(found)


def differing(folder: Path, asked: str | None) -> Differing:
    """The edit that made the cell's `folder` what it is.

    Args:
        folder: the cell's, as edited.
        asked: a folder, or else a revision that has the cell at the same path. None for the commit
            where the branch of `folder` left origin/main, or HEAD if there is no origin/main.

    Raises:
        InventoryError: the folder, or a file that differs, has a fault.
        RevisionError: there is no such revision, or no git.
        OSError: a file of the former folder cannot be read.
    """
    files = files_of(folder)
    if asked is not None and is_folder(Path(asked)):
        name = asked
        former = {file.name: file for file in files_of(Path(asked))}
        there = {name: read_bytes(file) for name, file in former.items()}
        here = {file.name: read_bytes(file) for file in files}
        contents = {former[name]: there[name] for name in there if there[name] != here.get(name)}
        changed = [file for file in files if here[file.name] != there.get(file.name)]
    else:
        revision = revision_of(folder, folder.absolute(), asked)
        name = f"{folder} of {revision}"
        blobs = blobs_at(folder, revision)
        hashes = dict(zip(files, hashes_of(folder, [file.name for file in files]), strict=True))
        changed = [file for file in files if hashes[file] != blobs.get(file.name)]
        kept = {file.name for file in files} - {file.name for file in changed}
        gone = [each for each in blobs if each not in kept]
        there = blobs
        contents = {
            Path(f"{revision}:{folder / each}"): content
            for each, content in zip(
                gone, _contents(folder, [blobs[each] for each in gone]), strict=True
            )
        }
    same = {*files} - {*changed}
    return Differing(
        name=name,
        is_new=not there,
        before=_parsed(contents),
        after=_loaded(folder, changed),
        same=tuple(sorted(same)),
    )


def blobs_at(folder: Path, revision: str) -> dict[str, str]:
    """The hash of each shard's file that a cell's folder has in a revision, by the file's name.

    Raises:
        RevisionError: git refuses, in its own words, or there is none.
    """
    found: dict[str, str] = {}
    for entry in _git(folder, "ls-tree", "-z", revision).decode(errors="replace").split("\0"):
        about, _, name = entry.partition("\t")
        if name and is_shard(Path(name)):
            found[name] = about.split()[2]
    return found


def hashes_of(folder: Path, names: Sequence[str], *options: str) -> list[str]:
    """What git would call the files of these names in `folder`, as they are.

    Not `git diff`, which believes of some files that they are as they were.

    Raises:
        RevisionError: git refuses, in its own words, or there is none.
    """
    # As arguments: of those on stdin, git takes the names as from the repository's root.
    return _git(folder, "hash-object", *options, "--", *names).decode().split() if names else []


def _contents(folder: Path, blobs: Sequence[str]) -> list[bytes]:
    said = _git(folder, "cat-file", "--batch", stdin="".join(f"{it}\n" for it in blobs).encode())
    found: list[bytes] = []
    for _ in blobs:
        about, _, said = said.partition(b"\n")
        size = int(about.split()[2])
        found.append(said[:size])
        said = said[size + 1 :]
    return found


def _git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    answer = git(folder, *arguments, stdin=stdin)
    if answer.returncode != 0:
        said = answer.stderr.decode(errors="replace").strip()
        raise RevisionError(f"git {arguments[0]}: {said}")
    return answer.stdout


def _parsed(contents: Mapping[Path, bytes]) -> dict[Path, Inventory]:
    """The inventories of these `contents`, by the name of each.

    Raises:
        InventoryError: they have faults, or contradict each other.
    """
    found: dict[Path, Inventory] = {}
    errors: list[InventoryError] = []
    for path, data in contents.items():
        try:
            found[path] = parse(path, data)
        except InventoryError as error:
            errors.append(error)
    errors += merging.contradictions(found, lambda path: yaml_source.parse(path, contents[path]))
    if errors:
        raise InventoriesError(next(iter(contents)).parent, errors)
    return found


def _loaded(folder: Path, files: Sequence[Path]) -> dict[Path, Inventory]:
    found, errors = load_all(files)
    errors += merging.contradictions(found)
    if errors:
        raise InventoriesError(folder, errors)
    return found


def _union(inventories: Mapping[Path, Inventory]) -> Inventory | None:
    return merging.merged(inventories) if inventories else None


def _shards(inventories: Mapping[Path, Inventory]) -> dict[str, str]:
    """The shard of each tenant."""
    return {
        tenant: file.stem for file, inventory in inventories.items() for tenant in inventory.tenants
    }
