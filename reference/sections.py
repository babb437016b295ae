"""The sections of the inventory's reference: the models, and edits of each field to try."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tenancy.inventory.models import (
    STANDARD,
    Clients,
    Inventory,
    Nkey,
    Resources,
    Size,
    Tenant,
    Tls,
    Toleration,
    nkeys,
)
from tenancy.inventory.validation import parse

Data = dict[str, Any]

LEFT_OUT = None
"""Stands for a field that the file does not have."""

_TENANT = "acme-corp"
_SIZE = "large"
_REQUESTS = {"cpu": "2", "memory": "4Gi"}
_LIMITS = {"cpu": "4", "memory": "8Gi"}
_TAINT = {"key": "dedicated", "effect": "NoExecute"}
_OTHER_KEY = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"


@dataclass(frozen=True, kw_only=True)
class Section:
    """The fields of one model."""

    title: str
    model: type[BaseModel]
    places: tuple[str, ...] = ()
    """Where in the file the model stands; empty for the file itself."""
    edits: Mapping[str, tuple[tuple[Any, Any], ...]]
    """For each field, its values before and after some edits."""

    def before_and_after(self, name: str) -> Iterator[tuple[Any, Inventory, Any, Inventory]]:
        """The edits of a field: its value and an inventory that has it, before and after."""
        for before, after in self.edits[name]:
            yield before, self._inventory(name, before), after, self._inventory(name, after)

    def _inventory(self, name: str, value: Any) -> Inventory:
        """An inventory in which a field has `value`, with the other fields that it needs."""
        said = {} if value is LEFT_OUT else {name: value}
        size: Data = {"requests": _REQUESTS, "limits": _LIMITS}
        tenant: Data = {"integrations": 45, "size": _SIZE}
        match self.places[-1] if self.places else "":
            case "":
                tenant = {}
            case "tenants.TENANT":
                tenant = said
            case "tenants.TENANT.clients.nkeys[]":
                tenant["clients"] = {"nkeys": [{"key": nkeys.EXAMPLE, **said}]}
            case "sizes.SIZE.tolerations[]":
                size["tolerations"] = [{**_TAINT, **said}]
            case "sizes.SIZE":
                size |= said
            case "sizes.SIZE.limits":
                size["limits"] = {**_LIMITS, **said}
            case place:
                tenant[place.rpartition(".")[2]] = said
        whole: Data = {"tenants": {_TENANT: tenant}, "sizes": {_SIZE: size}}
        if not self.places:
            whole |= said
        return parse(Path("tenants.yaml"), f"{json.dumps(whole)}\n".encode())


SECTIONS = (
    Section(
        title="The file",
        model=Inventory,
        edits={
            "tenants": (
                ({_TENANT: {}}, {_TENANT: {}, "initech": {}}),
                ({_TENANT: {}, "initech": {}}, {_TENANT: {}}),
            ),
            "sizes": ((LEFT_OUT, {_SIZE: {"requests": _REQUESTS, "limits": _LIMITS}}),),
        },
    ),
    Section(
        title="A tenant",
        model=Tenant,
        places=("tenants.TENANT",),
        edits={
            "integrations": ((42, 60), (60, 42), (42, 45)),
            "instances": ((LEFT_OUT, 2), (2, LEFT_OUT)),
            "size": ((STANDARD, _SIZE),),
            "clients": (),
            "tls": ((LEFT_OUT, {"secretName": "acme-nats-tls"}),),
            "placement": (("pack", "spread"),),
            "state": (("active", "decommissioned"), ("decommissioned", "active")),
            "egress": (("dns", "none"), ("dns", "open")),
        },
    ),
    Section(
        title="A tenant's clients",
        model=Clients,
        places=("tenants.TENANT.clients",),
        edits={
            "namespaces": ((LEFT_OUT, ["acme-workers"]), (["acme-workers"], LEFT_OUT)),
            "nkeys": (
                (LEFT_OUT, [nkeys.EXAMPLE]),
                ([nkeys.EXAMPLE], [nkeys.EXAMPLE, _OTHER_KEY]),
                ([nkeys.EXAMPLE, _OTHER_KEY], [nkeys.EXAMPLE]),
                ([nkeys.EXAMPLE], LEFT_OUT),
            ),
            "serviceAccounts": ((LEFT_OUT, ["acme-workers/importer"]),),
        },
    ),
    Section(
        title="A client's key",
        model=Nkey,
        places=("tenants.TENANT.clients.nkeys[]",),
        edits={
            "key": ((nkeys.EXAMPLE, _OTHER_KEY),),
            "publish": ((LEFT_OUT, ["orders.created", "_INBOX.>"]),),
            "subscribe": ((LEFT_OUT, ["orders.*", "_INBOX.>"]),),
        },
    ),
    Section(
        title="A tenant's TLS",
        model=Tls,
        places=("tenants.TENANT.tls",),
        edits={"secretName": (("acme-nats-tls", "acme-nats-tls-2"),)},
    ),
    Section(
        title="A size",
        model=Size,
        places=("sizes.SIZE",),
        edits={
            "requests": (),
            "limits": (),
            "maxPayload": (("8MB", "4MB"),),
            "maxConnections": ((1000, 2000),),
            "maxPending": (("32MB", "16MB"), (LEFT_OUT, "32MB")),
            "capacity": ((50, 40), (40, 50)),
            "nodeSelector": ((LEFT_OUT, {"pool": "nats-large"}),),
            "tolerations": ((LEFT_OUT, [{"key": "dedicated", "value": "nats"}]),),
            "priorityClassName": ((LEFT_OUT, "large-servers"),),
        },
    ),
    Section(
        title="Requests and limits",
        model=Resources,
        places=("sizes.SIZE.requests", "sizes.SIZE.limits"),
        edits={"cpu": (("4", "8"),), "memory": (("8Gi", "16Gi"),)},
    ),
    Section(
        title="A size's tolerations",
        model=Toleration,
        places=("sizes.SIZE.tolerations[]",),
        edits={
            "key": (("dedicated", "reserved"),),
            "operator": ((LEFT_OUT, "Exists"),),
            "value": ((LEFT_OUT, "nats"),),
            "effect": (("NoExecute", "NoSchedule"),),
            "tolerationSeconds": ((LEFT_OUT, 300),),
        },
    ),
)
"""All that a file can have. A test fails if a model or a field is missing."""
