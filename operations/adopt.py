"""`adopt`: which servers of the old scripts an `up` can take over, and how."""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.kinds import KINDS
from cluster.kubectl import ClusterError, Kubectl
from controlplane.connection import ControlPlaneError
from controlplane.dsn import DsnError, resolve
from controlplane.reader import take_snapshot
from operations.exits import Exit, stopped
from operations.options import ClusterDomain, Context, Json, Namespace, SettingsFile
from operations.outside.stack_file import StackFileError, cluster_domain_in, platform_in
from tenancy.defaults import CLUSTER_DOMAIN, NAMESPACE
from tenancy.inventory.faults import InventoryError
from tenancy.inventory.validation import parse
from tenancy.names import FIELD_MANAGER
from tenancy.takeover.described import inventory
from tenancy.takeover.handover import Patch
from tenancy.takeover.survey import Found, Survey, survey
from tenancy.words import counted, listed

_KINDS = ",".join(KINDS[kind] for kind in ("Deployment", "Service", "NetworkPolicy"))
_UPSERT = "kubernetes:upsertExistingObjects"


def adopt(
    namespace: Namespace = NAMESPACE,
    given_cluster_domain: ClusterDomain = None,
    context: Context = None,
    settings_file: SettingsFile = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the inventory that describes the servers; never overwrites a file.",
            show_default=False,
        ),
    ] = None,
    patch: Annotated[
        bool,
        typer.Option("--patch", help="Run the printed patches, which restart nothing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Report which existing servers can be taken over, and how.

    It reads what was made without this project: the Deployments, Services and NetworkPolicies of
    the namespace, by kubectl, and the rows, by DATABASE_URL. The take-over itself is a `pulumi up`
    of the stack: it deletes and replaces no object, leaves rows and integrations where they are,
    and restarts each server once. This command changes nothing, unless --patch is given.

    \b
    For example:
      tenant-nats adopt --namespace vrsky-tenants
      tenant-nats adopt --namespace vrsky-tenants --write tenants.yaml --patch

    \b
    Exit codes:
      0  all of it can be taken over, or is already
      1  the cluster or the table cannot be read, the file exists already, or a patch failed
      2  wrong usage
      5  something prevents a take-over; the report says what
    """
    kubectl = Kubectl(context)
    try:
        cluster_domain = cluster_domain_in(settings_file, given_cluster_domain)
    except StackFileError as error:
        raise stopped(Exit.FAILED, f"{error} Nothing was changed.") from None
    found = _looked_at(kubectl, namespace, cluster_domain, settings_file)
    place = _Place(kubectl, namespace, cluster_domain, settings_file, found)
    if write:
        _write(write, place.found)
    if patch:
        _run(place, is_quiet=as_json)
    if as_json:
        typer.echo(json.dumps(_data(place), indent=2))
    else:
        typer.echo("\n".join(_report(place, write, is_patched=patch)))
    if any(tenant.obstacles for tenant in place.found.tenants):
        raise typer.Exit(Exit.DIFFERENT)


@dataclass(frozen=True)
class _Place:
    """A namespace, and what was found there."""

    kubectl: Kubectl
    namespace: str
    cluster_domain: str
    settings_file: Path | None
    found: Survey

    @property
    def options(self) -> str:
        """What makes another run look at the same place, for a shell."""
        given = ["--namespace", self.namespace]
        if self.kubectl.context:
            given += ["--context", self.kubectl.context]
        if self.settings_file:
            given += ["--settings", str(self.settings_file)]
        if self.cluster_domain != CLUSTER_DOMAIN:
            given += ["--cluster-domain", self.cluster_domain]
        return shlex.join(given)

    @property
    def settings(self) -> list[str]:
        """The commands that set up the stack for the take-over."""
        return [
            f"pulumi config set namespace {self.namespace}",
            *(
                [f"pulumi config set clusterDomain {self.cluster_domain}"]
                if self.cluster_domain != CLUSTER_DOMAIN
                else []
            ),
            "pulumi config set namespaceMode existing",
            f"pulumi config set {_UPSERT} true",
        ]

    @property
    def patches(self) -> list[Patch]:
        return [patch for tenant in self.found.left for patch in tenant.patches]

    def arguments(self, patch: Patch) -> list[str]:
        """The arguments of `kubectl` that run a patch."""
        operations = json.dumps(patch.operations, separators=(",", ":"))
        return [
            f"--namespace={self.namespace}",
            *("patch", patch.kind.lower(), patch.name, "--type=json"),
            f"--field-manager={FIELD_MANAGER}",
            f"--patch={operations}",
        ]

    @property
    def commands(self) -> list[str]:
        """The patches, for a shell."""
        return [shlex.join(self.kubectl.command(*self.arguments(patch))) for patch in self.patches]


def _looked_at(
    kubectl: Kubectl, namespace: str, cluster_domain: str, settings_file: Path | None
) -> Survey:
    try:
        objects = kubectl.get(_KINDS, f"--namespace={namespace}", "--show-managed-fields")
        snapshot = take_snapshot(resolve(None), platform=platform_in(settings_file))
    except ClusterError as error:
        raise stopped(
            Exit.FAILED, f"The cluster could not be looked at: {error}. Nothing was changed."
        ) from None
    except (ControlPlaneError, DsnError, StackFileError) as error:
        raise stopped(
            Exit.FAILED, f"The table could not be looked at: {error} Nothing was changed."
        ) from None
    return survey(objects, snapshot, namespace, cluster_domain)


def _write(file: Path, found: Survey) -> None:
    if not found.tenants:
        raise stopped(Exit.FAILED, f"There is no tenant to write into {file}.")
    text = inventory(tenant.described for tenant in found.tenants).encode()
    try:
        parse(file, text)
        with file.open("xb") as stream:
            stream.write(text)
    except InventoryError as error:
        raise stopped(Exit.FAILED, f"No valid inventory describes these servers. {error}") from None
    except FileExistsError:
        raise stopped(
            Exit.FAILED,
            f"{file} is there already and stays as it is. Give --write the name of a new file, for "
            "example found.yaml. Nothing was changed.",
        ) from None
    except OSError as error:
        raise stopped(
            Exit.FAILED, f"{file} cannot be written: {error.strerror}. Nothing was changed."
        ) from None


def _run(place: _Place, *, is_quiet: bool) -> None:
    for each in place.patches:
        try:
            place.kubectl.run(*place.arguments(each))
        except ClusterError as error:
            raise stopped(
                Exit.FAILED,
                f"{each.kind} {each.name} is not patched: {error}. The patches above are done; "
                "correct this, then run the same command again.",
            ) from None
        if not is_quiet:
            typer.echo(f"Patched: {each.kind} {each.name}.")


_UP = "pulumi up --parallel 1 --continue-on-error"
"""One resource, hence one server, after the other."""
_AFTERWARDS = f"pulumi config rm {_UPSERT}"


def _data(place: _Place) -> dict[str, Any]:
    return {
        "tenants": [
            {
                "tenant": tenant.id,
                "taken_over": tenant.is_taken_over,
                "servers": tenant.servers,
                "integrations": tenant.described.integrations,
                "there": tenant.there,
                "restarts": tenant.restarts,
                "changes": tenant.changes,
                "obstacles": [
                    {"what": each.what, "remedy": each.remedy} for each in tenant.obstacles
                ],
            }
            for tenant in place.found.tenants
        ],
        "cut_off": place.found.cut_off,
        "settings": place.settings,
        "patches": place.commands,
    }


def _report(place: _Place, written: Path | None, *, is_patched: bool) -> Iterator[str]:
    found, namespace = place.found, place.namespace
    if not found.tenants:
        yield f"No tenant has a server or a row in the namespace {namespace}."
        return
    if not found.left:
        yield (
            f"Nothing is left to take over in the namespace {namespace}: "
            f"{counted(len(found.tenants), 'tenant')}, made or taken over by an `up`."
        )
        return
    servers = sum(len(tenant.servers) for tenant in found.left)
    yield (
        f"To take over in the namespace {namespace}: {counted(len(found.left), 'tenant')} with "
        f"{counted(servers, 'server')}."
    )
    for tenant in found.left:
        yield ""
        yield from _told(tenant)
    if found.cut_off:
        yield ""
        yield (
            f"Without a tenant: {listed(found.cut_off, most=5)}. Their pods have the label "
            "app=nats, so nobody reaches them after the `up`; give them another label first."
        )
    yield ""
    yield from _steps(place, written, is_patched=is_patched)


def _told(tenant: Found) -> Iterator[str]:
    yield (
        f"{tenant.id}: {counted(len(tenant.servers), 'server')}, "
        f"{counted(tenant.described.integrations, 'integration')}"
    )
    yield from _section("there", tenant.there)
    yield from _section("restarts", [f"{name}, once" for name in tenant.restarts])
    yield from _section("the `up`", tenant.changes)
    for obstacle in tenant.obstacles:
        yield from _section("IN THE WAY", [obstacle.what, obstacle.remedy])


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {title if number == 0 else '':<11} {line}"


def _steps(place: _Place, written: Path | None, *, is_patched: bool) -> Iterator[str]:
    found = place.found
    if blocked := [tenant.id for tenant in found.left if tenant.obstacles]:
        yield (
            f"Nothing of {listed(blocked, most=5)} is handed over while something is in the way. "
            "An `up` leaves alone what was not handed over, and fails for its tenant. Clear the "
            "way, and run this again; then:"
        )
    else:
        yield "To take it over:"
    if written:
        yield f"  1. The inventory is written: {written}. Read it."
    else:
        yield "  1. Write the inventory that describes it, and read it:"
        yield f"       tenant-nats adopt {place.options} --write tenants.yaml"
    yield "  2. Let the stack use the existing namespace, and take over the objects in it:"
    for command in place.settings:
        yield f"       {command}"
    if is_patched:
        yield f"  3. {counted(len(place.patches), 'object')} handed over, as listed above."
    elif place.patches:
        yield "  3. Hand the objects over, which restarts nothing; `--patch` runs these commands:"
        for command in place.commands:
            yield f"       {command}"
    else:
        yield "  3. The objects are handed over already."
    yield "  4. Deploy, one server after the other, and then remove the setting:"
    yield f"       pulumi preview && {_UP} && {_AFTERWARDS}"
