"""The settings of a stack, with their defaults."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from settings.control_plane import Database
from settings.pods import Pod
from settings.service import Service
from settings.values import (
    CellName,
    Duration,
    Flag,
    Image,
    LabelKey,
    LabelValue,
    Pause,
    RunAsUser,
)
from tenancy.defaults import CLUSTER_DOMAIN, IMAGE, NAMESPACE, USER
from tenancy.inventory.types import ClusterDomain, Cpu, Memory, MostInstances, NamespaceName
from tenancy.plan.ceiling import Ceiling

_INVENTORY = Path("tenants.yaml")


class Metrics(BaseModel):
    """What a stack does for the Prometheus that watches its servers."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    exporter: Flag = True
    """Whether an exporter runs beside each server, on port 7777."""
    exporter_image: Image = "natsio/prometheus-nats-exporter:0.20.2"
    pod_monitor: Flag = False
    """Whether the stack makes a PodMonitor; for clusters with the Prometheus operator."""
    prometheus_rule: Flag = False
    """Whether it makes a PrometheusRule, with recording rules and alerts; for the same clusters."""
    labels: dict[LabelKey, LabelValue] = {}
    """The labels of both, by which the operator's Prometheus may select them."""

    # Of the fields, not of the model: pydantic asks a model only when all its fields are right.
    @field_validator("pod_monitor", "prometheus_rule")
    @classmethod
    def _exported(cls, is_made: bool, others: ValidationInfo) -> bool:
        if is_made and not others.data.get("exporter", True):
            raise PydanticCustomError("unexported", "")
        return is_made


def _structure(value: Any) -> Any:
    """The content of a structured value, which the engine passes as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


class Settings(BaseModel):
    """What the configuration of a stack may say, in camelCase: `monitoringNamespace`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    inventory: Path = _INVENTORY
    """The inventory's file, relative to the project's folder. Each stack has its own. In a cell it
    follows from the stack's name, so these settings of several stacks name none."""
    cell: CellName | None = None
    """The cell of which this stack is a part, the base or a shard by its name: `eu-base`,
    `eu-017`. All parts have the settings of one file, `Pulumi.eu.yaml`."""

    @field_validator("cell")
    @classmethod
    def _has_inventories(cls, cell: str | None, others: ValidationInfo) -> str | None:
        if cell is not None and others.data.get("inventory", _INVENTORY) != _INVENTORY:
            raise PydanticCustomError("one_inventory", "")
        return cell

    namespace: NamespaceName = NAMESPACE
    """Where the servers live. It belongs to one stack, or to one cell."""
    namespace_mode: Literal["managed", "existing"] = "managed"
    """Whether the stack makes the namespace, or uses an existing one."""
    retain_namespace: Flag = True
    """Whether a managed namespace outlives the stack; workers live in it too."""
    monitoring_namespace: NamespaceName = "vrsky-monitoring"
    """The namespace whose pods may read ports 8222 and 7777."""
    cluster_domain: ClusterDomain = CLUSTER_DOMAIN
    """What the DNS names of the cluster's Services end in. A part of every address in the rows."""
    pod_security: Literal["restricted", "baseline"] = "restricted"
    """The Pod Security Standard of a managed namespace; `baseline` where older workers live."""
    image: Image = IMAGE
    """The servers' image."""
    ready_timeout: Duration = "3m"
    """How long a server may take to become ready."""
    run_as_user: RunAsUser = USER
    """The user and group of every process; None leaves both to the platform, as OpenShift wants."""
    pod: Annotated[Pod, BeforeValidator(_structure)] = Pod()
    """What the pods of all servers have, beside what their sizes say."""
    rollout: Literal["parallel", "serial"] = "parallel"
    """Whether a change restarts the servers of all tenants at once, or of one after the other."""
    drain: Pause = "30s"
    """How long workers have to leave a server after its integrations have moved away."""
    max_instances: MostInstances | None = None
    """How many servers the inventory may ask for in all."""
    max_cpu: Cpu | None = None
    """How much CPU they may request in all."""
    max_memory: Memory | None = None
    """How much memory they may request in all."""
    database: Annotated[Database, BeforeValidator(_structure)] = Database()
    """What the stack knows and does about the platform's database, besides the rows."""
    metrics: Annotated[Metrics, BeforeValidator(_structure)] = Metrics()
    """What the stack does for the Prometheus that watches its servers."""
    service: Annotated[Service, BeforeValidator(_structure)] = Service()
    """What every Service has beside its ports and its selector."""

    @property
    def exporter_image(self) -> str | None:
        """The image of the exporter beside each server; None for no exporter."""
        return self.metrics.exporter_image if self.metrics.exporter else None

    @property
    def ceiling(self) -> Ceiling:
        """What the inventory may ask for in all."""
        return Ceiling(instances=self.max_instances, cpu=self.max_cpu, memory=self.max_memory)
