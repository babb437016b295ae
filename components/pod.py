"""The pod of one NATS server: the server, and beside it the exporter that Prometheus scrapes."""

from dataclasses import dataclass

import pulumi

from components.kubernetes import Part
from tenancy.inventory.models import Resources
from tenancy.names import CLIENT_PORT, METRICS_PORT, METRICS_PORT_NAME, MONITORING_PORT
from tenancy.plan.nats_config import TLS_FOLDER
from tenancy.plan.plan import InstancePlan

CONFIG_FILE = "nats.conf"
_CONFIG_FOLDER = "/etc/nats"
_USER = 1000
"""The images set no user, and `runAsNonRoot` needs one; neither process owns a file."""
_GROUP_MAY_READ = 0o440


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What all servers of a stack have in common."""

    image: str
    exporter_image: str | None
    """None for servers without an exporter beside them."""
    ready_timeout: str
    """How long a server may take to become ready: "3m"."""


def pod(plan: InstancePlan, options: ServerOptions, config_map: pulumi.Input[str]) -> Part:
    """A server with the configuration of `config_map`, and its exporter where there is one."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            # The files of a Secret belong to root: the server can read them only by this group.
            **({"fsGroup": _USER} if plan.tls_secret else {}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            _server(plan, options.image),
            *([_exporter(options.exporter_image)] if options.exporter_image else []),
        ],
        "volumes": _volumes(plan, config_map),
    }


def _volumes(plan: InstancePlan, config_map: pulumi.Input[str]) -> list[Part]:
    volumes: list[Part] = [{"name": "config", "configMap": {"name": config_map}}]
    if plan.tls_secret:
        secret = {
            "secretName": plan.tls_secret,
            # Not ca.crt, which cert-manager adds and no server needs.
            "items": [{"key": name, "path": name} for name in ("tls.crt", "tls.key")],
            "defaultMode": _GROUP_MAY_READ,
        }
        volumes.append({"name": "tls", "secret": secret})
    return volumes


def _server(plan: InstancePlan, image: str) -> Part:
    return {
        "name": "nats",
        "image": image,
        # All settings are in the file: an unknown flag makes nats-server print its usage and exit
        # with 0, a crash loop with the status "Completed".
        "command": ["nats-server", "-c", f"{_CONFIG_FOLDER}/{CONFIG_FILE}"],
        "env": [{"name": "GOMEMLIMIT", "value": plan.gomemlimit}],
        "ports": [_port("client", CLIENT_PORT), _port("monitoring", MONITORING_PORT)],
        "resources": {
            "requests": _quantities(plan.requests),
            "limits": _quantities(plan.limits),
        },
        "startupProbe": _healthz(period_seconds=1, failure_threshold=60),
        "readinessProbe": _healthz(period_seconds=5, failure_threshold=3),
        "livenessProbe": _healthz(period_seconds=10, failure_threshold=6),
        "securityContext": _confined(),
        "volumeMounts": _volume_mounts(plan),
    }


def _exporter(image: str) -> Part:
    return {
        "name": "exporter",
        "image": image,
        "args": [
            *("-varz", "-connz", "-healthz"),
            # With this it waits for the server, asking every second. Without it, an exporter that
            # starts before its server would never learn which figures exist.
            *("-use_internal_server_name", "-ri", "1"),
            *("-port", str(METRICS_PORT)),
            f"http://127.0.0.1:{MONITORING_PORT}",
        ],
        "ports": [_port(METRICS_PORT_NAME, METRICS_PORT)],
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "100m", "memory": "64Mi"},
        },
        # A pod is ready only while all its containers run: while an exporter restarts, no client
        # can connect to its server. So there is no readiness probe, no probe of /metrics (it fails
        # when the server hangs), and a quarter of an hour of patience: an exporter whose server
        # does not start waits for it without listening.
        "livenessProbe": {
            "tcpSocket": {"port": METRICS_PORT_NAME},
            "periodSeconds": 30,
            "failureThreshold": 30,
            "timeoutSeconds": 2,
        },
        "securityContext": _confined(),
    }


def _confined() -> Part:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _volume_mounts(plan: InstancePlan) -> list[Part]:
    folders = {"config": _CONFIG_FOLDER}
    if plan.tls_secret:
        folders["tls"] = TLS_FOLDER
    return [
        {"name": name, "mountPath": folder, "readOnly": True} for name, folder in folders.items()
    ]


def _port(name: str, number: int) -> Part:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _quantities(resources: Resources) -> dict[str, str]:
    return {"cpu": resources.cpu, "memory": resources.memory}


def _healthz(*, period_seconds: int, failure_threshold: int) -> Part:
    return {
        "httpGet": {"path": "/healthz", "port": "monitoring"},
        "periodSeconds": period_seconds,
        "failureThreshold": failure_threshold,
        "timeoutSeconds": 2,
    }
