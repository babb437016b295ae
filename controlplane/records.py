"""The rows of one tenant as a Pulumi resource.

The engine stores the provider by the path of its class: `controlplane.records.RecordsProvider` is
part of every stack's state and can never be renamed or moved. The class holds nothing that is
pickled, hence no connection string reaches the state.
"""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypedDict

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from controlplane import store
from controlplane.dsn import SETTING, DsnError, resolve
from controlplane.store import ACTIVE, ControlPlaneError, InstanceRow
from tenancy.names import domain

Properties = dict[str, Any]


class InstanceRecord(TypedDict):
    """One row as the resource's input has it."""

    instance_number: int
    dns_name: str


class RecordsProvider(ResourceProvider):
    """Keeps the rows of one tenant, in one transaction for each operation.

    Inputs: `tenant_id`, and `instances`, a list of `InstanceRecord`. Outputs: the same, each
    instance with the `status` of its row. The id is the tenant's.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once in the provider's own process; what it sets is never pickled."""
        self._setting = req.config.get(SETTING)
        self._is_unreachable = False

    def _dsn(self) -> str:
        return resolve(self._setting)

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Refuse to take over a row with another address.

        A preview asks it before anything is touched, and so does `pulumi up`, which begins with
        one. With `--skip-preview` it is asked when the resource's turn comes, after its servers.
        """
        failures: list[CheckFailure] = []
        managed = _numbers(_olds)
        added = [row for row in _rows(news) if row.instance_number not in managed]
        if added and not self._is_unreachable:
            tenant_id, numbers = news["tenant_id"], [row.instance_number for row in added]
            try:
                others = store.foreign(store.rows_of(self._dsn(), tenant_id, numbers), added)
            except (ControlPlaneError, DsnError):
                # The program has said so already: it stops an `up` and warns in a preview. Asking
                # again for each tenant would make a preview wait for every one of them.
                self._is_unreachable = True
            else:
                if others:
                    failures.append(CheckFailure("instances", store.refusal(tenant_id, others)))
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare what is wanted with what the rows were when last looked at."""
        replaces = ["tenant_id"] if _olds.get("tenant_id") != _news["tenant_id"] else []
        changed = _rows(_olds, unsaid="") != _rows(_news)
        return DiffResult(changes=bool(replaces) or changed, replaces=replaces, stables=[])

    def create(self, props: Properties) -> CreateResult:
        """Insert the rows, or take over those that a run which crashed has left."""
        tenant_id, wanted = props["tenant_id"], _rows(props)
        with _plainly():
            store.record(self._dsn(), tenant_id, wanted, managed=(), domain=_domain(props))
        return CreateResult(tenant_id, _outputs(tenant_id, wanted))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Add, put right and retire rows."""
        wanted, managed = _rows(_news), _numbers(_olds)
        with _plainly():
            store.record(self._dsn(), _id, wanted, managed=managed, domain=_domain(_news))
        return UpdateResult(_outputs(_id, wanted))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """What the rows are now; when all are gone, so is the resource."""
        with _plainly():
            rows = store.rows_of(self._dsn(), id_, _numbers(props), domain=_domain(props))
        return ReadResult(id_, _outputs(id_, rows)) if rows else ReadResult("", {})

    def delete(self, _id: str, _props: Properties) -> None:
        """Delete the rows; refused while an integration points to one."""
        with _plainly():
            store.remove(self._dsn(), _id, _numbers(_props), domain=_domain(_props))


@contextmanager
def _plainly() -> Generator[None]:
    """Let what people have to know reach them without this program's own lines around it.

    The SDK sends the whole traceback of an error to the engine, which prints it. An error that is
    not expected keeps its traceback.
    """
    try:
        yield
    except (ControlPlaneError, DsnError):
        sys.tracebacklimit = 0
        raise


def _numbers(props: Properties) -> list[int]:
    return [row.instance_number for row in _rows(props)]


def _rows(props: Properties, *, unsaid: str = ACTIVE) -> list[InstanceRow]:
    """The rows of a resource's properties, by number; `unsaid` is the status where there is none.

    Numbers come over the wire as floats.
    """
    rows = (
        InstanceRow(int(row["instance_number"]), row["dns_name"], row.get("status", unsaid))
        for row in props.get("instances", ())
    )
    return sorted(rows, key=lambda row: row.instance_number)


def _domain(props: Properties) -> str:
    return next((domain(row.dns_name) for row in _rows(props)), "")


def _outputs(tenant_id: str, rows: Sequence[InstanceRow]) -> Properties:
    return {"tenant_id": tenant_id, "instances": [asdict(row) for row in rows]}


class TenantRecords(Resource, module="tenant-nats", name="TenantRecords"):
    """The `nats_instances` rows of one tenant.

    Give it `depends_on` for the tenant's policy, Deployments and Services: a row says `active`, so
    it comes after them, and it goes before them.
    """

    def __init__(
        self,
        name: str,
        *,
        tenant_id: str,
        instances: Sequence[InstanceRecord],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            RecordsProvider(), name, {"tenant_id": tenant_id, "instances": list(instances)}, opts
        )
