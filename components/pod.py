"""The pod of one NATS server: the server, and beside it the exporter that Prometheus scrapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import pulumi

from components.kubernetes import Part
from tenancy.defaults import EXPORTER_RESOURCES, USER
from tenancy.inventory.models import Resources
from tenancy.names import (
    CLIENT_PORT,
    METRICS_PORT,
    METRICS_PORT_NAME,
    MONITORING_PORT,
    instance_labels,
    tenant_selector,
)
from tenancy.plan.nats_config import TLS_FOLDER
from tenancy.plan.plan import InstancePlan

CONFIG_FILE = "nats.conf"
_CONFIG_FOLDER = "/etc/nats"
_GROUP_MAY_READ = 0o440
_SPREAD_OVER = {
    "none": (),
    "nodes": ("kubernetes.io/hostname",),
    "zones": ("topology.kubernetes.io/zone", "kubernetes.io/hostname"),
}
"""The labels of nodes by which the servers of a tenant are counted."""


@dataclass(frozen=True, kw_only=True)
class PodOptions:
    """What all pods of a stack have, in Kubernetes' own form, beside what the plan says of each."""

    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Beside those of every instance."""
    affinity: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    spread: Literal["none", "nodes", "zones"] = "none"
    """Over what the servers of one tenant are spread, where there is room."""
    image_pull_secrets: Sequence[str] = ()
    service_account_name: str | None = None
    runtime_class_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What all servers of a stack have in common."""

    image: str
    exporter_image: str | None
    """None for servers without an exporter beside them."""
    ready_timeout: str
    """How long a server may take to become ready: "3m"."""
    run_as_user: int | None = USER
    """The user and group of every process; None leaves both to the platform."""
    pod: PodOptions = PodOptions()


def template(plan: InstancePlan, options: ServerOptions, config_map: pulumi.Input[str]) -> Part:
    """The pod of a server with the configuration of `config_map`, as a Deployment has it."""
    labels = {**options.pod.labels, **instance_labels(plan.tenant, plan.number)}
    annotations = dict(options.pod.annotations)
    return {
        "metadata": {"labels": labels, **_if_said(annotations=annotations)},
        "spec": _pod(plan, options, config_map),
    }


def _pod(plan: InstancePlan, options: ServerOptions, config_map: pulumi.Input[str]) -> Part:
    """A server, and its exporter where there is one."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            **_user(options.run_as_user, owns_files=plan.tls_secret is not None),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            _server(plan, options.image),
            *([_exporter(options.exporter_image)] if options.exporter_image else []),
        ],
        "volumes": _volumes(plan, config_map),
        **_scheduling(plan, options.pod),
        **_if_said(
            imagePullSecrets=[{"name": name} for name in options.pod.image_pull_secrets],
            serviceAccountName=options.pod.service_account_name,
            # The API server copies the name into this older field. If nobody owned it, it would
            # give the name back when the setting goes.
            serviceAccount=options.pod.service_account_name,
            runtimeClassName=options.pod.runtime_class_name,
        ),
    }


def _user(user: int | None, *, owns_files: bool) -> Part:
    if user is None:
        return {}
    # The files of a Secret belong to root: the server can read them only by this group.
    return {"runAsUser": user, "runAsGroup": user, **({"fsGroup": user} if owns_files else {})}


def _scheduling(plan: InstancePlan, options: PodOptions) -> Part:
    return _if_said(
        nodeSelector=dict(plan.node_selector),
        tolerations=[
            each.model_dump(by_alias=True, exclude_none=True) for each in plan.tolerations
        ],
        affinity=dict(options.affinity),
        priorityClassName=plan.priority_class_name,
        topologySpreadConstraints=[
            {
                "maxSkew": 1,
                "topologyKey": label,
                # A server on a node with another one of its tenant is better than no server.
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": tenant_selector(plan.tenant)},
            }
            for label in _SPREAD_OVER[options.spread]
        ],
    )


def _if_said(**fields: Any) -> Part:
    """The fields that say something: an object without the others stays as it was."""
    return {name: value for name, value in fields.items() if value}


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
        "resources": EXPORTER_RESOURCES,
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
