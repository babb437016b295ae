"""The folder of a cell, with an inventory for each shard."""

from pathlib import Path

SIZES = """\
sizes:
  large: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "4", memory: 8Gi}}
"""


def tenants(**fields: str) -> str:
    """An inventory of these tenants, each with its fields as YAML: `acme="instances: 2"`."""
    return "tenants:\n" + "".join(f"  {name}: {{{said}}}\n" for name, said in fields.items())


def cell(project: Path, contents: dict[str, str], name: str = "eu") -> Path:
    """The cell's folder, relative to the project's; `contents` are its files without `.yaml`."""
    folder = Path("inventory", name)
    (project / folder).mkdir(parents=True)
    for shard, content in contents.items():
        (project / folder / f"{shard}.yaml").write_text(content)
    return folder
