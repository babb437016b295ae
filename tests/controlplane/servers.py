"""Servers of Postgres that a test may copy, stop and promote: the wheel's own programs."""

import os
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL

from sandbox import database

_USER = "pgserver" if os.geteuid() == 0 else None
"""Whom the wheel made to run Postgres, which refuses to run as root."""


class Server:
    """One server, with its data in a folder, at a port of loopback.

    The folder's parent must let everybody pass: pytest's own temporary folders do not.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def make(self, *, hba: str = "") -> None:
        """Make it, not started; `hba` says who has to give a password, otherwise nobody."""
        self._own()
        self._run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", self.folder)
        self._configure(f"port = {self.port}", "fsync = off")
        if hba:
            (self.folder / "pg_hba.conf").write_text(hba)

    def copy(self, primary: "Server") -> None:
        """Make it a standby of `primary`, which runs; not started."""
        self._own()
        source = f"host={primary.folder} port={primary.port} user=postgres"
        self._run("pg_basebackup", "-R", "-c", "fast", "-D", self.folder, "-d", source)
        self._configure(f"port = {self.port}")

    def _own(self) -> None:
        self.folder.mkdir(mode=0o700)
        if _USER:
            shutil.chown(self.folder, _USER)

    def _configure(self, *lines: str) -> None:
        places = (f"unix_socket_directories = '{self.folder}'", "listen_addresses = '127.0.0.1'")
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write("".join(f"{line}\n" for line in (*places, *lines)))

    @contextmanager
    def running(self) -> Generator[None]:
        """Start it, and stop it at the end if it still runs."""
        log = self.folder / "log"
        self._run("pg_ctl", "-w", "-D", self.folder, "-l", log, "start")
        try:
            yield
        finally:
            if (self.folder / "postmaster.pid").exists():
                self.stop()

    def stop(self) -> None:
        """Stop it at once, as if its machine were gone."""
        self._run("pg_ctl", "-w", "-D", self.folder, "-m", "immediate", "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "-w", "-D", self.folder, "promote")

    def prepare(self) -> None:
        """Make a database `platform` with the tables and the roles."""
        with psycopg.connect(self.by_hand("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE platform")
        database.prepare(self.by_hand())

    def by_hand(self, name: str = "platform") -> str:
        """The administrator's connection string, by the socket."""
        return make_conninfo(host=str(self.folder), port=self.port, user="postgres", dbname=name)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the administrator."""
        with psycopg.connect(self.by_hand(), autocommit=True) as connection:
            cursor = connection.execute(SQL(statement))  # pyright: ignore[reportArgumentType]
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [database.psql().parent / program, *map(str, arguments)],
            user=_USER,
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,  # a server that starts keeps a pipe open
            stderr=subprocess.DEVNULL,
        )
