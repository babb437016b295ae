"""What an edit does, step by step: according to two plans, or to the engine's preview.

Two plans need no engine and no access, and show what happens to servers. A preview shows what
happens to every resource, whatever the reason: an edit, a setting, a newer provider.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from tenancy.edit.restarts import changed_fields
from tenancy.inventory.faults import dotted, printable
from tenancy.plan.plan import Plan, TenantPlan
from tenancy.tokens import NATS_INSTANCE, TENANT, TENANT_RECORDS
from tenancy.words import UNSEEN

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SUFFIXES = {NATS_INSTANCE: "", DEPLOYMENT: "-deployment", "kubernetes:core/v1:Service": "-service"}
"""The resources that every instance has, and what their logical names add to the instance's."""


@dataclass(frozen=True, order=True)
class Step:
    """One operation on one resource."""

    operation: str
    """In the engine's words: create, update, replace, delete, same, …"""
    urn: str
    """Without an engine, only the end of a URN: `tenant-nats:index:NatsInstance::nats-acme-corp-2`.
    Only an engine knows the stack and the parents."""
    since: str = ""
    """When the stack got this resource, in the engine's words; empty where only plans are compared,
    for a new resource, and where the state does not tell. One that was removed and has come back
    has another time."""
    readdressing: str = ""
    """For rows that get another address: what follows the instance's name in it, before and after,
    as `before → after`."""
    pod: tuple[str, ...] = ()
    """For a Deployment that is updated: what changes in its pod, which therefore restarts."""

    @property
    def type(self) -> str:
        """The resource's own type, without those of its parents."""
        return self.urn.split("::")[-2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.split("::")[-1]


def edit_steps(base: Plan, head: Plan) -> tuple[Step, ...]:
    """What an edit from `base` to `head` does to tenants and their servers.

    A tenant is updated when anything but its servers changes.
    """
    steps = [
        *_differences(TENANT, _without_servers(base), _without_servers(head)),
        *_differences(NATS_INSTANCE, base.instances, head.instances),
    ]
    return tuple(sorted(steps))


def _without_servers(plan: Plan) -> dict[str, TenantPlan]:
    return {tenant.id: replace(tenant, instances=()) for tenant in plan.tenants}


def _differences(
    kind: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[Step]:
    for name in before.keys() | after.keys():
        if name not in after:
            yield Step("delete", f"{kind}::{name}")
        elif name not in before:
            yield Step("create", f"{kind}::{name}")
        elif before[name] != after[name]:
            yield Step("update", f"{kind}::{name}")


_EXPECTED = "expected all that `pulumi preview --json` prints, and nothing else"


class PreviewError(ValueError):
    """A text that does not show what an `up` would do, with the reason in one sentence."""


class _Part(BaseModel):
    """The fields we need of a part of a preview's JSON; others are ignored."""

    model_config = ConfigDict(frozen=True, strict=True)


class _Row(BaseModel):
    instance_number: FiniteFloat
    dns_name: str


class _Rows(BaseModel):
    instances: tuple[_Row, ...] = ()


class _State(_Part):
    created: str | None = None
    inputs: dict[str, Any] = {}

    @property
    def addresses(self) -> dict[int, str]:
        """The address of each row, by instance, in the inputs of a tenant's rows."""
        rows = _Rows.model_validate(self.inputs).instances
        return {int(row.instance_number): row.dns_name for row in rows}


class _Step(_Part):
    op: Literal[
        "same", "create", "update", "delete", "replace", "create-replacement", "delete-replaced",
        "read", "read-replacement", "refresh", "discard", "discard-replaced",
        "remove-pending-replace", "import", "import-replacement", "diff",
    ]  # fmt: skip
    urn: Annotated[
        str,
        StringConstraints(pattern=r"^urn:pulumi:[^\s:]+(::[^\s:]+(:[^\s:]+)*){3}$"),
    ]
    old: _State | None = Field(default=None, alias="oldState")
    new: _State | None = Field(default=None, alias="newState")

    @property
    def since(self) -> str:
        return (self.old and self.old.created) or ""

    @property
    def readdressing(self) -> str:
        if not (self.old and self.new and Step(self.op, self.urn).type == TENANT_RECORDS):
            return ""
        before, after = self.old.addresses, self.new.addresses
        for number in sorted(before.keys() & after.keys()):
            if before[number] != after[number]:
                pair = before[number], after[number]
                return " → ".join(address.partition(".")[2] for address in pair)
        return ""

    @property
    def pod(self) -> tuple[str, ...]:
        updates = self.op == "update" and Step(self.op, self.urn).type == DEPLOYMENT
        if not (updates and self.old and self.new):
            return ()
        return changed_fields(self.old.inputs, self.new.inputs)

    def told(self) -> Step:
        """What we need of it.

        Raises:
            PreviewError: the states of a tenant's rows are none.
        """
        try:
            return Step(self.op, self.urn, self.since, self.readdressing, self.pod)
        except ValidationError as error:
            raise PreviewError(f"{self.urn}: {_misfit(error)}") from None


class _Diagnostic(_Part):
    severity: str = ""
    message: str = ""


class _Preview(_Part):
    steps: tuple[_Step, ...] = ()
    diagnostics: tuple[_Diagnostic, ...] = ()
    changes: dict[str, int] | None = Field(default=None, alias="changeSummary")


def preview_steps(text: str | bytes, *, whole: bool = False) -> tuple[Step, ...]:
    """The steps of an `up`, from the output of `pulumi preview --json`.

    Args:
        text: the output.
        whole: it has to list what stays the same too, as `--show-sames` makes it do.

    Raises:
        PreviewError: `text` is something else, or of a preview that failed, or not complete.
    """
    try:
        preview = _Preview.model_validate_json(text)
    except ValidationError as error:
        raise PreviewError(_misfit(error)) from None
    for diagnostic in preview.diagnostics:
        if diagnostic.severity == "error":
            said = printable(diagnostic.message.strip().partition("\n")[0], 200)
            raise PreviewError(f"the preview failed, so it does not show what is removed: {said}")
        if UNSEEN in diagnostic.message:
            said = printable(diagnostic.message.strip().partition("\n")[0], 300)
            raise PreviewError(f"the preview did not see all, so it proves nothing: {said}")
    if not preview.steps:
        problem = "it has no steps, and even a preview of no change has the stack's"
        raise PreviewError(f"{problem}; {_EXPECTED}")
    listed = Counter(step.op for step in preview.steps)
    for operation in ("create", "update", "replace", "delete"):
        found = listed[operation]
        counted = found if preview.changes is None else preview.changes.get(operation, 0)
        if found != counted:
            problem = f"its steps have {found} times {operation}, its changeSummary has {counted}"
            raise PreviewError(f"{problem}; {_EXPECTED}")
    if whole:
        _require_all(listed["same"], preview.changes)
    return tuple(sorted(step.told() for step in preview.steps))


def _require_all(sames: int, changes: Mapping[str, int] | None) -> None:
    counted = changes.get("same", 0) if changes else None
    if sames != counted:
        of = "an unknown number of" if counted is None else counted
        raise PreviewError(
            f"it lists {sames} of {of} resources that stay the same, so it does not show what the "
            "stack has: make it with `pulumi preview --json --show-sames`"
        )


def servers(steps: Iterable[Step]) -> frozenset[str]:
    """The names of the instances that the stack has before `steps`, if these are all of a preview.

    The engine's state is the base of a preview, so that is what its steps start from.
    """
    return frozenset(
        step.name for step in steps if step.type == NATS_INSTANCE and not _is_new(step)
    )


def servers_after(steps: Iterable[Step]) -> frozenset[str]:
    """The names of the instances that it has after `steps`, if these are all of a preview."""
    return frozenset(
        step.name for step in steps if step.type == NATS_INSTANCE and step.operation != "delete"
    )


def restarting(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """What changes in the pod of each server that restarts, by the instance's name."""
    return {step.name.removesuffix(SUFFIXES[DEPLOYMENT]): step.pod for step in steps if step.pod}


def _is_new(step: Step) -> bool:
    return step.operation in ("create", "import")


def _misfit(error: ValidationError) -> str:
    details = error.errors(include_url=False)[0]
    words = f"{dotted(details['loc'])}: {details['msg']}" if details["loc"] else details["msg"]
    return f"{words}; {_EXPECTED}"
