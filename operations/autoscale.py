"""`autoscale`: let the inventory follow what the tenants need, as an edit that people can read."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.connection import ControlPlaneError
from controlplane.dsn import ANY_VARIABLE, EXAMPLE, VARIABLE, VARIABLES, DsnError, resolve
from controlplane.reader import take_snapshot
from operations.editing.text import EditError, edited
from operations.exits import Exit, stopped
from operations.inventories.loading import is_folder, load_each
from operations.options import InventoryFile, Json, Namespace, SettingsFile, each_utf8, utf8
from operations.outside.files import read_bytes, replace_file
from operations.outside.prometheus import HeaderError, observe, sent
from operations.outside.stack_file import StackFileError, platform_in
from tenancy.defaults import NAMESPACE
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.merging import merged
from tenancy.inventory.models import Inventory
from tenancy.inventory.validation import parse
from tenancy.rows.snapshot import Snapshot
from tenancy.scaling.proposal import MOST_SERVERS, MOST_TENANTS, Proposal, recommend
from tenancy.scaling.usage import Observation
from tenancy.scaling.verdict import Recommendation
from tenancy.words import agreeing, listed


def autoscale(
    prometheus: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="PROMETHEUS_URL",
            callback=utf8,
            help="The URL of Prometheus, as in a browser.",
            show_default=False,
        ),
    ] = None,
    namespace: Namespace = NAMESPACE,
    settings_file: SettingsFile = None,
    file: InventoryFile = Path("tenants.yaml"),
    most: Annotated[int, typer.Option(min=1, help="How many tenants may change at once.")] = (
        MOST_TENANTS
    ),
    most_servers: Annotated[
        int, typer.Option(min=1, help="How many servers may be added at once, in all.")
    ] = MOST_SERVERS,
    excepted: Annotated[
        list[str] | None,
        typer.Option(
            "--except",
            metavar="TENANT",
            envvar="AUTOSCALE_EXCEPT",
            callback=each_utf8,
            help="A tenant to leave alone; repeatable.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print only, write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Grow or shrink tenants in the inventory to fit their load.

    It reads how many integrations there are from the database in DATABASE_URL, and how busy the
    servers are from Prometheus (with PROMETHEUS_TOKEN as bearer token and PROMETHEUS_HEADERS, one
    `Name: value` a line, if they are set). It deploys nothing: commit the edit, and let people and
    CI review it. Every other byte of the file stays.

    \b
    A tenant grows when
      its integrations fill its servers (`integrations` is raised), or
      a server has over 100,000 messages a second for 5 minutes, over half of the connections that
      it admits, or over 75% of its memory (`instances` is raised, with `placement: spread`, to
      at most twice as many; if that is too few, the next run raises it again).
    It shrinks by one server, at most once a day, when that one has few integrations and the others
    would have held a whole day's peaks with room to spare. Without Prometheus it grows by
    integrations only. docs/autoscaling.md has all of it.

    Of a cell's folder all files are one inventory: --most and --most-servers hold for the whole
    cell. Each file that has a tenant to change is written whole, one after the other.

    \b
    For example:
      tenant-nats autoscale --dry-run
      tenant-nats autoscale --prometheus https://prometheus.example.com --except acme-corp
      tenant-nats autoscale --inventory inventories/eu.yaml --namespace eu-tenants
      tenant-nats autoscale --inventory inventory/eu --settings Pulumi.eu.yaml

    \b
    Exit codes:
      0  the file is written, or nothing had to change; --json says which. Also when Prometheus does
         not answer; the output says so
      1  the inventory is wrong, the database cannot be read, or tenants have to change and none
         could be edited; nothing is written
      2  wrong usage
    """
    if prometheus and not prometheus.startswith(("http://", "https://")):
        raise typer.BadParameter("--prometheus: expected http://… or https://…")
    try:
        inventories = load_each(file)
        inventory = merged(inventories)
        snapshot = _snapshot(settings_file)
        _check_excepted(inventory, excepted or [])
        observation = _observed(prometheus, namespace)
        proposal = recommend(
            inventory, snapshot, observation,
            most=most, most_servers=most_servers, excepted=excepted or [],
        )  # fmt: skip
        before, after, written, notes = _edited(inventories, proposal.recommendations)
        is_stuck = not written and bool(notes or proposal.held_back)
        for each, content in after.items():
            parse(each, content)
    except (
        InventoryError,
        DsnError,
        ControlPlaneError,
        HeaderError,
        StackFileError,
    ) as error:
        raise stopped(Exit.FAILED, f"{error}\nNothing was written.") from None
    except OSError as error:
        problem = f"{error.filename} cannot be read ({error.strerror})."
        raise stopped(Exit.FAILED, f"{problem}\nNothing was written.") from None
    files = sorted(each for each, content in after.items() if content != before[each])
    if not dry_run:
        _write(after, files)
    proposal = Proposal(
        recommendations=written, held_back=proposal.held_back, notes=(*proposal.notes, *notes)
    )
    is_written = bool(written) and not dry_run
    if as_json:
        told = {"file": str(file), "written": is_written, "failure": observation.failure}
        if is_folder(file):
            told |= {"files": [str(each) for each in files if is_written]}
        typer.echo(json.dumps({**told, **_data(proposal)}, indent=2))
    else:
        said = files if is_written and files else [file]
        names = listed([*map(str, said)], len(said))
        are = agreeing(len(said), "is", "are")
        outcome = f"{names} {are} {'' if is_written else 'not '}written."
        typer.echo("\n".join(_told(proposal, outcome, is_stuck=is_stuck)))
    if is_stuck:
        # `propose` would close the pull request for an edit that is still needed.
        raise stopped(Exit.FAILED, _STUCK)


