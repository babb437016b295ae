"""The rows of one tenant as a Pulumi resource.

The engine stores the provider by the path of its class: `controlplane.records.RecordsProvider` is
part of every stack's state and can never be renamed or moved. The class holds nothing that is
pickled, hence no connection string reaches the state.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NotRequired, TypedDict, TypeVar

import pulumi
from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from tenacity import (
    RetryCallState,
    Retrying,
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_fixed,
)

from controlplane import store
from controlplane.connection import ControlPlaneError, UnreachableError
from controlplane.dsn import SETTING, DsnError, Rotating
from controlplane.platform import platform_of
from controlplane.store import ACTIVE, PROVISIONING, TERMINATED, InstanceRow
from tenancy.inventory.terms import PlacementPolicy, State
from tenancy.words import UNSEEN, listed

Properties = dict[str, Any]
_T = TypeVar("_T")

UNSEEN_INPUT = "unseen"
"""The input by which a preview that could not look at the database says so. It is in no state."""
UNDONE_INPUT = "undone"
"""The input by which an `up` names what these rows need and it could not do. It is in no state."""
_LIVE: State = "active"
_FAILOVER_SECONDS = 30
"""How long an operation waits for a database that is gone, from then on: a primary may be failing
over."""
_WHOLE = 1000
"""How many lines of a traceback Python prints by default."""


class InstanceRecord(TypedDict):
    """One row as the resource's input has it."""

    instance_number: int
    dns_name: str
    tls: NotRequired[bool]
    """Left out when it is false, as in the states of versions without TLS."""


@contextmanager
def _plainly() -> Generator[None]:
    """Report expected errors without a traceback.

    The SDK sends the traceback of an error to the engine, which prints it; its length can only be
    set for the whole process. Each operation begins with the full length, so that an unexpected
    error keeps its traceback.
    """
    sys.tracebacklimit = _WHOLE
    try:
        yield
    except (ControlPlaneError, DsnError):
        sys.tracebacklimit = 0
        raise


class RecordsProvider(ResourceProvider):
    """Keeps the rows of one tenant, in one transaction for each operation.

    Inputs are those of `TenantRecords`. Outputs: `tenant_id`, `state`, `domain`, and `instances`,
    each with the `status` of its row. The id is the tenant's.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once in the provider's own process; what it sets is never pickled."""
        self._dsn = Rotating(req.config.get(SETTING))
        self._platform = platform_of(json.loads(req.config.get("database") or "{}"))
        self._is_unseen = False
        self._is_given_up = False

    def _carry_out(self, operation: Callable[[str], _T]) -> _T:
        """Run an operation of the store, and again while the database cannot be reached.

        What may have been committed does no harm: each operation makes the rows what they should
        be. Once one has waited in vain, the others wait no more.
        """
        losses: list[float] = []

        def is_enough(state: RetryCallState) -> bool:
            # Not from the operation's start: it may have slept while workers left a server.
            losses.append(state.outcome_timestamp or 0)
            return self._is_given_up or losses[-1] - losses[0] >= _FAILOVER_SECONDS

        attempts = Retrying(
            retry=retry_if_exception_type(UnreachableError),
            stop=is_enough,
            wait=wait_exponential(multiplier=0.5, max=5),
            reraise=True,
        )
        try:
            with _plainly():
                return attempts(lambda: self._attempt(operation))
        except UnreachableError:
            self._is_given_up = True
            raise

    def _attempt(self, operation: Callable[[str], _T]) -> _T:
        dsn = self._dsn.get()
        try:
            result = operation(dsn)
        except UnreachableError:
            # Its password may have been replaced.
            self._dsn.forget(dsn)
            raise
        self._is_given_up = False
        return result

    @_plainly()
    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Warn of rows that an `up` will not take over, since something else made them.

        `create` and `update` refuse them; a preview is to show it before.
        """
        # A preview that could not look at the database says so by itself, and asks nothing here.
        is_seen = not news.pop(UNSEEN_INPUT, False)
        managed = _numbers(_olds)
        added = [row for row in _rows(news) if row.instance_number not in managed]
        if added and is_seen:
            self._warn(news["tenant_id"], added)
        return CheckResult(news, [])

    def _warn(self, tenant_id: str, added: Sequence[InstanceRow]) -> None:
        """Say why `added` cannot be written: rows that something else made, or cannot be seen.

        A failure of the check would end the whole run, so that one tenant's rows would hold up all
        others. The engine shows what a provider prints on stderr.
        """
        if self._is_unseen:
            return
        try:
            problem = self._objection(tenant_id, added)
        except (ControlPlaneError, DsnError) as error:
            # Said once, and found out once: each attempt takes seconds.
            self._is_unseen = True
            problem = f"The check {UNSEEN} rows of tenant {tenant_id} and maybe others: {error}"
        if problem:
            print(problem, file=sys.stderr, flush=True)  # noqa: T201

    @retry(
        retry=retry_if_exception_type(ControlPlaneError),
        stop=stop_after_attempt(3),
        wait=wait_fixed(1),
        reraise=True,
    )
    def _objection(self, tenant_id: str, added: Sequence[InstanceRow]) -> str:
        return self._attempt(
            lambda dsn: store.objection(dsn, tenant_id, added, platform=self._platform)
        )

    @_plainly()
    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare the desired rows with the rows as they were last read.

        A `due` that is not empty is a difference, whatever it was before; an empty one is none.
        How full an instance may be, or how long it drains, matters to moves only. Another domain is
        a difference also without rows: the state is to say what the addresses of this stack are.
        """
        replaces = ["tenant_id"] if _olds.get("tenant_id") != _news["tenant_id"] else []
        changed = (
            _rows(_olds, unsaid="") != _rows(_news)
            or _olds.get("state", _LIVE) != _news["state"]
            or _domain(_olds) not in ("", _news["domain"])
            or bool(_news["due"])
            or UNDONE_INPUT in _news
        )
        return DiffResult(changes=bool(replaces) or changed, replaces=replaces, stables=[])

    def create(self, props: Properties) -> CreateResult:
        """Insert the rows, or take over those that a crashed run has left."""
        return CreateResult(props["tenant_id"], self._record(props, olds={}))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Add, correct and retire rows; place and move integrations."""
        return UpdateResult(self._record(_news, olds=_olds))

    @_plainly()
    def _record(self, props: Properties, *, olds: Properties) -> Properties:
        if undone := props.get(UNDONE_INPUT):
            raise ControlPlaneError(
                f"The rows of tenant {props['tenant_id']} stay as they are, and so does what they "
                f"need, since this `up` failed for {listed(undone, most=3)}."
            )
        wanted = store.TenantRows(
            tenant_id=props["tenant_id"],
            rows=tuple(_rows(props)),
            domain=props["domain"],
            former_domain=_domain(olds),
            capacity=int(props["capacity"]),
            placement=props["placement"],
        )
        self._carry_out(
            lambda dsn: store.record(
                dsn,
                wanted,
                managed=_numbers(olds),
                drain_seconds=props["drain_seconds"],
                platform=self._platform,
            )
        )
        return _outputs(props, wanted.rows)

    def read(self, id_: str, props: Properties) -> ReadResult:
        """What the rows are now; when all of a tenant's are gone, so is the resource."""
        rows = self._carry_out(
            lambda dsn: store.rows_of(
                dsn, id_, _numbers(props), domain=_domain(props), platform=self._platform
            )
        )
        # Rows beside those that should be active: terminated ones are a record of the past, and
        # provisioning ones are what the platform has announced. Neither counts.
        rows = [
            row
            for row in rows
            if row.status not in (TERMINATED, PROVISIONING)
            or row.instance_number in _numbers(props)
        ]
        is_there = rows or props.get("state") == "decommissioned"
        return ReadResult(id_, _outputs(props, rows)) if is_there else ReadResult("", {})

    def delete(self, _id: str, _props: Properties) -> None:
        """Delete the rows except terminated ones; refused while an integration is on one."""
        self._carry_out(
            lambda dsn: store.remove(
                dsn, _id, _numbers(_props), domain=_domain(_props), platform=self._platform
            )
        )


