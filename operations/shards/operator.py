"""`shards --format operator`: the Stack objects of a cell, for the Pulumi Kubernetes Operator."""

import json
import os
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import typer
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from monitoring.output import in_yaml
from operations.exits import Exit, stopped
from operations.options import Json, utf8
from operations.outside.git import RevisionError
from operations.outside.stack_file import StackFileError, all_settings
from operations.shards.history import History, origin
from operations.shards.stack_objects import (
    DATABASE_URL,
    PASSPHRASE,
    TOKEN,
    Source,
    Workspace,
    stack_objects,
)
from tenancy.cells import Member
from tenancy.defaults import NAMESPACE
from tenancy.inventory.faults import printable

BACKEND_VARIABLE = "PULUMI_BACKEND_URL"
_COMMENT = (
    "Written by `tenant-nats shards --format operator`, for the Pulumi Kubernetes Operator: "
    "docs/scale.md."
)
_SCP = re.compile(r"[\w.-]+@[\w.-]+:(?!/?$)[^\s:]+")
"""`git@github.com:example/platform.git`, as ssh takes it."""
_OLD_YAML = re.compile(r"(?i)y|n|yes|no|on|off|0b[01]+|[0-9]+e[0-9]+")
"""What YAML 1.1 takes for a truth or a number, and a shard or a commit may be called."""


class Format(Enum):
    """For whom a cell is described."""

    OPERATOR = "operator"


class _StackObjectsError(Exception):
    """What was given cannot be used: one line, with an example of what is right."""


def _matches(
    pattern: str, words: str, example: str
) -> Callable[[str | list[str] | None], str | list[str] | None]:
    """A callback of an option whose value, or each of whose values, has to match."""

    def check(given: str | list[str] | None) -> str | list[str] | None:
        for value in given if isinstance(given, list) else [given]:
            if value is not None and not re.fullmatch(pattern, value):
                raise typer.BadParameter(
                    f"{printable(value)}: expected {words}, for example {example}"
                )
        return given

    return check


_NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


