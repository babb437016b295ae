"""The program of a stack, run with the recorder in place of an engine."""

from collections.abc import Mapping

from rendering.recorder import Graph, deploy
from settings.reading import SettingsError, settings_of
from settings.stack import Settings
from tenancy.inventory.models import Inventory
from tenant_nats.construction import build
from tenant_nats.decision import Decision, plan_of, rules_of


class StackSettingsError(ValueError):
    """Settings that are not valid: all of them, in one line."""


def stack_settings(given: Mapping[str, object], source: str) -> Settings:
    """The settings of a stack, as its file or a command line has them: `monitoringNamespace`.

    Without the database's roles, which are not manifests: `tenant-nats database-roles` prints them.

    Raises:
        StackSettingsError: a key is unknown, or a value does not fit; the text names `source`.
    """
    try:
        settings = settings_of(given, source)
    except SettingsError as error:
        raise StackSettingsError(str(error)) from None
    database = settings.database.model_copy(update={"manage_roles": False})
    return settings.model_copy(update={"database": database})


def graph_of(inventory: Inventory, settings: Settings) -> Graph:
    """All that the program would register for `inventory`, with nothing due in the database.

    Raises:
        CeilingError: the inventory asks for more than the stack may.
        NodesError: a size contradicts what the stack says of nodes.
    """
    decision = Decision(plan=plan_of(settings, inventory), rules=rules_of(settings, inventory))
    return deploy(lambda: build(settings, decision))
