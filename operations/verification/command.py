"""`verify`: whether each server works, and whether it admits its own tenant only."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cluster.kubectl import ClusterError, Kubectl
from operations.exits import Exit, stopped
from operations.inventories.loading import load_inventory
from operations.options import (
    ClusterDomain,
    Context,
    InventoryFile,
    Json,
    Namespace,
    utf8,
)
from operations.outside.stack_file import StackFileError, cluster_domain_in, own_settings
from operations.verification import client, probes
from operations.verification.client import Credentials, ServerError, UnknownError
from operations.verification.forwarding import forwarded
from tenancy.defaults import IMAGE, NAMESPACE
from tenancy.inventory.faults import InventoryError
from tenancy.names import CLIENT_PORT, MONITORING_PORT, instance_selector
from tenancy.plan.plan import InstancePlan, TenantPlan, expand

_STRANGER = "verify-stranger"
"""A tenant that does not exist, and that every server has to refuse."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    instance: str
    check: str
    outcome: Literal["good", "bad", "not shown"]
    detail: str


@dataclass(frozen=True, kw_only=True)
class _Look:
    """How to check, and where to report."""

    kubectl: Kubectl
    namespace: str
    credentials: Credentials
    subject: str | None
    image: str
    service_account: str | None
    pods: probes.Pods
    report: Callable[[Finding], None]


