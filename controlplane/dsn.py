"""Where the database is, and how to report that without the password.

It may change in the middle of a run: a token of RDS is for 15 minutes, an agent may write a new
password. So a file is read, or a command run, by each process when it first needs the database, and
again after the database could not be reached. What is read stays in memory.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from tenancy.inventory.faults import printable

SETTING = "databaseUrl"
VARIABLE = "DATABASE_URL"
FILE_VARIABLE = "DATABASE_URL_FILE"
COMMAND_VARIABLE = "DATABASE_URL_COMMAND"
VARIABLES = (VARIABLE, FILE_VARIABLE, COMMAND_VARIABLE)
ANY_VARIABLE = f"{VARIABLE}, {FILE_VARIABLE} or {COMMAND_VARIABLE}"
EXAMPLE = "postgresql://provisioner:PASSWORD@db.example.com:5432/platform"

_SECONDS = 60
"""How long the command may take."""


class DsnError(Exception):
    """The database is not named, named twice, or named in a way that cannot be read."""


def resolve(setting: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The connection string of the stack's secret `databaseUrl`, or of one of the variables.

    DATABASE_URL has it, DATABASE_URL_FILE names a file that has it, and DATABASE_URL_COMMAND is a
    command that prints it.

    Raises:
        DsnError: none is set, several are and differ, or what they have is no connection string.
            The text never repeats it, nor anything that the command has printed.
    """
    variable, file, command = (environment.get(name) for name in VARIABLES)
    if command and (setting or variable or file):
        # Each run of it may print another password, so the two cannot be compared.
        other = SETTING if setting else VARIABLE if variable else FILE_VARIABLE
        raise DsnError(f"{COMMAND_VARIABLE} is set, and so is {other}; keep one.")
    if command:
        return _readable(_printed(command), COMMAND_VARIABLE)
    content = _content(file) if file else ""
    if setting and variable and setting != variable:
        raise DsnError(
            f"The stack's {SETTING} and the environment's {VARIABLE} differ; keep one: "
            f"`unset {VARIABLE}`, or `pulumi config rm {SETTING}`."
        )
    dsn = setting or variable
    if content and dsn and content != dsn:
        raise DsnError(
            f"{SETTING if setting else VARIABLE} and the file of {FILE_VARIABLE} differ; keep one."
        )
    if content:
        return _readable(content, FILE_VARIABLE)
    if not dsn:
        raise DsnError(
            "No database is named; `pulumi config set --secret "
            f"{SETTING} {EXAMPLE}`, or set {ANY_VARIABLE} in the environment."
        )
    return _readable(dsn, f"{SETTING} (or {VARIABLE})")


class Rotating:
    """The connection string of one process, which may have another password an hour later.

    It is resolved when it is first asked for, and again after `forget`.
    """

    def __init__(self, setting: str | None, environment: Mapping[str, str] = os.environ) -> None:
        self._setting, self._environment = setting, environment
        self._known: str | None = None
        # Several threads ask; the command is to run once.
        self._lock = Lock()

    def get(self) -> str:
        """What `resolve` said.

        Raises:
            DsnError: as `resolve`.
        """
        with self._lock:
            if self._known is None:
                self._known = resolve(self._setting, self._environment)
            return self._known

    def forget(self, used: str) -> None:
        """Resolve it again, unless another thread already has since `used` was got."""
        with self._lock:
            if self._known == used:
                self._known = None


def _content(file: str) -> str:
    try:
        content = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        why = str(error.strerror)
    except ValueError:  # not UTF-8, or a NUL in the name
        why = "it is no text in UTF-8"
    else:
        if content:
            return content
        why = "it is empty"
    raise DsnError(f"The file {_named(file)} of {FILE_VARIABLE} cannot be read: {why}.")


def _named(text: str) -> str:
    """The name of a file or a program, unless it is a connection string in the wrong variable."""
    return "(a connection string?)" if {"@", "="} & {*text} or "://" in text else printable(text)


def _printed(command: str) -> str:
    """What the command prints on stdout. Nothing of its output is ever told: it may be a secret."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise DsnError(
            f"{COMMAND_VARIABLE} is no command that can be read; for example: "
            f"{COMMAND_VARIABLE}=/etc/tenant-nats/database-url.sh"
        )
    # Only the program: an argument may be a secret too.
    program = f"The command {_named(words[0])} of {COMMAND_VARIABLE}"
    by_hand = "run it by hand to see why"
    try:
        answer = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise DsnError(f"{program} did not end within {_SECONDS} seconds; {by_hand}.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is none"
        raise DsnError(f"{program} cannot be run ({why}).") from None
    if answer.returncode:
        ended = f"ended with exit code {answer.returncode}"
        if answer.returncode < 0:
            ended = f"was ended by signal {-answer.returncode}"
        raise DsnError(f"{program} {ended}; {by_hand}: what it printed may be secret.")
    try:
        printed = answer.stdout.decode().strip()
    except UnicodeDecodeError:
        printed = "\ufffd"
    if not printed:
        raise DsnError(
            f"{program} printed nothing; it is to print the connection string on stdout."
        )
    return printed


def _readable(dsn: str, source: str) -> str:
    """`dsn`, if it is a connection string; libpq reads what is in it."""
    try:
        parts = conninfo_to_dict(dsn)
        if "\n" in dsn:  # libpq would take the second line for a part of the first
            raise ProgrammingError
    except (ProgrammingError, UnicodeError):  # an environment may have any byte
        raise DsnError(_unreadable(source)) from None
    # A raw "@" or "/" in the password ends it early, and the rest would show up as a host, a port
    # or a database.
    host, name, port = (str(parts.get(each) or "") for each in ("host", "dbname", "port"))
    if "@" in host + name or not all(each.isdigit() for each in port.split(",") if each):
        raise DsnError(_unreadable(source))
    return dsn


def _unreadable(source: str) -> str:
    return (
        f"{source} is no connection string; percent-encode what is special in the password "
        f"(@ is %40, / is %2F). For example: {EXAMPLE}"
    )
