"""What decides is quick to import; what runs in the engine knows no sandbox."""

import ast
import json
import subprocess
import sys

import pytest

from sandbox.layout import PROJECT
from tests.pace import MILLION

PROGRAM = """
import json, sys, time
start = time.perf_counter()
for _ in range(1_000_000):
    pass
counted = time.perf_counter()
import tenancy.inventory.models, tenancy.plan.plan
imported = time.perf_counter()
modules = sorted({module.partition(".")[0] for module in sys.modules})
print(json.dumps([counted - start, imported - counted, modules]))
"""


def fresh_import() -> tuple[float, float, list[str]]:
    """Seconds for counting to a million and for the import, and the packages that are loaded."""
    command = [sys.executable, "-c", PROGRAM]
    printed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    counting, importing, modules = json.loads(printed.stdout)
    return counting, importing, modules


def test_importing_what_decides_takes_under_300_ms() -> None:
    assert any(
        importing / max(1, counting / MILLION) < 0.3
        for counting, importing, _ in (fresh_import() for _ in range(5))
    )


def test_importing_what_decides_loads_neither_the_engine_nor_the_database() -> None:
    _, _, modules = fresh_import()
    assert "tenancy" in modules
    assert {"pulumi", "pulumi_kubernetes", "psycopg", "sqlalchemy", "grpc"}.isdisjoint(modules)


@pytest.mark.parametrize(
    ("code", "slow"),
    [
        (
            "from tenant_nats import construction as c; c._database_roles(c.Settings().database)",
            {"pulumi_kubernetes", "pulumi_postgresql", "sqlalchemy", "alembic"},
        ),
        ("import controlplane.records", {"pydantic", "ruamel", "pulumi_kubernetes", "sqlalchemy"}),
        ("import sandbox.__main__", {"pulumi", "sqlalchemy", "alembic"}),
        ("import operations.__main__", {"github"}),
    ],
    ids=["the program", "the records' provider", "make up", "the command line"],
)
def test_what_runs_at_each_up_loads_nothing_slow_that_it_does_not_use(
    code: str, slow: set[str]
) -> None:
    """Each is a process that starts each time; `python -m benchmarks.engine_parts` times it."""
    script = f"{code}; import sys; print(*sorted(sys.modules))"
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = printed.stdout.split()
    assert "controlplane" in loaded
    assert {name for name in loaded if name.partition(".")[0] in slow} == set()


@pytest.mark.parametrize("module", ["__main__", "tenant_nats/__main__"])
def test_the_program_knows_no_sandbox(module: str) -> None:
    """Also for the single module, of which `lint-imports` knows nothing."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse((PROJECT / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported.isdisjoint({"sandbox", "tests", "benchmarks", "alembic"})
    assert imported & {"runpy", "settings"}
