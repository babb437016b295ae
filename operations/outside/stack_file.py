"""The file with a stack's settings, `Pulumi.STACK.yaml`, as far as a command reads it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from controlplane.platform import PLATFORM, Platform
from controlplane.section import DatabaseSection
from operations.outside.files import read_bytes
from tenancy.defaults import CLUSTER_DOMAIN, NAMESPACE
from tenancy.inventory.faults import dotted, printable
from tenancy.inventory.types import ClusterDomain, Cpu, Memory, MostInstances, NamespaceName
from tenancy.plan.ceiling import Ceiling

_PREFIX = "tenant-nats:"
"""The prefix of the program's own keys in the file."""
_EXAMPLE = "config: {tenant-nats:namespace: vrsky-tenants}"
UNREAD = frozenset(
    {
        "cell", "databaseUrl", "drain", "image", "inventory",
        "metrics", "monitoringNamespace", "namespaceMode", "pod", "podSecurity",
        "readyTimeout", "retainNamespace", "rollout", "runAsUser", "service",
    }
)  # fmt: skip
"""The settings that no command checks here. Any other name is a typo, which would leave a default
in the place of what the file says."""


class StackFileError(Exception):
    """The file cannot be used; the text is a line for each fault, with an example."""


def _as_passed(value: object) -> object:
    """A value as the engine passes it to a program: a number as text."""
    return str(value) if type(value) is int else value


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    database: DatabaseSection = DatabaseSection()
    cluster_domain: ClusterDomain = CLUSTER_DOMAIN
    namespace: NamespaceName = NAMESPACE
    max_instances: MostInstances | None = None
    max_cpu: Annotated[Cpu, BeforeValidator(_as_passed)] | None = None
    max_memory: Memory | None = None


def namespace_in(file: Path | None) -> str:
    """Where the servers live; the default without a file or a setting.

    Raises:
        StackFileError: it cannot be read, or it names no namespace.
    """
    return _read(file).namespace if file else NAMESPACE


def platform_in(file: Path | None) -> Platform:
    """Where the platform's tables are, and its words; the defaults without a file or a setting.

    Raises:
        StackFileError: it cannot be read, or what it has there does not fit.
    """
    return _read(file).database.platform if file else PLATFORM


def ceiling_in(file: Path) -> Ceiling:
    """The most that the stack, or the cell, may ask for.

    Raises:
        StackFileError: it cannot be read, or what it has there does not fit.
    """
    found = _read(file)
    return Ceiling(instances=found.max_instances, cpu=found.max_cpu, memory=found.max_memory)


def cluster_domain_in(file: Path | None, given: str | None = None) -> str:
    """What the DNS names of the cluster's Services end in: as `given`, or as the file says.

    Raises:
        StackFileError: the file cannot be read, or what it has there is no such domain.
    """
    if given is not None:
        return given
    return _read(file).cluster_domain if file else CLUSTER_DOMAIN


def _read(file: Path) -> _Settings:
    try:
        content = own_settings(file)
        return _Settings.model_validate({key: content[key] for key in content.keys() - UNREAD})
    except OSError as error:
        raise StackFileError(f"{file} cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        faults = sorted(_fault(details) for details in error.errors(include_url=False))
        raise StackFileError("\n".join(f"{file}: {fault}" for fault in faults)) from None


def _fault(details: Any) -> str:
    """What is wrong in one place, and what would be right there."""
    path, shown = [str(part) for part in details["loc"]], printable(str(details["input"]))
    place, example = f"config.{_PREFIX}{dotted(path)}", None
    is_encrypted = isinstance(details["input"], dict) and "secure" in details["input"]
    match details["type"]:
        # What an unknown key has is not repeated, nor what is encrypted.
        case "extra_forbidden" if path[1:] != ["secure"]:
            *path, _ = path
            problem = f"there is no setting {place}; known are {', '.join(_known(path))}"
            path = path or ["database"]
        case _ if is_encrypted or path[-1] == "secure":
            place = place.removesuffix(".secure")
            problem = f"{place} is encrypted, which only the engine reads; set it without --secret"
            path = path[:1]
        case "expected":
            problem = f"{place} is {shown}, expected {details['ctx']['words']}"
            example = details["ctx"]["example"]
        case "ambiguous" | "one_table":
            problem = f"{place} has {details['msg']}"
        case _:
            problem = f"{place} is {shown}, expected settings below it"
    value = example or _EXAMPLES[path[-1]]
    for key in reversed(path[1:]):
        value = f"{{{key}: {value}}}"
    return f"{problem}. For example: config: {{{_PREFIX}{path[0]}: {value}}}"


_EXAMPLES = {
    "database": "{schema: nats}",
    "tables": "{instances: servers}",
    "statuses": "{draining: terminating}",
    "clusterDomain": CLUSTER_DOMAIN,
    "namespace": NAMESPACE,
    "maxInstances": "100",
    "maxCpu": '"100"',
    "maxMemory": "400Gi",
}


def _known(path: Sequence[str]) -> list[str]:
    """The settings in a section; all of a stack's for none."""
    model: type[BaseModel] = _Settings
    for key in path:
        [field] = [each for each in model.model_fields.values() if each.alias == key]
        model = cast("type[BaseModel]", field.annotation)
    names = {str(field.alias) for field in model.model_fields.values()}
    return sorted(names if path else names | UNREAD)


def own_settings(file: Path | None) -> dict[str, Any]:
    """The program's own settings in a stack's file, unchecked; those of plugins are for the engine.

    Raises:
        StackFileError: it is no such file.
        OSError: it cannot be read.
    """
    if file is None:
        return {}
    config = all_settings(read_bytes(file), str(file))
    return {
        key.removeprefix(_PREFIX): value for key, value in config.items() if key.startswith(_PREFIX)
    }


def all_settings(content: bytes, name: str) -> dict[str, Any]:
    """All that a stack's file sets, also for plugins, unchecked: `kubernetes:context`.

    Args:
        content: of the file, which may be that of another commit.
        name: the file's, for reports.

    Raises:
        StackFileError: it is no such file.
    """
    try:
        parsed = YAML(typ="safe").load(content)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        problem = str(getattr(error, "problem", None) or error).splitlines()[:1]
        raise StackFileError(f"{where}: not valid YAML: {printable(' '.join(problem))}.") from None
    whole = _settings_mapping(parsed, f"{name}: the file")
    return _settings_mapping(whole.get("config"), f"{name}: config")


def _settings_mapping(value: object, where: str) -> dict[str, Any]:
    """What `pulumi config set` writes; a file that says nothing sets nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StackFileError(
            f"{where} is {printable(str(value))}, expected a mapping. For example: {_EXAMPLE}"
        )
    found = cast("dict[object, Any]", value)
    for key in found:
        if not isinstance(key, str):
            raise StackFileError(
                f"{where} has the key {printable(str(key))}, expected text. For example: {_EXAMPLE}"
            )
    return cast("dict[str, Any]", found)
