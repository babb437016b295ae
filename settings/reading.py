"""Reads the configuration of the stack and the environment: the one place that does."""

import os
from collections.abc import Mapping
from pathlib import Path

import pulumi
from pulumi.runtime.config import get_config_env, is_config_secret
from pydantic import ValidationError

from cell.folders import member_in
from controlplane.dsn import EXAMPLE, SETTING, DsnError, resolve
from settings.report import report
from settings.stack import Settings
from tenancy.cells import Member, member_of
from tenancy.rows.placement import LEAVE_VARIABLE


class SettingsError(pulumi.RunError):
    """The stack's configuration is wrong; the engine shows the text without a traceback."""


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
    stack = pulumi.get_stack()
    member = member_in(Path(), stack)
    settings = settings_of(given, str(member.settings_file) if member else f"Pulumi.{stack}.yaml")
    images = filter(None, (settings.image, settings.exporter_image))
    if undigested := " and ".join(image for image in images if "@" not in image):
        pulumi.log.warn(f"No digest (@sha256:…): {undigested}; a tag can move to another image.")
    return settings


def stack_member(settings: Settings) -> Member | None:
    """Which member of its cell the stack is that the engine runs; None for a stack in no cell.

    Raises:
        SettingsError: the stack's name and its settings do not agree.
    """
    stack = pulumi.get_stack()
    if settings.cell is None:
        _refuse_forgotten_settings(stack)
        return None
    if member := member_of(stack, settings.cell):
        return member
    raise SettingsError(
        f"Pulumi.{settings.cell}.yaml: cell is {settings.cell}, and the stack is {stack}, expected "
        f"{settings.cell}-base, or {settings.cell}- and the name of a shard, for example "
        f"{settings.cell}-001. Nothing was changed."
    )


def _refuse_forgotten_settings(stack: str) -> None:
    """Refuse a member of a cell without its settings, since it would deploy another inventory."""
    if member := member_in(Path(), stack):
        raise SettingsError(
            f"The stack {stack} is a member of the cell {member.cell} by its name, and its "
            f"settings have no `cell`: add `--config-file {member.settings_file}` to the command. "
            "Nothing was changed."
        )


def leaves_integrations() -> bool:
    """Whether this preview ignores pending moves of integrations, as `tenant-nats drift` does."""
    return LEAVE_VARIABLE in os.environ


def settings_of(given: Mapping[str, object], source: str) -> Settings:
    """The settings in `given`, by name: `monitoringNamespace`. The database's URL is left out.

    Raises:
        SettingsError: every value that does not fit, in one report that names `source`.
    """
    try:
        content = {key: given[key] for key in given if key != SETTING}
        return Settings.model_validate(content, by_alias=True, by_name=False)
    except ValidationError as error:
        raise SettingsError(f"{source}: {report(error)}. Nothing was changed.") from None


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
