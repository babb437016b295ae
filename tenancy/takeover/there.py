"""The objects and rows of one tenant in a namespace that the old scripts made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tenancy.names import TENANT_LABEL, instance_name, instance_of, policy_name
from tenancy.rows.snapshot import RecordedInstance
from tenancy.takeover.handover import Live


@dataclass(frozen=True, kw_only=True)
class There:
    """The objects and rows of one tenant."""

    tenant: str
    namespace: str
    domain: str
    """What follows the instance's name in the addresses of the namespace."""
    deployments: Mapping[int, Live]
    services: Mapping[str, Live]
    """All of the namespace, by name; likewise the policies."""
    policies: Mapping[str, Live]
    misnamed: Sequence[Live]
    rows: tuple[RecordedInstance, ...]
    unplaced: int

    @cached_property
    def instances(self) -> int:
        """How many it should have: the highest number of a server, a Service or a row."""
        rows = (row for row in self.rows if row.is_live and row.lives_in(self.domain))
        places = map(place_of, self.services.values())
        numbers = {
            *self.deployments,
            *(row.instance_number for row in rows),
            *(place[1] for place in places if place and place[0] == self.tenant),
        }
        return max(numbers, default=1)

    @property
    def servers(self) -> list[Live]:
        """The Deployments, by number."""
        return [self.deployments[number] for number in sorted(self.deployments)]

    @cached_property
    def own_services(self) -> dict[int, Live]:
        """The Services that have the names of this tenant's instances, by number."""
        names = {
            number: instance_name(self.tenant, number) for number in range(1, self.instances + 1)
        }
        return {
            number: self.services[name] for number, name in names.items() if name in self.services
        }

    @property
    def policy(self) -> Live | None:
        """The policy that has the name of this tenant's."""
        return self.policies.get(policy_name(self.tenant))

    @property
    def owned(self) -> list[Live]:
        """All objects to take over."""
        policy = [self.policy] if self.policy else []
        return [*self.servers, *self.own_services.values(), *policy]


def place_of(service: Live) -> tuple[str, int] | None:
    """The tenant and the number of the server that a Service leads to; None if it leads to none."""
    place = instance_of(service["metadata"]["name"])
    selector: Mapping[str, str] = service["spec"].get("selector") or {}
    return place if place and selector.get(TENANT_LABEL) == place[0] else None


def told_selector(selector: Mapping[str, Any]) -> str:
    """`app=nats,tenant-id=acme`."""
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    told = [f"{key}={value}" for key, value in labels.items()]
    told += ["an expression"] * len(selector.get("matchExpressions") or ())
    return ",".join(told) or "everything"
