"""What another repository gets that has this project as a dependency."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from sandbox.layout import PROJECT
from tests.e2e.platform import Origin, commands
from tests.packages import PACKAGES

NOT_INSTALLED = {"reference", "sandbox"}
"""What writes pages, and the local stack."""
ENTRIES = (
    "tenant_nats.construction",
    "operations.__main__",
    "controlplane.records",
    "rendering.run",
)


def uv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outside = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    program = PROJECT / "sandbox" / "uv.sh"
    return subprocess.run(
        [program, *arguments], cwd=folder, env=outside, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = uv(PROJECT, "build", "--wheel", "--offline", "--out-dir", str(folder))
    assert built.returncode == 0, built.stderr
    [file] = folder.glob("*.whl")
    return file


def test_every_package_is_installed_but_those_of_this_repository(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel).namelist()
    packages = {name.partition("/")[0] for name in files if name.endswith("/__init__.py")}
    assert packages == {*PACKAGES} - NOT_INSTALLED


def test_what_is_installed_needs_nothing_of_this_repository(wheel: Path, tmp_path: Path) -> None:
    code = (
        f"import sys, {', '.join(ENTRIES)}\n"
        "print(*(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    loaded = [Path(each) for each in printed.split()]
    assert wheel / "tenant_nats" / "construction.py" in loaded
    ours = [each for each in loaded if each.is_relative_to(PROJECT)]
    assert [each for each in ours if not each.is_relative_to(PROJECT / ".venv")] == []


def test_the_targets_of_ci_and_the_schema_are_installed_as_they_are_here(wheel: Path) -> None:
    shared = PROJECT / "installed" / "share" / "tenant-nats"
    with zipfile.ZipFile(wheel) as package:
        installed = {
            Path(name).name: package.read(name)
            for name in package.namelist()
            if ".data/data/share/tenant-nats/" in name and not name.endswith("/")
        }
    assert installed == {file.name: file.read_bytes() for file in shared.iterdir()}
    assert installed["tenants.schema.json"] == (PROJECT / "tenants.schema.json").read_bytes()


def test_the_uv_that_is_fetched_carries_the_build_backend() -> None:
    requires = tomllib.loads((PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    fetched = re.search(r"^uv==0\.(\d+)\.", (PROJECT / "sandbox/uv.txt").read_text(), re.MULTILINE)
    assert fetched
    assert requires == [f"uv_build>=0.9,<0.{int(fetched[1]) + 1}"]


def test_a_failure_in_an_installed_command_names_the_place_in_this_project(
    wheel: Path, tmp_path: Path
) -> None:
    """As in a team's environment, where other packages lie in the same folder."""
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as package:
        package.extractall(site)
    (site / "beside").mkdir()
    (site / "beside" / "__init__.py").write_text("def fail(*_):\n    raise KeyError('x')\n")
    code = (
        "import beside, operations.check; from operations.__main__ import main\n"
        "operations.check.load_inventory = beside.fail; main()"
    )
    failed = subprocess.run(
        [sys.executable, "-c", code, "check", "tenants.yaml"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert failed.stderr.startswith("Failed: KeyError in operations/check.py, line ")


def test_a_submodule_is_installed_as_the_page_says(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "tenant-nats.git")
    project = (PROJECT / "examples/platform-repository/pyproject.toml").read_text()
    [page] = re.findall(
        r"^```toml\n(.*?)^```$",
        (PROJECT / "docs/adopting.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    (tmp_path / "pyproject.toml").write_text(project.partition("[tool.uv.sources]")[0] + page)
    origin.git("clone", "--quiet", str(origin.folder), str(tmp_path / "tenant-nats"))
    (tmp_path / "uv.lock").write_bytes((PROJECT / "uv.lock").read_bytes())
    assert commands("Start")[0].endswith("uv lock\nuv sync --locked\n")
    for command in (["lock"], ["sync", "--locked"]):
        done = uv(tmp_path, *command)
        assert done.returncode == 0, done.stderr
    environment = tmp_path / ".venv"
    assert (environment / "share/tenant-nats/ci.mk").exists()
    said = subprocess.run(
        [environment / "bin/tenant-nats", "check", "tenant-nats/tenants.yaml"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
