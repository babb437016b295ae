"""The settings of a stack: the one place that reads its configuration and the environment."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime.config import get_config_env, is_config_secret
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from controlplane.dsn import EXAMPLE, SETTING, DsnError, resolve
from controlplane.roles import NAME, NAME_WORDS, PREFIX, SCHEMA
from tenancy.defaults import IMAGE, NAMESPACE
from tenancy.inventory.faults import dotted, printable
from tenancy.inventory.types import Cpu, Memory, NamespaceName, expected
from tenancy.plan.ceiling import Ceiling
from tenancy.rows.lifecycle import StatusWords
from tenancy.rows.placement import LEAVE_VARIABLE

_TAG = r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
Image = Annotated[
    str,
    StringConstraints(pattern=rf"^[a-z0-9][-a-z0-9._:/]*:{_TAG}(@sha256:[0-9a-f]{{64}})?$"),
    expected("an image with a tag and, at best, a digest", IMAGE),
]
Duration = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,3}(s|m)$"),
    expected("a time in whole seconds or minutes", "3m"),
]
Pause = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,3})s$"),
    expected("a time in whole seconds", "30s"),
]
MostInstances = Annotated[int, Field(ge=1), expected("a whole number, 1 or more", "100")]
Flag = Annotated[bool, expected("true or false", "true")]
DatabaseName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][-A-Za-z0-9_]{0,62}$"),
    expected("the name of the database that has the tables", "platform"),
]
_LABEL_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LabelKey = Annotated[
    str,
    StringConstraints(pattern=rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_PART}$"),
    expected("the key of a Kubernetes label", "release"),
]
LabelValue = Annotated[
    str,
    StringConstraints(pattern=f"^({_LABEL_PART})?$"),
    expected("the value of a Kubernetes label, as text", "kube-prometheus-stack"),
]
StatusWord = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][-A-Za-z0-9_ ]{0,62}$"),
    expected("a status as the platform's table has it", "terminating"),
]
Identifier = Annotated[
    str,
    StringConstraints(pattern=f"^{NAME}$"),
    expected(NAME_WORDS, PREFIX),
]


class SettingsError(pulumi.RunError):
    """The stack's configuration is wrong; the engine shows the text without a traceback."""


class Statuses(BaseModel):
    """The platform's words for the statuses of `nats_instances`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    provisioning: StatusWord = "provisioning"
    """It has announced an instance, whose server is not ready."""
    active: StatusWord = "active"
    """Workers may connect."""
    draining: StatusWord = "draining"
    """Its integrations are elsewhere, its workers are leaving."""
    terminated: StatusWord = "terminated"
    """Its server is gone; the row stays as a record."""

    @model_validator(mode="after")
    def _distinct(self) -> "Statuses":
        if not StatusWords(**self.model_dump()).are_distinct:
            raise PydanticCustomError("ambiguous", "")
        return self


class Database(BaseModel):
    """What a stack does about the platform's database, besides the rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    manage_roles: Flag = False
    """Whether the stack makes the roles and their grants, with the plugin of pulumi-postgresql."""
    name: DatabaseName | None = None
    """The database that has the tables; needed if the stack manages the roles."""
    in_schema: Identifier = Field(default=SCHEMA, alias="schema")
    """The schema that has the tables."""
    role_prefix: Identifier = PREFIX
    """What the names of the roles begin with."""
    statuses: Statuses = Statuses()
    """What the platform calls the statuses of a row, where its table has words of its own."""

    @property
    def words(self) -> StatusWords:
        """The platform's words for the statuses."""
        return StatusWords(**self.statuses.model_dump())

    @model_validator(mode="after")
    def _named(self) -> "Database":
        if self.manage_roles and self.name is None:
            raise PydanticCustomError("unnamed", "")
        return self


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

    @model_validator(mode="after")
    def _exported(self) -> "Metrics":
        if not self.exporter and (self.pod_monitor or self.prometheus_rule):
            raise PydanticCustomError("unexported", "")
        return self


def _structure(value: Any) -> Any:
    """The content of a structured value, which the engine passes as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


class Settings(BaseModel):
    """What the configuration of a stack may say, in camelCase: `monitoringNamespace`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    inventory: Path = Path("tenants.yaml")
    """The inventory's file, relative to the project's folder. Each stack has its own."""
    namespace: NamespaceName = NAMESPACE
    """Where the servers live. It belongs to one stack."""
    namespace_mode: Literal["managed", "existing"] = "managed"
    """Whether the stack makes the namespace, or uses an existing one."""
    retain_namespace: Flag = True
    """Whether a managed namespace outlives the stack; workers live in it too."""
    monitoring_namespace: NamespaceName = "vrsky-monitoring"
    """The namespace whose pods may read ports 8222 and 7777."""
    pod_security: Literal["restricted", "baseline"] = "restricted"
    """The Pod Security Standard of a managed namespace; `baseline` where older workers live."""
    image: Image = IMAGE
    """The servers' image."""
    ready_timeout: Duration = "3m"
    """How long a server may take to become ready."""
    drain: Pause = "30s"
    """How long workers have to leave a server after its integrations have moved away."""
    max_instances: MostInstances | None = None
    """How many servers the inventory may ask for in all."""
    max_cpu: Cpu | None = None
    """How much CPU they may request in all."""
    max_memory: Memory | None = None
    """How much memory they may request in all."""
    database: Annotated[Database, BeforeValidator(_structure)] = Database()
    """What the stack does about the platform's database, besides the rows."""
    metrics: Annotated[Metrics, BeforeValidator(_structure)] = Metrics()
    """What the stack does for the Prometheus that watches its servers."""

    @property
    def exporter_image(self) -> str | None:
        """The image of the exporter beside each server; None for no exporter."""
        return self.metrics.exporter_image if self.metrics.exporter else None

    @property
    def ceiling(self) -> Ceiling:
        """What the inventory may ask for in all."""
        return Ceiling(instances=self.max_instances, cpu=self.max_cpu, memory=self.max_memory)


