"""Run a Pulumi program without an engine, and record what it registers.

`deploy` gives the program a monitor that answers every registration with the resource's own inputs
and records it as it came over the wire: with parents, dependencies and options, which plain mocks
do not show. The result is plain, sorted data, the same for every order in which the registrations
happen to arrive.

Left out, because they follow the SDK's version and not the program: the version of each resource,
the aliases that pulumi-kubernetes gives to its own old type tokens, and source positions.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.json_format import MessageToDict
from pulumi.runtime import MockResourceArgs, Mocks, run_in_stack, set_mocks
from pulumi.runtime.mocks import MockCallArgs, MockMonitor
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT, SETTINGS

PROJECT = "tenant-nats"
STACK = "test"

_STACK_TYPE = "pulumi:pulumi:Stack"
# How the wire marks values that JSON has no form for: see pulumi/runtime/rpc.py.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (a marker)
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_NO_OPTION = frozenset(
    {
        *("type", "name", "parent", "custom", "object", "dependencies", "propertyDependencies"),
        *("version", "aliases", "aliasURNs", "sourcePosition", "stackTrace"),
        *("acceptSecrets", "acceptResources", "supportsPartialValues", "supportsResultReporting"),
    }
)
"""The fields of a registration that are recorded by name, or say nothing about the program."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource, as the engine would have seen it."""

    urn: str
    type: str
    name: str
    """The logical name."""
    parent: str
    """A URN; that of the stack for what has no other parent."""
    custom: bool
    """Whether a provider makes it; otherwise it is a component."""
    dependencies: tuple[str, ...]
    """URNs, sorted: those of `depends_on` and those whose outputs are among the inputs."""
    inputs: Mapping[str, Any]
    """Whole numbers are ints, a secret is `{"secret": value}`, a resource `{"resource": urn}`."""
    options: Mapping[str, Any]
    """Only those that the program sets, by their names on the wire: `retainOnDelete`."""
    outputs: Mapping[str, Any] | None
    """What `register_outputs` was given, or None when it was not called."""
    serialized_provider: str | None
    """What the state keeps of a dynamic resource's provider; no part of `inputs`."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All that a program registers, by URN, and what it exports."""

    resources: tuple[Registered, ...]
    exports: Mapping[str, Any]

    def of_type(self, suffix: str) -> tuple[Registered, ...]:
        """The resources whose type token ends in `suffix`: `apps/v1:Deployment`."""
        return tuple(resource for resource in self.resources if resource.type.endswith(suffix))

    def one(self, suffix: str, name: str | None = None) -> Registered:
        """The only resource of a type, or of a type and a logical name."""
        found = [each for each in self.of_type(suffix) if name in (None, each.name)]
        names = [each.name for each in found]
        if len(found) != 1:
            raise AssertionError(f"expected one {suffix} {name or ''}, found {names}")
        return found[0]

    def parent(self, resource: Registered) -> Registered | None:
        """The component that `resource` belongs to; None when it is the stack itself."""
        return next((each for each in self.resources if each.urn == resource.parent), None)

    def needed(self, resource: Registered) -> tuple[Registered, ...]:
        """What has to exist before `resource`: its dependencies, theirs, and so on."""
        urns: set[str] = set()
        found = [resource]
        while found:
            news = set(found.pop().dependencies) - urns
            urns |= news
            found += [each for each in self.resources if each.urn in news]
        return tuple(each for each in self.resources if each.urn in urns)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a program that may have failed."""

    graph: Graph
    """What was registered, until the failure if there was one."""
    error: Exception | None


def deploy(program: Callable[[], object], *, preview: bool = False) -> Graph:
    """Run `program` as the engine would; return when it and all that it has started is done.

    Raises:
        Exception: whatever the program, one of its `apply`s or a registration raises; an
            AssertionError when two resources have the same URN, or one registers outputs twice.
    """
    outcome = attempt(program, preview=preview)
    if outcome.error is not None:
        raise outcome.error
    return outcome.graph


def attempt(program: Callable[[], object], *, preview: bool = False) -> Outcome:
    """Like `deploy`, and return the error together with what was registered before it."""
    monitor = _Recorder()
    error = asyncio.run(_run(program, monitor, preview))
    if error is None and monitor.faults:
        error = AssertionError("; ".join(sorted(monitor.faults)))
    return Outcome(graph=monitor.graph(), error=error)


async def _run(
    program: Callable[[], object], monitor: "_Recorder", preview: bool
) -> Exception | None:
    def run() -> None:
        program()

    # Pulumi keeps all its state in context variables, so that ends together with this coroutine.
    set_mocks(_NoMocks(), project=PROJECT, stack=STACK, preview=preview, monitor=monitor)
    # The root of the mocks registers its outputs before the program runs. A real root, made by the
    # engine's entry point, registers them afterwards, with the exports.
    ROOT.set(None)
    SETTINGS.outputs = set()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        await run_in_stack(run)
    except Exception as error:
        return error
    return None


class _NoMocks(Mocks):
    """Never called: the recorder answers itself, and the program calls no function."""

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls a function of a provider: {args.token}")

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(f"the recorder did not answer: {args.typ} {args.name}")


class _Recorder(MockMonitor):
    """Keeps each request; threads call it, so each method does one thing that is atomic."""

    def __init__(self) -> None:
        super().__init__(_NoMocks())
        self._requests: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._exports: dict[str, Any] = {}
        # Raised at the end, as one error. Raised here, everything that waits for the resource would
        # fail as well, each with its own traceback.
        self.faults: list[str] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        # As the engine does it: all types of the ancestors, without the stack's.
        ancestors = parent.split("::")[2] if parent else _STACK_TYPE
        chain = type_ if ancestors == _STACK_TYPE else f"{ancestors}${type_}"
        return f"urn:pulumi:{STACK}::{PROJECT}::{chain}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  (as the SDK calls it)
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if self._requests.setdefault(urn, request) is not request:
            self.faults.append(f"two resources have the same URN: {urn}")
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=f"id-of-{request.name}" if request.custom else "", object=request.object
        )

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        # What is read is another stack's: it is in no graph, and others may depend on it.
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=request.properties)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if request.urn.split("::")[2] == _STACK_TYPE:
            self._exports.update(_plain(MessageToDict(request.outputs)))
        elif self._outputs.setdefault(request.urn, request) is not request:
            self.faults.append(f"the outputs are registered twice: {request.urn}")
        return super().RegisterResourceOutputs(request)

    def graph(self) -> Graph:
        """What has been recorded, as plain data."""
        return Graph(
            resources=tuple(self._registered(urn) for urn in sorted(self._requests)),
            exports=self._exports,
        )

    def _registered(self, urn: str) -> Registered:
        request, outputs = self._requests[urn], self._outputs.get(urn)
        inputs = _plain(MessageToDict(request.object))
        return Registered(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            dependencies=tuple(sorted(request.dependencies)),
            serialized_provider=inputs.pop("__provider", None),
            inputs=inputs,
            options=_options(request),
            outputs=None if outputs is None else _plain(MessageToDict(outputs.outputs)),
        )


def _options(request: Any) -> dict[str, Any]:
    """The fields that are set and belong to the resource's options."""
    message = type(request)()
    message.CopyFrom(request)
    for field in _NO_OPTION:
        message.ClearField(field)
    options = _plain(MessageToDict(message, preserving_proto_field_name=True))
    return {name: value for name, value in options.items() if value != {}}


def _plain(value: Any) -> Any:
    """`value` as it was before it went over the wire, with mappings sorted by key."""
    match value:
        case dict() if _SIGNATURE in value:
            return _marked(cast("dict[str, Any]", value))
        case dict():
            items = cast("dict[str, Any]", value).items()
            return {key: _plain(inner) for key, inner in sorted(items)}
        case list():
            return [_plain(inner) for inner in cast("list[Any]", value)]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _marked(value: dict[str, Any]) -> dict[str, Any]:
    """A value that plain JSON has no form for."""
    if value[_SIGNATURE] == _SECRET:
        return {"secret": _plain(value["value"])}
    if value[_SIGNATURE] != _RESOURCE:
        raise AssertionError(f"neither a secret nor a resource: {value}")
    return {"resource": value["urn"]}
