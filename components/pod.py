"""The pod of one NATS server: the server, and beside it the exporter that Prometheus asks."""

import pulumi
from pulumi_kubernetes.core import v1 as core

from tenancy.inventory import Resources
from tenancy.names import CLIENT_PORT, METRICS_PORT, METRICS_PORT_NAME, MONITORING_PORT
from tenancy.nats_config import TLS_FOLDER
from tenancy.plan import InstancePlan

CONFIG_FILE = "nats.conf"
_CONFIG_FOLDER = "/etc/nats"
_USER = 1000
"""The images name none, and `runAsNonRoot` asks for one; neither process owns a file."""
_GROUP_MAY_READ = 0o440


def pod(
    plan: InstancePlan,
    *,
    image: str,
    exporter_image: str | None,
    config_map: pulumi.Input[str],
) -> core.PodSpecArgs:
    """A server, and its exporter unless that is None, with the configuration of `config_map`."""
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=_USER,
            run_as_group=_USER,
            # The files of a Secret are root's: only by its group may the server read them.
            fs_group=_USER if plan.tls_secret else None,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_server(plan, image), *([_exporter(exporter_image)] if exporter_image else [])],
        volumes=_volumes(plan, config_map),
    )


def _volumes(plan: InstancePlan, config_map: pulumi.Input[str]) -> list[core.VolumeArgs]:
    config = core.ConfigMapVolumeSourceArgs(name=config_map)
    volumes = [core.VolumeArgs(name="config", config_map=config)]
    if plan.tls_secret:
        secret = core.SecretVolumeSourceArgs(
            secret_name=plan.tls_secret,
            # Without ca.crt, which cert-manager adds and no server needs.
            items=[core.KeyToPathArgs(key=name, path=name) for name in ("tls.crt", "tls.key")],
            default_mode=_GROUP_MAY_READ,
        )
        volumes.append(core.VolumeArgs(name="tls", secret=secret))
    return volumes


def _server(plan: InstancePlan, image: str) -> core.ContainerArgs:
    return core.ContainerArgs(
        name="nats",
        image=image,
        # Settings are in the file only: an unknown flag makes nats-server print its usage and exit
        # with 0, a crash loop that calls itself "Completed".
        command=["nats-server", "-c", f"{_CONFIG_FOLDER}/{CONFIG_FILE}"],
        env=[core.EnvVarArgs(name="GOMEMLIMIT", value=plan.gomemlimit)],
        ports=[
            core.ContainerPortArgs(name="client", container_port=CLIENT_PORT, protocol="TCP"),
            core.ContainerPortArgs(
                name="monitoring", container_port=MONITORING_PORT, protocol="TCP"
            ),
        ],
        resources=core.ResourceRequirementsArgs(
            requests=_quantities(plan.requests), limits=_quantities(plan.limits)
        ),
        startup_probe=_healthz(period_seconds=1, failure_threshold=60),
        readiness_probe=_healthz(period_seconds=5, failure_threshold=3),
        liveness_probe=_healthz(period_seconds=10, failure_threshold=6),
        security_context=_confined(),
        volume_mounts=_volume_mounts(plan),
    )


def _exporter(image: str) -> core.ContainerArgs:
    return core.ContainerArgs(
        name="exporter",
        image=image,
        args=[
            *("-varz", "-connz", "-healthz"),
            # By this it waits for the server, asking every second. One that is ahead of its server
            # would never know which figures there are.
            *("-use_internal_server_name", "-ri", "1"),
            *("-port", str(METRICS_PORT)),
            f"http://127.0.0.1:{MONITORING_PORT}",
        ],
        ports=[
            core.ContainerPortArgs(
                name=METRICS_PORT_NAME, container_port=METRICS_PORT, protocol="TCP"
            )
        ],
        resources=core.ResourceRequirementsArgs(
            requests={"cpu": "10m", "memory": "32Mi"}, limits={"cpu": "100m", "memory": "64Mi"}
        ),
        # A pod is ready when all its containers run, so the less an exporter is restarted, the
        # better for the server's clients: no readiness probe; none by /metrics, which fails when
        # the server hangs; and a quarter of an hour of patience, since an exporter whose server
        # does not start waits for it without listening.
        liveness_probe=core.ProbeArgs(
            tcp_socket=core.TCPSocketActionArgs(port=METRICS_PORT_NAME),
            period_seconds=30,
            failure_threshold=30,
            timeout_seconds=2,
        ),
        security_context=_confined(),
    )


def _confined() -> core.SecurityContextArgs:
    return core.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=core.CapabilitiesArgs(drop=["ALL"]),
    )


def _volume_mounts(plan: InstancePlan) -> list[core.VolumeMountArgs]:
    folders = {"config": _CONFIG_FOLDER}
    if plan.tls_secret:
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
