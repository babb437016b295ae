"""A cell of several stacks of the real program, in one namespace."""

import copy
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tenancy.names import TENANT_LABEL
from tenancy.tokens import TENANT
from tests.e2e.project import SIZES, Project, Run, Target

CELL = "eu"


def inventory(*tenants: str, leaving: Sequence[str] = ()) -> str:
    """That of a shard: each tenant has one small server, or is decommissioned."""
    entries = "".join(
        f"  {each}: {{size: small{', state: decommissioned' if each in leaving else ''}}}\n"
        for each in tenants
    )
    return f"tenants:\n{entries}{SIZES}"


class MemberProject(Project):
    """One stack of a cell: its base, or a shard."""

    def _run(self, *command: str) -> Run:
        return super()._run(*command, f"--config-file=Pulumi.{CELL}.yaml")

    def begin_up(self, *options: str) -> subprocess.Popen[bytes]:
        """Start `pulumi up` with the settings of the cell; see `Project`."""
        return super().begin_up(f"--config-file=Pulumi.{CELL}.yaml", *options)


class Cell:
    """A folder with the program, the cell's settings, and an inventory for each shard."""

    def __init__(self, target: Target, folder: Path, *, namespace: str, dsn: str) -> None:
        """Nothing is deployed; the stack of each member is made when it is first asked for."""
        self.any = MemberProject(
            target, folder, namespace=namespace, dsn=dsn, settings={"cell": CELL, "drain": "0s"}
        )
        self._settings = folder / f"Pulumi.{CELL}.yaml"
        (folder / "Pulumi.e2e.yaml").rename(self._settings)
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

    def know(self, name: str) -> None:
        """Know a member whose stack a command has made."""
        member = copy.copy(self.any)
        member.stack = f"{CELL}-{name}"
        self._members[name] = member

    def alone(self) -> MemberProject:
        """The stack that has the namespace for itself, before there is a cell."""
        self.folder.rmdir()
        one = copy.copy(self.any)
        one.stack = CELL
        settings = self._settings.read_text()
        one.pulumi("stack", "init")
        self._settings.write_text(settings)
        self.configure({"cell": None})
        return one

    def become_a_cell(self) -> None:
        """What docs/scale.md says of one stack that becomes a cell, until its first split.

        Before the states follow, an `up` of the base has to refuse: it would lose all tenants.
        """
        self.any.pulumi("stack", "rename", f"{CELL}-base", stack=CELL)
        (self.any.folder / f"Pulumi.{CELL}-base.yaml").rename(self._settings)
        self.configure({"cell": CELL})
        self.folder.mkdir()
        (self.any.folder / "tenants.yaml").rename(self.folder / "001.yaml")
        self.any.kubectl(
            "annotate", "--overwrite", "networkpolicy", "tenant-nats-closed",
            f"tenant-nats/stack=tenant-nats/{CELL}-base",
        )  # fmt: skip
        self.know("base")
        early = self.base.up()
        assert early.failed
        assert "and the base of a cell has no tenants: `tenant-nats shards settle`" in early.output
        code, said = self.shards("settle")
        assert code == 0, said

    def write(self, shard: str, *tenants: str, leaving: Sequence[str] = ()) -> None:
        """Replace the inventory of a shard."""
        (self.folder / f"{shard}.yaml").write_text(inventory(*tenants, leaving=leaving))

    def up(self, *names: str) -> None:
        """Deploy these members, one after the other."""
        for name in names:
            run = self.member(name).up()
            assert not run.failed, run.output

    def configure(self, settings: Mapping[str, object]) -> None:
        """Change the settings of the cell; None removes one."""
        content = json.loads(self._settings.read_text())
        changed = {f"tenant-nats:{name}": value for name, value in settings.items()}
        kept = {**content["config"], **changed}
        content["config"] = {key: value for key, value in kept.items() if value is not None}
        self._settings.write_text(json.dumps(content))

    def identities(self) -> dict[str, tuple[str, int]]:
        """`Kind/name` of each object of tenants → its UID and its generation."""
        return {
            f"{each['kind']}/{each['metadata']['name']}": (
                each["metadata"]["uid"],
                each["metadata"].get("generation", 0),
            )
            for each in self.any.objects()
            if TENANT_LABEL in each["metadata"].get("labels", {})
        }

    def shards(self, *command: str) -> tuple[int, str]:
        """Run `tenant-nats shards` as a person would; its exit code and its output."""
        return self.any.operations("shards", *command)

    def due(self) -> list[str]:
        """The stacks that are to be deployed."""
        code, said = self.shards("due", "--json", f"--context={self.any.target.context}")
        assert code == 0, said
        return sorted(json.loads(said)["why"])

    def states(self, *names: str) -> list[set[str]]:
        """The tenants that the states of these members have."""
        return [
            {
                each["urn"].rpartition("::")[2]
                for each in json.loads(self.member(name).pulumi("stack", "export"))["deployment"][
                    "resources"
                ]
                if each["type"] == TENANT
            }
            for name in names
        ]