def read_settings() -> Settings:
    """The settings of the stack that the engine runs; warns of images without a digest.

    Raises:
        SettingsError: every value that does not fit, in one report.
    """
    config = pulumi.Config()
    prefix = f"{config.name}:"
    given = {
        key.removeprefix(prefix): config.get(key.removeprefix(prefix))
        for key in get_config_env()
        if key.startswith(prefix)
    }
    settings = settings_of(given, f"Pulumi.{pulumi.get_stack()}.yaml")
    images = filter(None, (settings.image, settings.exporter_image))
    if undigested := " and ".join(image for image in images if "@" not in image):
        pulumi.log.warn(f"No digest (@sha256:…): {undigested}; a tag can move to another image.")
    return settings


def leaves_integrations() -> bool:
    """Whether this preview ignores pending integration moves, as those of `operations drift` do."""
    return LEAVE_VARIABLE in os.environ


def settings_of(given: Mapping[str, object], source: str) -> Settings:
    """The settings in `given`, by name: `monitoringNamespace`. The database's URL is left out.

    Raises:
        SettingsError: every value that does not fit, in one report that names `source`.
    """
    try:
        return Settings.model_validate({key: given[key] for key in given if key != SETTING})
    except ValidationError as error:
        faults = "; ".join(_fault(details) for details in error.errors(include_url=False))
        raise SettingsError(f"{source}: {faults}. Nothing was changed.") from None


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "database": Database,
    "database.statuses": Statuses,
    "metrics": Metrics,
}
_EXAMPLES = {
    "database": "database.manageRoles",
    "database.statuses": "database.statuses.draining",
    "metrics": "metrics.podMonitor",
    "metrics.labels": "metrics.labels.release",
}


def _fault(details: Any) -> str:
    key, value = dotted(details["loc"]), printable(str(details["input"]))
    match details["type"]:
        case "extra_forbidden":
            *section, _ = details["loc"]
            if section:
                known = _known(f"{dotted(section)}.", _SECTIONS[dotted(section)])
                return f"there is no setting {key}; known are {known}"
            if key.partition(".")[0] in _SECTIONS:
                return f"{key} was set without --path: `pulumi config set --path {key} …`"
            return f"there is no setting {key}; known are {_known('', Settings)}"
        case "unnamed":
            return (
                f"{key}.manageRoles is true and {key}.name is missing, expected the name of the "
                f"database that has the tables: `pulumi config set --path {key}.name platform`"
            )
        case "ambiguous":
            return (
                f"{key} has one word for two statuses; give each a word of its own, as the "
                "platform's table has it"
            )
        case "unexported":
            return (
                f"{key}.exporter is false, so there is nothing for {key}.podMonitor to find and "
                f"nothing for {key}.prometheusRule to watch: leave those two out as well"
            )
        case "model_type" | "dict_type":
            example = _EXAMPLES[key]
            return f"{key} is {value}, expected settings below it, for example {example}"
        case "expected":
            context = details["ctx"]
            example = context["example"]
            return f"{key} is {value}, expected {context['words']}, for example {example}"
        case other:
            return f"{key} is {value}, {_expected(other, details)}"


def _expected(kind: str, details: Any) -> str:
    match kind:
        case "literal_error":
            return f"expected {details['ctx']['expected']}"
        case "path_type":
            return "expected the path of a file, for example tenants.yaml"
        case "invalid_key":
            return "which is no text; put it between quotes"
        case _:
            return f"which does not fit: {details['msg']}"


def _known(prefix: str, model: type[BaseModel]) -> str:
    fields = [field.alias or name for name, field in model.model_fields.items()]
    return ", ".join(sorted([*(prefix + name for name in fields), *([] if prefix else [SETTING])]))


def of_the_plugin() -> Mapping[str, str | None]:
    """The stack's settings for the Kubernetes plugin, for `cluster.kubectl.as_the_plugin`."""
    config = pulumi.Config("kubernetes")
    return {key: config.get(key) for key in ("kubeconfig", "context", "cluster")}


def database_url() -> str:
    """Where the control plane's database is: a secret, so it is never part of `Settings`.

    Raises:
        DsnError: it is not given, given twice, not readable, or stored without encryption.
    """
    config = pulumi.Config()
    setting = config.get(SETTING)
    if setting and not is_config_secret(f"{config.name}:{SETTING}"):
        raise DsnError(
            f"{SETTING} stands in the stack's configuration as plain text; store it encrypted: "
            f"`pulumi config set --secret {SETTING} {EXAMPLE}`."
        )
    return resolve(setting)
