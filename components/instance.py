"""One NATS server: its configuration, its Deployment, its Service.

What is not made here: a PodDisruptionBudget (with a single replica it would only block a drain), a
headless Service, JetStream, storage.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from tenancy.inventory import Resources
from tenancy.names import CLIENT_PORT, MONITORING_PORT, instance_labels, instance_selector
from tenancy.nats_config import TLS_FOLDER
from tenancy.plan import InstancePlan
from tenancy.tokens import NATS_INSTANCE

_CONFIG_FOLDER = "/etc/nats"
_CONFIG_FILE = "nats.conf"
_USER = 1000
"""The image names none, and `runAsNonRoot` asks for one; the server owns no file."""
_GROUP_MAY_READ = 0o440


@dataclass(frozen=True, kw_only=True)
class NatsInstanceArgs:
    """What a `NatsInstance` is made of."""

    namespace: pulumi.Input[str]
    plan: InstancePlan
    image: str
    ready_timeout: str
    """How long a Deployment may take to become ready: "3m"."""
    policies: tuple[pulumi.Resource, ...]
    """The NetworkPolicies that have to be there before the pod, and until after it."""


class NatsInstance(pulumi.ComponentResource):
    """A ConfigMap, a Deployment with one replica, and a ClusterIP Service."""

    config_map: core.ConfigMap
    deployment: apps.Deployment
    service: core.Service

    def __init__(
        self, name: str, args: NatsInstanceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(NATS_INSTANCE, name, None, opts)
        self.config_map = self._config_map(name, args)
        self.deployment = self._deployment(name, args)
        self.service = self._service(name, args)
        self.register_outputs(
            {
                "config_map": self.config_map,
                "deployment": self.deployment,
                "service": self.service,
            }
        )

    def _config_map(self, name: str, args: NatsInstanceArgs) -> core.ConfigMap:
        # The name carries a hash of the text: a change makes a new one, the pod rolls, the old one
        # goes. The logical name stays, or the engine would see a stranger.
        return core.ConfigMap(
            f"{name}-config",
            metadata=_metadata(args, name=args.plan.config_map_name),
            data={_CONFIG_FILE: args.plan.config},
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _deployment(self, name: str, args: NatsInstanceArgs) -> apps.Deployment:
        return apps.Deployment(
            f"{name}-deployment",
            metadata=_metadata(args, name=args.plan.name),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                # A rolling update would run two servers that do not know each other behind one
                # Service: a message published to one is lost on the other's subscribers.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                revision_history_limit=1,
                selector=LabelSelectorArgs(
                    match_labels=instance_selector(args.plan.tenant, args.plan.number)
                ),
                template=core.PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=instance_labels(args.plan.tenant, args.plan.number)
                    ),
                    spec=_pod(args, config_map=self.config_map.metadata.name),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.policies),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=args.ready_timeout, update=args.ready_timeout
                ),
            ),
        )

    def _service(self, name: str, args: NatsInstanceArgs) -> core.Service:
        return core.Service(
            f"{name}-service",
            metadata=_metadata(
                args,
                name=args.plan.name,
                # The plugin waits ten seconds for every Service, eight at a time. The records wait
                # for the Deployment, which says more than that a Service has an endpoint.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.ServiceSpecArgs(
                type="ClusterIP",
                selector=instance_selector(args.plan.tenant, args.plan.number),
                ports=[
                    core.ServicePortArgs(name="client", port=CLIENT_PORT, target_port="client"),
                    core.ServicePortArgs(
                        name="monitoring", port=MONITORING_PORT, target_port="monitoring"
                    ),
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _metadata(
    args: NatsInstanceArgs, *, name: str, annotations: dict[str, str] | None = None
) -> ObjectMetaArgs:
    return ObjectMetaArgs(
        name=name,
        namespace=args.namespace,
        labels=instance_labels(args.plan.tenant, args.plan.number),
        annotations=annotations,
    )


def _pod(args: NatsInstanceArgs, *, config_map: pulumi.Input[str]) -> core.PodSpecArgs:
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=_USER,
            run_as_group=_USER,
            # The files of a Secret are root's: only by its group may the server read them.
            fs_group=_USER if args.plan.tls_secret else None,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_container(args)],
        volumes=_volumes(args, config_map),
    )


def _volumes(args: NatsInstanceArgs, config_map: pulumi.Input[str]) -> list[core.VolumeArgs]:
    config = core.ConfigMapVolumeSourceArgs(name=config_map)
    volumes = [core.VolumeArgs(name="config", config_map=config)]
    if args.plan.tls_secret:
        secret = core.SecretVolumeSourceArgs(
            secret_name=args.plan.tls_secret,
            # Without ca.crt, which cert-manager adds and no server needs.
            items=[core.KeyToPathArgs(key=name, path=name) for name in ("tls.crt", "tls.key")],
            default_mode=_GROUP_MAY_READ,
        )
        volumes.append(core.VolumeArgs(name="tls", secret=secret))
    return volumes


def _container(args: NatsInstanceArgs) -> core.ContainerArgs:
    return core.ContainerArgs(
        name="nats",
        image=args.image,
        # Settings are in the file only: an unknown flag makes nats-server print its usage and exit
        # with 0, a crash loop that calls itself "Completed".
        command=["nats-server", "-c", f"{_CONFIG_FOLDER}/{_CONFIG_FILE}"],
        env=[core.EnvVarArgs(name="GOMEMLIMIT", value=args.plan.gomemlimit)],
        ports=[
            core.ContainerPortArgs(name="client", container_port=CLIENT_PORT, protocol="TCP"),
            core.ContainerPortArgs(
                name="monitoring", container_port=MONITORING_PORT, protocol="TCP"
            ),
        ],
        resources=core.ResourceRequirementsArgs(
            requests=_quantities(args.plan.requests), limits=_quantities(args.plan.limits)
        ),
        startup_probe=_healthz(period_seconds=1, failure_threshold=60),
        readiness_probe=_healthz(period_seconds=5, failure_threshold=3),
        liveness_probe=_healthz(period_seconds=10, failure_threshold=6),
        security_context=core.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=core.CapabilitiesArgs(drop=["ALL"]),
        ),
        volume_mounts=_volume_mounts(args),
    )


def _volume_mounts(args: NatsInstanceArgs) -> list[core.VolumeMountArgs]:
    folders = {"config": _CONFIG_FOLDER}
    if args.plan.tls_secret:
        folders["tls"] = TLS_FOLDER
    return [
        core.VolumeMountArgs(name=name, mount_path=folder, read_only=True)
        for name, folder in folders.items()
    ]


def _quantities(resources: Resources) -> dict[str, str]:
    return {"cpu": resources.cpu, "memory": resources.memory}


def _healthz(*, period_seconds: int, failure_threshold: int) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path="/healthz", port="monitoring"),
        period_seconds=period_seconds,
        failure_threshold=failure_threshold,
        timeout_seconds=2,
    )