def verify(
    tenant: Annotated[
        str | None,
        typer.Argument(metavar="[TENANT]", callback=utf8, help="One tenant; otherwise all."),
    ] = None,
    inventory: InventoryFile = Path("tenants.yaml"),
    namespace: Namespace = NAMESPACE,
    given_cluster_domain: ClusterDomain = None,
    context: Context = None,
    nkey: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The seed of a key, for a tenant that requires one."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The CA certificate, for a tenant with TLS."),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            callback=utf8,
            help="The prefix of the subject to publish to; otherwise TENANT.verify.",
            show_default=False,
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="The stack's settings: its `clusterDomain`; and its image, user, nodes, pull "
            "secrets and labels are also those of the Jobs.",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            callback=utf8,
            help="The Jobs' image: it needs sh, nc, nslookup, grep, timeout. Otherwise the "
            f"stack's, or {IMAGE}.",
            show_default=False,
        ),
    ] = None,
    service_account: Annotated[
        str | None,
        typer.Option(
            callback=utf8, help="For the Jobs' pods, if an admission policy requires one."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that each server works and admits only its tenant.

    It automates the Verification chapter of the hand-run templates: the pod is ready; the server
    greets with its own name; a message comes back; /varz and /connz answer; a certificate is valid
    for 14 days or more. All this goes through `kubectl port-forward`, which bypasses
    NetworkPolicies. Then two Jobs inside the cluster show that a pod of the tenant is admitted and
    one of another tenant is not; they are removed afterwards. Simulated nodes cannot show that, and
    the output says so. On real nodes a check that could not be made is no success.

    \b
    For example:
      tenant-nats verify
      tenant-nats verify acme-corp --nkey acme.seed --ca ca.crt
      tenant-nats verify --settings Pulumi.prod.yaml

    \b
    Exit codes:
      0  all is good, but for what simulated nodes cannot show
      1  the inventory or a setting is wrong, or a check could not be made
      2  wrong usage, or there is no such tenant
      5  a check failed
    """
    try:
        stacks_image, pods = as_the_stack(settings_file)
        plan = expand(
            load_inventory(inventory),
            namespace=namespace,
            cluster_domain=cluster_domain_in(settings_file, given_cluster_domain),
        )
    except (InventoryError, StackFileError) as error:
        raise stopped(Exit.FAILED, str(error)) from None
    tenants = [each for each in plan.tenants if tenant in (None, each.id)]
    if not tenants:
        raise typer.BadParameter(f"{inventory} has no tenant {tenant}.")
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            typer.echo(_line(finding))

    looked = _Look(
        kubectl=Kubectl(context),
        namespace=namespace,
        credentials=Credentials(nkey=nkey, ca=ca),
        subject=subject,
        image=image or stacks_image,
        service_account=service_account,
        pods=pods,
        report=report,
    )
    try:
        is_excused = _verify(looked, tenants)
    except ClusterError as error:
        raise stopped(Exit.FAILED, f"The cluster cannot be looked at: {error}.") from None
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings], indent=2))
    if any(each.outcome == "bad" for each in findings):
        raise typer.Exit(Exit.DIFFERENT)
    if not is_excused and any(each.outcome == "not shown" for each in findings):
        raise typer.Exit(Exit.FAILED)


def as_the_stack(settings_file: Path | None) -> tuple[str, probes.Pods]:
    """The image of a stack's servers, and what the pods of Jobs have as theirs do.

    Not its service account, which an admission policy may grant more than to a stranger, nor its
    annotations and priority, which are for servers that run on.

    Raises:
        StackFileError: the file or a setting in it is wrong.
    """
    if settings_file is None:
        return IMAGE, probes.ORDINARY
    # Only here: Pulumi takes seconds to import.
    from rendering.run import StackSettingsError, stack_settings

    try:
        settings = stack_settings(own_settings(settings_file), str(settings_file))
    except StackSettingsError as error:
        raise StackFileError(str(error)) from None
    except OSError as error:
        raise StackFileError(f"{settings_file} cannot be read ({error.strerror}).") from None
    pod = settings.pod
    return settings.image, probes.Pods(
        run_as_user=settings.run_as_user,
        labels=pod.labels,
        node_selector=pod.node_selector,
        tolerations=[each.model_dump(by_alias=True, exclude_none=True) for each in pod.tolerations],
        image_pull_secrets=pod.image_pull_secrets,
    )


def _verify(look: _Look, tenants: Sequence[TenantPlan]) -> bool:
    """Check all `tenants`, and return whether the nodes excuse what could not be shown."""
    simulated = _simulated_nodes(look.kubectl)
    is_excused = simulated == "all"
    for tenant in tenants:
        looks = [_look_at_servers]
        if simulated == "no":
            looks.append(_ask_from_inside)
        for each in looks:
            try:
                each(look, tenant)
            except ClusterError as error:
                # Keep the findings so far, and go on with the other tenants.
                look.report(
                    Finding(
                        instance=tenant.id, check="kubectl", outcome="not shown", detail=str(error)
                    )
                )
                is_excused = False
    if simulated != "no":
        look.report(_not_shown_here(simulated))
    return is_excused


def _line(finding: Finding) -> str:
    mark = {"good": "✓", "bad": "✗", "not shown": "-"}[finding.outcome]
    return f"{mark} {finding.instance}: {finding.check}: {finding.detail}"


def _simulated_nodes(kubectl: Kubectl) -> Literal["all", "some", "no"]:
    """Which nodes are kwok's, on which every Job succeeds, whatever it asks."""
    try:
        nodes = kubectl.get("nodes")
    except ClusterError as error:
        # Only a real cluster forbids somebody to list nodes.
        if error.is_forbidden:
            return "no"
        raise
    simulated = ["kwok.x-k8s.io/node" in node["metadata"].get("annotations", {}) for node in nodes]
    if not any(simulated):
        return "no"
    return "all" if all(simulated) else "some"


def _not_shown_here(simulated: Literal["all", "some"]) -> Finding:
    nodes = "the nodes" if simulated == "all" else "some nodes"
    return Finding(
        instance="every instance",
        check="isolation",
        outcome="not shown",
        detail=f"{nodes} are simulated and filter no packet; run this on a real cluster",
    )


def _look_at_servers(look: _Look, tenant: TenantPlan) -> None:
    for instance in tenant.instances:
        _look_at(look, tenant, instance)


def _look_at(look: _Look, tenant: TenantPlan, instance: InstancePlan) -> None:
    """Run all checks of one server that are possible from here."""
    report = look.report
    if not _is_ready(look.kubectl, look.namespace, instance):
        report(_finding(instance, "pod", "bad", "none is ready; `kubectl describe pod` says why"))
        return
    report(_finding(instance, "pod", "good", "ready"))
    try:
        ports = (CLIENT_PORT, MONITORING_PORT)
        with forwarded(look.kubectl, look.namespace, instance.name, *ports) as local:
            for check, ask in _checks(look, tenant, instance, local):
                try:
                    report(_finding(instance, check, "good", ask()))
                except (_NotShownError, UnknownError) as reason:
                    report(_finding(instance, check, "not shown", str(reason)))
                except ServerError as error:
                    report(_finding(instance, check, "bad", str(error)))
                except (KeyError, TypeError, ValueError) as error:
                    told = f"what it says lacks or garbles {error}"
                    report(_finding(instance, check, "bad", told))
    except ClusterError as error:
        if error.is_forbidden:
            raise
        report(_finding(instance, "port-forward", "bad", str(error)))


class _NotShownError(Exception):
    """A check was not possible; the text says what it needs."""


def _finding(
    instance: InstancePlan, check: str, outcome: Literal["good", "bad", "not shown"], detail: str
) -> Finding:
    return Finding(instance=instance.name, check=check, outcome=outcome, detail=detail)


def _is_ready(kubectl: Kubectl, namespace: str, instance: InstancePlan) -> bool:
    labels = instance_selector(instance.tenant, instance.number)
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = kubectl.get("pods", f"--namespace={namespace}", f"--selector={selector}")
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        for each in pod.get("status", {}).get("conditions", ())
    )


def _checks(
    look: _Look, tenant: TenantPlan, instance: InstancePlan, local: Mapping[int, int]
) -> Iterator[tuple[str, Callable[[], str]]]:
    port, monitoring = local[CLIENT_PORT], local[MONITORING_PORT]
    yield "/varz", lambda: _varz(client.read_json(monitoring, "/varz"))
    yield "/connz", lambda: _connz(client.read_json(monitoring, "/connz"))
    if instance.tls_secret:
        yield "certificate", lambda: client.certificate(monitoring)
    # Last: when a server hangs up, as it does on a client that it refuses, kubectl may end.
    yield "INFO", lambda: _greeting(tenant, instance, client.read_info(port))
    yield "publish and subscribe", lambda: _trip(look, tenant, instance, port)


def _greeting(tenant: TenantPlan, instance: InstancePlan, info: Mapping[str, Any]) -> str:
    """What a server says about itself in INFO, which must agree with the inventory."""
    wanted = {
        "server_name": instance.name,
        "auth_required": bool(tenant.nkeys),
        "tls_required": instance.tls_secret is not None,
    }
    for key, value in wanted.items():
        if (found := info.get(key, False)) != value:
            raise ServerError(f"{key} is {found}, and should be {value}")
    return f"{info['server_name']}, version {info['version']}, max_payload {info['max_payload']}"


def _trip(look: _Look, tenant: TenantPlan, instance: InstancePlan, port: int) -> str:
    if tenant.nkeys and look.credentials.nkey is None:
        raise _NotShownError("the tenant requires a key; give the seed of one with --nkey")
    seconds = client.round_trip(
        port,
        look.subject or f"{tenant.id}.verify",
        look.credentials,
        tls_host=instance.dns_name.partition(":")[0] if instance.tls_secret else None,
    )
    return f"a message came back in {seconds * 1000:.1f} ms"


def _varz(answer: Mapping[str, Any]) -> str:
    return (
        f"{answer['connections']} of {answer['max_connections']} connections, "
        f"{answer['mem'] / 2**20:.0f} MiB, {answer['slow_consumers']} slow consumers"
    )


def _connz(answer: Mapping[str, Any]) -> str:
    return f"{answer['num_connections']} connections listed"


def _ask_from_inside(look: _Look, tenant: TenantPlan) -> None:
    """Let Jobs try each server of a tenant, as a pod of the tenant and as a stranger's."""
    if not tenant.instances:
        return
    asked = [
        (
            instance,
            probes.Probe(
                name=f"verify-{secrets.token_hex(8)}",
                host=instance.dns_name.partition(":")[0],
                tenant=tenant.id if is_own else _STRANGER,
                is_admitted=is_own,
            ),
        )
        for instance in tenant.instances
        for is_own in (True, False)
    ]
    jobs = [
        probes.job(probe, image=look.image, service_account=look.service_account, pods=look.pods)
        for _, probe in asked
    ]
    wrong = probes.run(look.kubectl, look.namespace, jobs)
    for instance, probe in asked:
        check = "same tenant admitted" if probe.is_admitted else "another tenant refused"
        if (problem := wrong.get(probe.name)) is None:
            look.report(_finding(instance, check, "good", f"as the Job {probe.name} saw"))
        else:
            outcome = "bad" if problem.has_run else "not shown"
            look.report(_finding(instance, check, outcome, problem.words))
