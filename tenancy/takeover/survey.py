"""A namespace that the old scripts made, tenant by tenant. Pure, over its objects and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenancy.defaults import CLUSTER_DOMAIN
from tenancy.names import APP, TENANT_LABEL, domain, instance_of
from tenancy.rows.snapshot import Snapshot
from tenancy.takeover.described import Described, size_of
from tenancy.takeover.handover import Live, Patch, is_ours, is_taken_over, patches
from tenancy.takeover.obstacles import Obstacle, obstacles
from tenancy.takeover.there import There, place_of
from tenancy.takeover.updates import changes, client_namespaces


@dataclass(frozen=True, kw_only=True)
class Found:
    """One tenant as it was found, and what an `up` does to it."""

    described: Described
    """As many instances as the highest number of a server or a row says."""
    servers: tuple[int, ...]
    """The numbers of those that run."""
    there: tuple[str, ...]
    changes: tuple[str, ...]
    """What the `up` changes, each in a clause."""
    restarts: tuple[str, ...]
    """The servers that the `up` restarts."""
    obstacles: tuple[Obstacle, ...]
    patches: tuple[Patch, ...]
    """Empty if there is an obstacle."""

    @property
    def id(self) -> str:
        """The tenant's."""
        return self.described.id

    @property
    def is_taken_over(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.changes or self.restarts or self.obstacles or self.patches)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A namespace and its rows."""

    tenants: tuple[Found, ...]
    """By id."""
    cut_off: tuple[str, ...]
    """Deployments of no tenant whose pods the closing policy selects, so that nobody reaches them
    after the `up`."""

    @property
    def left(self) -> tuple[Found, ...]:
        """The tenants that are not taken over yet."""
        return tuple(tenant for tenant in self.tenants if not tenant.is_taken_over)


def survey(
    objects: Sequence[Live],
    snapshot: Snapshot,
    namespace: str,
    cluster_domain: str = CLUSTER_DOMAIN,
) -> Survey:
    """What is in a namespace.

    Args:
        objects: its Deployments, Services and NetworkPolicies.
        snapshot: the table.
        namespace: its name.
        cluster_domain: what the DNS names of the cluster's Services end in.
    """
    within = domain(namespace, cluster_domain)
    by_kind: dict[str, dict[str, Live]] = {"Deployment": {}, "Service": {}, "NetworkPolicy": {}}
    for each in objects:
        by_kind[each["kind"]][each["metadata"]["name"]] = each
    deployments: dict[str, dict[int, Live]] = {}
    misnamed: dict[str, list[Live]] = {}
    cut_off: list[str] = []
    for name, each in sorted(by_kind["Deployment"].items()):
        labels = _pod_labels(each)
        place = instance_of(name)
        is_server = TENANT_LABEL in labels or labels.get("app") == APP or is_ours(each)
        if place and is_server:
            deployments.setdefault(place[0], {})[place[1]] = each
        elif labels.get("app") == APP and TENANT_LABEL in labels:
            misnamed.setdefault(labels[TENANT_LABEL], []).append(each)
        elif labels.get("app") == APP:
            cut_off.append(name)
    places = map(place_of, by_kind["Service"].values())
    ids = {
        *deployments,
        *misnamed,
        *_tenants_of(snapshot, within),
        *(place[0] for place in places if place),
    }
    return Survey(
        tenants=tuple(
            _found(
                There(
                    tenant=tenant,
                    namespace=namespace,
                    domain=within,
                    deployments=deployments.get(tenant, {}),
                    services=by_kind["Service"],
                    policies=by_kind["NetworkPolicy"],
                    misnamed=misnamed.get(tenant, []),
                    rows=snapshot.of(tenant),
                    unplaced=snapshot.unplaced.get(tenant, 0),
                )
            )
            for tenant in sorted(ids)
        ),
        cut_off=tuple(cut_off),
    )


def _tenants_of(snapshot: Snapshot, within: str) -> set[str]:
    return {row.tenant_id for row in snapshot.instances if row.is_live and row.lives_in(within)}


def _pod_labels(deployment: Live) -> Mapping[str, str]:
    return deployment["spec"]["template"]["metadata"].get("labels") or {}


def _found(there: There) -> Found:
    size, told = size_of(there.servers, max((row.integrations for row in there.rows), default=0))
    in_the_way = tuple(obstacles(there))
    pending = [each for each in there.owned if not is_taken_over(each)]
    is_done = there.owned and not pending and not in_the_way
    return Found(
        described=Described(
            id=there.tenant,
            instances=there.instances,
            integrations=sum(row.integrations for row in there.rows) + there.unplaced,
            size=size,
            client_namespaces=client_namespaces(there.tenant, there.policy),
        ),
        servers=tuple(sorted(there.deployments)),
        there=tuple(f"{each['kind']} {each['metadata']['name']}" for each in there.owned),
        changes=() if is_done else (*told, *changes(there)),
        restarts=tuple(
            each["metadata"]["name"] for each in there.servers if not is_taken_over(each)
        ),
        obstacles=in_the_way,
        patches=() if in_the_way else tuple(patch for each in pending for patch in patches(each)),
    )
