"""The settings of a stack: the one place that reads its configuration and the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime.config import get_config_env, is_config_secret
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from controlplane.dsn import EXAMPLE, SETTING, DsnError, resolve
from tenancy.faults import printable
from tenancy.types import NamespaceName, expected

_TAG = r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
Image = Annotated[
    str,
    StringConstraints(pattern=rf"^[a-z0-9][-a-z0-9._:/]*:{_TAG}(@sha256:[0-9a-f]{{64}})?$"),
    expected("an image with a tag and, at best, a digest", "nats:2.15.1-alpine"),
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
Flag = Annotated[bool, expected("true or false", "true")]


class SettingsError(pulumi.RunError):
    """The stack's configuration is wrong; the engine shows the text without a traceback."""


class Settings(BaseModel):
    """What the configuration of a stack may say, in camelCase: `monitoringNamespace`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    inventory: Path = Path("tenants.yaml")
    """The inventory's file, from the project's folder. Each stack has one of its own."""
    namespace: NamespaceName = "vrsky-tenants"
    """Where the servers live. It belongs to one stack."""
    namespace_mode: Literal["managed", "existing"] = "managed"
    """Whether the stack makes the namespace, or finds it."""
    retain_namespace: Flag = True
    """Whether a managed namespace outlives the stack; workers live in it too."""
    monitoring_namespace: NamespaceName = "vrsky-monitoring"
    """From where port 8222 may be read."""
    pod_security: Literal["restricted", "baseline"] = "restricted"
    """The Pod Security Standard of a managed namespace; `baseline` where older workers live."""
    image: Image = "nats:2.15.1-alpine"
    """The servers' image. Its tag is the version that the tests run."""
    ready_timeout: Duration = "3m"
    """How long a server may take to become ready."""
    drain: Pause = "30s"
    """How long workers have to leave a server between its integrations moving and its end."""


def read_settings() -> Settings:
    """The settings of the stack that the engine runs.

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
    return settings_of(given, f"Pulumi.{pulumi.get_stack()}.yaml")


def settings_of(given: Mapping[str, object], source: str) -> Settings:
    """The settings that `given` has by name: `monitoringNamespace`. The database's URL is none.

    Raises:
        SettingsError: every value that does not fit, in one report that names `source`.
    """
    try:
        return Settings.model_validate({key: given[key] for key in given if key != SETTING})
    except ValidationError as error:
        faults = "; ".join(_fault(details) for details in error.errors(include_url=False))
        raise SettingsError(f"{source}: {faults}. Nothing was changed.") from None


def _fault(details: Any) -> str:
    key, value = str(details["loc"][0]), printable(str(details["input"]))
    match details["type"]:
        case "extra_forbidden":
            known = ", ".join(sorted([*map(to_camel, Settings.model_fields), SETTING]))
            return f"there is no setting {key}; known are {known}"
        case "expected":
            context = details["ctx"]
            example = context["example"]
            return f"{key} is {value}, expected {context['words']}, for example {example}"
        case _:
            return f"{key} is {value}, expected {details['ctx']['expected']}"


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