_STUCK = (
    "Tenants have to change, and none could: make the edits above by hand, or raise "
    "--most-servers where a tenant is held back."
)


def _write(contents: Mapping[Path, bytes], files: Sequence[Path]) -> None:
    """Write these files, each of them whole or not at all."""
    for number, file in enumerate(files):
        try:
            replace_file(file, contents[file])
        except OSError as error:
            problem = f"{file} cannot be written ({error.strerror}); it is as it was."
            done = listed([*map(str, files[:number])], number)
            more = f" Written before it: {done}. Run this again for the rest." if done else ""
            raise stopped(Exit.FAILED, f"{problem}{more}") from None


def _observed(prometheus: str | None, namespace: str) -> Observation:
    if not prometheus:
        return Observation(failure="no Prometheus is named")
    return observe(prometheus, namespace, sent(os.environ))


def _snapshot(settings_file: Path | None) -> Snapshot:
    if not any(os.environ.get(each) for each in VARIABLES):
        raise DsnError(
            f"No database is named: set {ANY_VARIABLE}; for example: {VARIABLE}={EXAMPLE}"
        )
    return take_snapshot(resolve(None), platform=platform_in(settings_file))


def _check_excepted(inventory: Inventory, excepted: Iterable[str]) -> None:
    if strangers := sorted(set(excepted) - inventory.tenants.keys()):
        raise typer.BadParameter(f"--except: there is no tenant {', '.join(strangers)}")


def _edited(
    inventories: Mapping[Path, Inventory], recommendations: Iterable[Recommendation]
) -> tuple[dict[Path, bytes], dict[Path, bytes], tuple[Recommendation, ...], list[str]]:
    """The content of each file with a tenant to change, before and after, and what is not changed.

    After the contents come the recommendations that are carried out, and notes about the others. An
    entry that no program can safely edit does not stop the other tenants from growing.
    """
    owners = {
        tenant: file for file, inventory in inventories.items() for tenant in inventory.tenants
    }
    before: dict[Path, bytes] = {}
    texts: dict[Path, str] = {}
    written: list[Recommendation] = []
    notes: list[str] = []
    for each in recommendations:
        file = owners[each.tenant]
        if file not in before:
            before[file] = read_bytes(file)
            texts[file] = before[file].decode()
        try:
            texts[file] = edited(texts[file], each.tenant, each.changes)
            written.append(each)
        except EditError as error:
            notes.append(f"{_line(each)} {error}")
    after = {file: text.encode() for file, text in texts.items()}
    return before, after, tuple(written), notes


def _data(proposal: Proposal) -> dict[str, Any]:
    def described(recommendations: Iterable[Recommendation]) -> list[dict[str, Any]]:
        return [
            {"action": recommendation.action, **asdict(recommendation)}
            for recommendation in recommendations
        ]

    return {
        "recommendations": described(proposal.recommendations),
        "held_back": described(proposal.held_back),
        "notes": list(proposal.notes),
    }


def _told(proposal: Proposal, outcome: str, *, is_stuck: bool) -> Iterable[str]:
    yield from map(_line, proposal.recommendations)
    yield from (
        f"Held back, since it is too much at once: {_line(one)}" for one in proposal.held_back
    )
    yield from proposal.notes
    is_content = not (proposal.recommendations or is_stuck)
    yield f"Nothing needs to change. {outcome}" if is_content else outcome


def _line(recommendation: Recommendation) -> str:
    """`acme: 1 → 2 instances (integrations: 55). 50 integrations fill …`."""
    fields = ", ".join(_field(name, value) for name, value in recommendation.changes.items())
    servers = f"{recommendation.before} → {recommendation.after} instances"
    return f"{recommendation.tenant}: {servers} ({fields}). {recommendation.reason}"


def _field(name: str, value: Any) -> str:
    return f"without {name}" if value is None else f"{name}: {value}"
