"""`python -m sandbox up|preview|recover|status|down|programs`: what the Makefile's targets run."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import typer
from filelock import FileLock, Timeout
from rich.markup import escape

from operations.outside.pulumi import Engine, EngineError
from operations.recovery import command as recovery
from sandbox import database, engine, servers, toolchain
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.layout import CACHE, LOCAL
from sandbox.progress import console, elapsed, say
from sandbox.summary import print_summary
from sandbox.toolchain import Group

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@contextmanager
def _alone() -> Generator[None]:
    """One command at a time for a checkout."""
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = FileLock(LOCAL.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("waiting for another `make` of this checkout")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _running() -> tuple[Cluster, str, Engine]:
    """The cluster, the connection string of the provisioner, and the stack."""
    # Both may have to build: while one downloads or links, the other can compile.
    with ThreadPoolExecutor() as pool:
        cluster_built = pool.submit(Cluster.of, LOCAL)
        engine_built = pool.submit(engine.environment, LOCAL, "")
    cluster, environment = cluster_built.result(), engine_built.result()
    cluster.ensure()
    dsn = database.provisioner(database.ensure(LOCAL))
    return cluster, dsn, engine.open_stack(LOCAL, environment | {"DATABASE_URL": dsn})


_NOISE = re.compile(
    r"^@ |"  # "@ updating...."
    r" (creating|updating|deleting|replacing) \(|"  # the end of each has a line of its own
    r"\d+ warnings?$|"
    r"^    pulumi:pulumi:Stack "  # its messages are repeated below, under Diagnostics
)


def _show(line: str) -> None:
    """Print a line of the engine's, unless it is noise."""
    if line and not _NOISE.search(line):
        print(line, flush=True)


def _refresh() -> list[str]:
    """The option to refresh first, if the cluster or the database is newer than the state."""
    return ["--refresh"] if LOCAL.is_replaced.exists() else []


@app.command()
def up() -> None:
    """Bring the local stack to what tenants.yaml says."""
    began = time.monotonic()
    with _alone():
        cluster, dsn, stack = _running()
        engine.clear_what_a_dead_engine_left(stack)
        engine.recover_what_was_interrupted(stack)
        options = ("--yes", "--skip-preview", "--suppress-outputs", "--continue-on-error")
        changes = engine.run(stack, _show, "up", *options, *_refresh())
        LOCAL.is_replaced.unlink(missing_ok=True)
        outputs = stack.outputs()
        servers.ensure(LOCAL, cluster, outputs["namespace"], outputs["urls"])
        print_summary(cluster, dsn, outputs, changes)
        say(f"took {elapsed(time.monotonic() - began)}")


@app.command()
def preview() -> None:
    """Show what `up` would change, and change nothing."""
    with _alone():
        _, _, stack = _running()
        engine.clear_what_a_dead_engine_left(stack)
        engine.run(stack, _show, "preview", *_refresh())


@app.command()
def recover() -> None:
    """Repair what a killed `make up` left, as the next one would; see docs/runbook.md."""
    with _alone():
        _, _, stack = _running()
        code = recovery.run(stack, engine_is_dead=True, up="make up")
    raise typer.Exit(code)


@app.command()
def status() -> None:
    """Show what runs, without starting anything."""
    if not LOCAL.root.exists():
        say("there is no sandbox; `make up` makes one")
        return
    cluster = Cluster.of(LOCAL, build=False)
    ready, serving = cluster.is_ready(), database.is_running(LOCAL)
    say(f"cluster: {'ready' if ready else 'not running'}")
    say(f"database: {'running' if serving else 'not running'}")
    say(f"real nats-servers behind its pods: {servers.count(LOCAL)}")
    if not (ready and serving):
        say("`make up` starts what is missing")
        return
    dsn = database.provisioner(database.start(LOCAL.postgres))
    outputs = engine.open_stack(LOCAL, engine.environment(LOCAL, dsn)).outputs()
    if "urls" not in outputs:
        say("nothing is deployed yet; `make up` does it")
        return
    print_summary(cluster, dsn, outputs, None)


@app.command()
def down() -> None:
    """Stop the servers and remove the sandbox with all its data; built programs stay cached."""
    with _alone():
        if LOCAL.root.exists():
            servers.stop(LOCAL)
            Cluster.of(LOCAL, build=False).delete()
            database.stop(LOCAL.postgres)
            shutil.rmtree(LOCAL.root)
    say("the sandbox is gone")


@app.command()
def programs() -> None:
    """Build what the tests run and the cache lacks; `up` builds what it needs by itself."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_build, toolchain.LANES))


def _build(groups: Sequence[Group]) -> None:
    for group in groups:
        toolchain.ensure(group)


def _guarded(command: Callable[[], None]) -> int:
    """Run `command`; report expected errors in words, without a traceback."""
    try:
        command()
    except SandboxError as error:
        console.print(f"[red]failed:[/red] {escape(str(error))}")
        return 1
    except EngineError as error:
        told = escape(str(error))
        console.print(f"[red]failed:[/red] {told} `make down` and `make up` make a new sandbox.")
        return 1
    except engine.EngineFailedError:
        console.print("[red]failed:[/red] see the engine's message above.")
        return 1
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(_guarded(app))