def for_operator(
    context: typer.Context,
    shape: Annotated[
        Format | None,
        typer.Option("--format", help="For whom to print a cell.", show_default=False),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(callback=utf8, help="The cell, if there are several.", show_default=False),
    ] = None,
    commit: Annotated[
        str | None,
        typer.Option(
            callback=utf8,
            help="The revision up to which; otherwise HEAD, without edits of the working tree.",
            show_default=False,
        ),
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option(
            callback=utf8,
            metavar="URL",
            help="The repository, as a pod can clone it; otherwise the remote `origin`.",
            show_default=False,
        ),
    ] = None,
    git_key: Annotated[
        str | None,
        typer.Option(
            callback=_matches(r"[-._a-zA-Z0-9]{1,253}", "a key of a Secret", "gitToken"),
            metavar="KEY",
            help="The key of the Secret with the token (https) or the private key (ssh) by which "
            "a private repository is cloned.",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            callback=_matches(
                r"[a-z0-9][^\s@]*(@sha256:[0-9a-f]{64})?",
                "an image, at best with its digest",
                "registry.example.com/workspace:1@sha256:…",
            ),
            help="The image of the pods, made by deploy/operator/Dockerfile.",
            show_default=False,
        ),
    ] = None,
    secret: Annotated[
        str,
        typer.Option(
            callback=_matches(
                r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?", "the name of a Secret", "tenant-nats"
            ),
            help="The Secret with the variables, beside the Stack objects.",
        ),
    ] = "tenant-nats",  # noqa: S107  (a name)
    variable: Annotated[
        list[str] | None,
        typer.Option(
            callback=_matches(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable", "AWS_REGION"),
            metavar="NAME",
            help=f"A further variable that is a key of the Secret. May be repeated. {DATABASE_URL} "
            f"and {PASSPHRASE}, or {TOKEN} with Pulumi Cloud, are there anyway.",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            callback=utf8,
            metavar="URL",
            help=f"Where the state is; otherwise {BACKEND_VARIABLE} of the environment, or else "
            "Pulumi Cloud.",
            show_default=False,
        ),
    ] = None,
    organization: Annotated[
        str | None,
        typer.Option(
            callback=_matches(r"[-_.a-zA-Z0-9]+", "the name of an organization", "example"),
            help="That of Pulumi Cloud; otherwise the token's default one.",
            show_default=False,
        ),
    ] = None,
    service_account: Annotated[
        str,
        typer.Option(
            callback=_matches(_NAME, "the name of a service account", "deployer"),
            help="The account of the pods.",
        ),
    ] = "deployer",
    deploy_namespace: Annotated[
        str | None,
        typer.Option(
            callback=_matches(_NAME, "the name of a namespace", "eu-tenants-deploy"),
            metavar="NAMESPACE",
            help="Where the Stack objects are; otherwise as deploy/rbac.yaml has it, the servers' "
            "namespace with -deploy.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """All stacks of a cell.

    With `--format operator` and no command: print a Stack object for the base and for each shard.
    Each has the last commit that touched the member's inventory, the cell's settings or the
    program, so an edit of one shard changes one object. The operator deploys a member when its
    object changes.

    \b
    For example:
      tenant-nats shards --format operator --image REGISTRY/workspace:1@sha256:… > stacks.yaml
      git diff stacks.yaml       # what would be deployed
      kubectl apply -f stacks.yaml

    \b
    Exit codes:
      0  the objects are printed
      1  the settings or the repository are wrong, or something is not pushed
      2  wrong usage
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    if shape is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    if image is None:
        raise typer.BadParameter(
            "which image? For example: --image registry.example.com/workspace:1@sha256:…"
        )
    try:
        history = History.of(Path(), commit)
        named = _cell_of(history, cell)
        if commit is None and (edited := history.edited(named)):
            raise _StackObjectsError(
                f"{', '.join(edited[:5])}{' and others' if edited[5:] else ''}: the working tree "
                "has something else than HEAD, which is what the operator would fetch. Commit it "
                "and push, or name what is pushed: --commit origin/main."
            )
        members = history.members(named)
        settings = _settings_of(history, members[0])
        source = Source(
            repository=_reachable(repository, git_key), folder=history.within, key=git_key
        )
        workspace = Workspace(
            namespace=deploy_namespace
            or f"{_text(settings, 'tenant-nats:namespace', NAMESPACE)}-deploy",
            service_account=service_account,
            image=image,
            secret=secret,
            variables=_variables(settings, state := _state(backend), variable or []),
            backend=state,
            organization=organization,
            context=_text(settings, "kubernetes:context", None),
        )
        objects = stack_objects(history.last_changes(members), source, workspace)
    except (RevisionError, StackFileError, _StackObjectsError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    if "@" not in image:
        typer.echo(f"No digest (@sha256:…): {image}; a tag can move to another image.", err=True)
    if as_json:
        typer.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
        return
    first, *others = [in_yaml(_certain(each), _COMMENT).partition("\n")[2] for each in objects]
    # In UTF-8 whatever the terminal has, since kubectl reads it.
    typer.echo("---\n".join([f"# {_COMMENT}\n{first}", *others]).encode(), nl=False)


def _refuse_options(context: typer.Context) -> None:
    """Refuse an option before a command, which would be read by neither."""
    command = context.invoked_subcommand
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"{parameter.opts[0]} before {command} belongs to --format, which goes without a "
                f"command. For example: shards {command} --cell eu"
            )


def _certain(value: Any) -> Any:
    """The same, with quotes where kubectl, which reads YAML 1.1, would read something else."""
    match value:
        case dict():
            mapping = cast("dict[str, Any]", value)
            return {_certain(key): _certain(each) for key, each in mapping.items()}
        case list():
            return [_certain(each) for each in cast("list[Any]", value)]
        case str() if _OLD_YAML.fullmatch(value):
            return DoubleQuotedScalarString(value)
        case _:
            return value


def _cell_of(history: History, asked: str | None) -> str:
    found = history.cells()
    if asked in found or (asked is None and len(found) == 1):
        return asked or found[0]
    known = f"it has {', '.join(found)}" if found else "it has none"
    wanted = f"has no cell {printable(asked)}" if asked else "has not exactly one cell"
    raise _StackObjectsError(
        f"The commit {history.commit} {wanted}: {known}. For example: --cell "
        f"{found[0] if found else 'eu, with inventory/eu/001.yaml and Pulumi.eu.yaml'}"
    )


def _settings_of(history: History, base: Member) -> dict[str, Any]:
    """All settings of the cell, which every member gets."""
    file = base.settings_file
    content = history.content(file)
    if content is None:
        raise _StackObjectsError(
            f"The commit {history.commit} has no {file}, which has the settings of the cell. For "
            f"example: pulumi config set --config-file {file} cell {base.cell}"
        )
    settings = all_settings(content, str(file))
    if (named := settings.get("tenant-nats:cell")) != base.cell:
        raise _StackObjectsError(
            f"{file}: config.tenant-nats:cell is {printable(str(named))}, expected {base.cell}. "
            f"For example: pulumi config set --config-file {file} cell {base.cell}"
        )
    return settings


def _text(settings: dict[str, Any], key: str, otherwise: Any) -> Any:
    value = settings.get(key, otherwise)
    if value is not otherwise and not isinstance(value, str):
        raise _StackObjectsError(
            f"The cell's settings: config.{key} is {printable(str(value))}, expected text. For "
            f"example: {key}: {NAMESPACE}"
        )
    return value


def _variables(settings: dict[str, Any], backend: str | None, further: list[str]) -> list[str]:
    """The variables of the program and of the engine that the Secret has."""
    engine = {PASSPHRASE} if backend else {TOKEN}
    database = set[str]() if "tenant-nats:databaseUrl" in settings else {DATABASE_URL}
    return sorted({*engine, *database, *further})


def _state(given: str | None) -> str | None:
    """The URL of the state; None for Pulumi Cloud."""
    backend = given or os.environ.get(BACKEND_VARIABLE) or None
    if backend is None:
        return None
    parts = _parts(backend)
    if parts is None or not parts.scheme or parts.scheme == "file":
        raise _StackObjectsError(
            f"The state is at {printable(backend)}, expected a place that outlives a pod. For "
            "example: --backend s3://my-state"
        )
    if parts.password:
        raise _StackObjectsError(
            "The URL of the state has a password, which would stand in the Stack objects. Give it "
            "as a variable of the Secret: --variable NAME"
        )
    return backend


def _reachable(given: str | None, key: str | None) -> str:
    """The URL of the repository, without a password.

    Raises:
        _StackObjectsError: no pod can clone it, or it has a secret in it.
    """
    url = given or origin(Path()) or ""
    where = "--repository" if given else "The remote origin"
    parts = _parts(url)
    if _SCP.fullmatch(url):
        is_ssh = True
    elif parts and parts.hostname and parts.scheme in ("https", "http", "ssh"):
        is_ssh = parts.scheme == "ssh"
        if parts.password or (parts.username and not is_ssh):
            if given or is_ssh:
                raise _StackObjectsError(
                    f"{where} has a user or a password in it, which would stand in the Stack "
                    "objects. Name the key of the Secret that has it: --git-key gitToken"
                )
            # As GitLab's CI writes it. The operator gets its own, from the Secret.
            url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    else:
        raise _StackObjectsError(
            f"{where} is {printable(url) or 'missing'}, expected a URL that a pod can clone. For "
            "example: --repository https://github.com/example/platform"
        )
    if is_ssh and key is None:
        raise _StackObjectsError(
            f"{url} is cloned with a private key. Name the key of the Secret that has it: "
            "--git-key sshPrivateKey"
        )
    return url


def _parts(url: str) -> Any:
    """The parts of a URL; None if it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None
