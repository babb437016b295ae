"""Who is to reach whom, by rules that a reader can check, and every cell of the table they give.

Nothing here knows what a NetworkPolicy looks like: the rules say what is wanted, of the inventory
alone, and an analyser that nobody here wrote says what the policies do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tenancy.plan.plan import Plan, TenantPlan


class Port(NamedTuple):
    """Where somebody knocks."""

    protocol: str
    number: int

    def __str__(self) -> str:
        return f"{self.protocol}/{self.number}"


CLIENTS = Port("TCP", 4222)
MONITORED = (Port("TCP", 8222), Port("TCP", 7777))
"""What monitoring reads."""
DNS = (Port("UDP", 53), Port("TCP", 53))
OTHERS = (
    Port("TCP", 6222),  # where servers of a cluster would listen
    Port("UDP", 4222),
    Port("TCP", 80),
    Port("TCP", 443),
    Port("TCP", 5432),
    Port("TCP", 6443),
)
PORTS = (CLIENTS, *MONITORED, *DNS, *OTHERS)

MONITORING = "vrsky-monitoring"
NAME_SERVERS = "kube-system"
ELSEWHERE = "elsewhere"
"""A namespace of nobody's, whose owner gives it any label and its pods any too."""
PLATFORM = "platform"

NOBODY = "nobody"
"""A tenant that no inventory lists. The old scripts may have left a server of it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A pod, or an address outside the cluster: from where or to where somebody connects."""

    name: str
    """What a wrong cell calls it."""
    endpoint: str
    """What the analyser calls it: `namespace/pod`, or the address."""
    namespace: str = ""
    """Empty for an address."""
    tenant: str = ""
    """Whose label it wears."""
    is_server: bool = False
    """Whether it is a NATS pod in the servers' namespace."""
    labels: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """All of a synthetic pod's labels; a real pod has its own."""


class Cell(NamedTuple):
    """One question of the table, and the answer that is right."""

    source: Place
    target: Place
    port: Port
    is_open: bool


def served(plan: Plan) -> dict[str, TenantPlan]:
    """The tenants that have a server, by id."""
    return {tenant.id: tenant for tenant in plan.tenants if tenant.instances}


def is_open(tenants: Mapping[str, TenantPlan], source: Place, target: Place, port: Port) -> bool:
    """Whether `source` is to reach `target`: one lets it out, the other lets it in."""
    lets_out = not source.is_server or _lets_out(tenants.get(source.tenant), target, port)
    lets_in = not target.is_server or _lets_in(tenants.get(target.tenant), target, source, port)
    return lets_out and lets_in


def _lets_in(tenant: TenantPlan | None, server: Place, source: Place, port: Port) -> bool:
    """What a server admits: its tenant's pods as clients, and monitoring; else nobody."""
    if tenant is None:
        return False
    namespaces = (server.namespace, *tenant.client_namespaces)
    is_client = source.tenant == tenant.id and source.namespace in namespaces
    is_monitoring = source.namespace == MONITORING
    return (is_client and port == CLIENTS) or (is_monitoring and port in MONITORED)


def _lets_out(tenant: TenantPlan | None, target: Place, port: Port) -> bool:
    """What a server may reach: the cluster's name servers, nothing, or everything."""
    if tenant is None or tenant.egress == "none":
        return False
    return tenant.egress == "open" or (target.namespace == NAME_SERVERS and port in DNS)


def cells(plan: Plan, servers: Iterable[Place]) -> Iterator[Cell]:
    """Every source by every target by every port, with the `servers` that there are.

    Left out: a pod and itself, and two addresses, since no policy stands between them.
    """
    servers = [*servers, *strays(plan)]
    wanted = [*servers, *targets()]
    tenants = served(plan)
    for source in (*servers, *sources(plan)):
        for target in wanted:
            if source.endpoint != target.endpoint and (source.namespace or target.namespace):
                for port in PORTS:
                    yield Cell(source, target, port, is_open(tenants, source, target, port))


def wrong(table: Iterable[Cell], reaches: Callable[[str, str, Port], bool]) -> list[str]:
    """The cells that the analyser answers otherwise, a line for each source and target."""
    found: dict[str, list[str]] = {}
    for source, target, port, right in table:
        if reaches(source.endpoint, target.endpoint, port) != right:
            verdict = "closed" if right else "open"
            line = f"{source.name} -> {target.name} is {verdict}"
            found.setdefault(line, []).append(str(port))
    return [f"{line}: {', '.join(ports)}" for line, ports in sorted(found.items())]


def sources(plan: Plan) -> list[Place]:
    """Whoever may try to connect, beside the servers themselves."""
    tenants = [*(tenant.id for tenant in plan.tenants), NOBODY]
    listed = {name for tenant in plan.tenants for name in tenant.client_namespaces}
    return [
        *(
            _pod(f"worker of {tenant} in {namespace}", namespace, f"worker-{tenant}", tenant)
            for namespace in (plan.namespace, *sorted(listed))
            for tenant in tenants
        ),
        *(
            _pod(
                f"impostor of {tenant}",
                ELSEWHERE,
                f"impostor-{tenant}",
                tenant,
                **{"app": "nats", "instance-num": "1"},
            )
            for tenant in tenants
        ),
        *(
            _pod(f"unlabelled pod in {namespace}", namespace, "unlabelled")
            for namespace in (plan.namespace, *sorted(listed))
        ),
        _pod("monitoring", MONITORING, "prometheus", app="prometheus"),
        _pod("kube-system", NAME_SERVERS, "coredns", **{"k8s-app": "kube-dns"}),
        _pod("Postgres", PLATFORM, "postgres", app="postgres"),
        Place(name="outside", endpoint=_OUTSIDE),
    ]


def targets() -> list[Place]:
    """Whatever a server may try to reach, beside the servers themselves."""
    return [
        _pod("DNS", NAME_SERVERS, "coredns", **{"k8s-app": "kube-dns"}),
        _pod("false DNS", ELSEWHERE, "coredns", **{"k8s-app": "kube-dns"}),
        _pod("Postgres", PLATFORM, "postgres", app="postgres"),
        # It runs in the network of its node, so policies know it by its address.
        Place(name="API server", endpoint="172.18.0.2"),
        Place(name="metadata", endpoint="169.254.169.254"),
        Place(name="outside", endpoint=_OUTSIDE),
    ]


def strays(plan: Plan) -> list[Place]:
    """NATS pods without a tenant's policy: of who is decommissioned, and of who never was."""
    tenants = [*(tenant.id for tenant in plan.tenants if not tenant.instances), NOBODY]
    return [
        Place(
            name=f"stray server of {tenant}",
            endpoint=f"{plan.namespace}/stray-{tenant}",
            namespace=plan.namespace,
            tenant=tenant,
            is_server=True,
            labels=(("app", "nats"), ("tenant-id", tenant), ("instance-num", "1")),
        )
        for tenant in tenants
    ]


def _pod(name: str, namespace: str, pod: str, tenant: str = "", **labels: str) -> Place:
    if tenant:
        labels["tenant-id"] = tenant
    return Place(
        name=name,
        endpoint=f"{namespace}/{pod}",
        namespace=namespace,
        tenant=tenant,
        labels=tuple(labels.items()),
    )


_OUTSIDE = "203.0.113.10"