def _numbers(props: Properties) -> list[int]:
    return [row.instance_number for row in _rows(props)]


def _rows(props: Properties, *, unsaid: str = ACTIVE) -> list[InstanceRow]:
    """The rows of a resource's properties, by number; `unsaid` is the status of a row without one.

    Numbers come over the wire as floats.
    """
    rows = (
        InstanceRow(
            int(row["instance_number"]),
            row["dns_name"],
            row.get("status", unsaid),
            row.get("tls", False),
        )
        for row in props.get("instances", ())
    )
    return sorted(rows, key=lambda row: row.instance_number)


def _domain(props: Properties) -> str:
    """The domain of a resource, also of one stored by a version without this property."""
    return props.get("domain") or next((row.dns_name.partition(".")[2] for row in _rows(props)), "")


def _outputs(props: Properties, rows: Sequence[InstanceRow]) -> Properties:
    return {
        "tenant_id": props["tenant_id"],
        "state": props.get("state", _LIVE),
        "domain": _domain(props),
        "instances": [_output(row) for row in rows],
    }


def _output(row: InstanceRow) -> Properties:
    output = asdict(row)
    if not row.tls:
        del output["tls"]
    return output


class TenantRecords(Resource, module="tenant-nats", name="TenantRecords"):
    """The `nats_instances` rows of one tenant, and which of them its integrations point to.

    Give it `depends_on` for the tenant's policy, Deployments and Services: a row says `active`, so
    it comes after them, and it goes before them.
    """

    def __init__(
        self,
        name: str,
        *,
        tenant_id: str,
        state: State,
        instances: Sequence[InstanceRecord],
        domain: str,
        capacity: int,
        placement: PlacementPolicy,
        due: str = "",
        drain_seconds: int = 0,
        is_seen: bool = True,
        undone: Awaitable[Sequence[str] | None] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the resource.

        Args:
            name: the logical name.
            tenant_id: whose rows.
            state: `decommissioned` keeps the rows, as `terminated`, and wants no instance.
            instances: all that should be active.
            domain: what follows the instance's name in the tenant's addresses.
            capacity: how many integrations an instance holds.
            placement: how integrations share the instances.
            due: what must be moved or corrected, in words, as the program found it. It makes the
                engine update this resource; the transaction decides again what to do, by the rows
                that it has locked.
            drain_seconds: how long workers have to leave a server that is removed.
            is_seen: whether the program could look at the database; only a preview goes on without.
            undone: which of the resources that the rows need could not be done, by logical name.
                Then this one fails, so that the engine keeps whatever its old state depends on;
                if it were skipped, the engine would not.
            opts: of the resource.
        """
        properties = {
            "tenant_id": tenant_id,
            "state": state,
            "instances": list(instances),
            "domain": domain,
            "capacity": capacity,
            "placement": placement,
            "due": due,
            "drain_seconds": drain_seconds,
            **({} if is_seen else {UNSEEN_INPUT: True}),
            **({} if undone is None else {UNDONE_INPUT: undone}),
        }
        super().__init__(RecordsProvider(), name, properties, opts)
