"""A cell of several stacks of the real program, in one namespace."""

import copy
import json
from pathlib import Path

from tests.e2e.project import SIZES, Project, Run, Settings, Target

CELL = "eu"


def inventory(*tenants: str) -> str:
    """That of a shard: each tenant has one small server."""
    entries = "".join(f"  {each}: {{size: small}}\n" for each in tenants)
    return f"tenants:\n{entries}{SIZES}"


class MemberProject(Project):
    """One stack of a cell: its base, or a shard."""

    def _run(self, *command: str) -> Run:
        return super()._run(*command, f"--config-file=Pulumi.{CELL}.yaml")


class Cell:
    """A folder with the program, the cell's settings, and an inventory for each shard."""

    def __init__(self, target: Target, folder: Path, *, namespace: str, dsn: str) -> None:
        """Nothing is deployed; the stack of each member is made when it is first asked for."""
        self.any = MemberProject(
            target, folder, namespace=namespace, dsn=dsn, settings={"cell": CELL, "drain": "0s"}
        )
        (folder / "Pulumi.e2e.yaml").rename(folder / f"Pulumi.{CELL}.yaml")
        self.namespace = namespace
        self.folder = folder / "inventory" / CELL
        self.folder.mkdir(parents=True)
        self._members: dict[str, MemberProject] = {}

    @property
    def base(self) -> MemberProject:
        """The stack that owns the namespace."""
        return self.member("base")

    def member(self, name: str) -> MemberProject:
        """The stack of a shard, or `base`."""
        if name not in self._members:
            member = copy.copy(self.any)
            member.stack = f"{CELL}-{name}"
            member.pulumi("stack", "init")
            # `stack init` writes the salt of secrets there, and the cell has settings of its own.
            (member.folder / f"Pulumi.{member.stack}.yaml").unlink()
            self._members[name] = member
        return self._members[name]

    def write(self, shard: str, *tenants: str) -> None:
        """Replace the tenants of a shard, each with one small server."""
        (self.folder / f"{shard}.yaml").write_text(inventory(*tenants))

    def up(self, *names: str) -> None:
        """Deploy these members, one after the other."""
        for name in names:
            run = self.member(name).up()
            assert not run.failed, run.output

    def configure(self, settings: Settings) -> None:
        """Add to the settings of the cell."""
        file = self.any.folder / f"Pulumi.{CELL}.yaml"
        content = json.loads(file.read_text())
        content["config"] |= {f"tenant-nats:{name}": value for name, value in settings.items()}
        file.write_text(json.dumps(content))

    def identities(self) -> dict[str, tuple[str, int]]:
        """`Kind/name` of each object of tenants → its UID and its generation."""
        return {
            f"{each['kind']}/{each['metadata']['name']}": (
                each["metadata"]["uid"],
                each["metadata"].get("generation", 0),
            )
            for each in self.any.objects()
            if "tenant_id" in each["metadata"].get("labels", {})
        }
