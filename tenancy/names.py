"""Every derived name and label.

Workers, dashboards and people rely on them: they are a public contract.
"""

from collections.abc import Mapping

from tenancy.defaults import CLUSTER_DOMAIN

CLIENT_PORT = 4222
MONITORING_PORT = 8222
METRICS_PORT = 7777
"""Where the exporter beside a server answers Prometheus."""
METRICS_PORT_NAME = "metrics"

METRICS_JOB = "tenant-nats"
"""The label `job` of every series of a server."""

APP = "nats"
TENANT_LABEL = "tenant-id"
INSTANCE_LABEL = "instance-num"
ACCOUNTS_ANNOTATION = "tenant-nats/service-accounts"
"""On a tenant's NetworkPolicy: the service accounts whose pods may carry the tenant's label."""


def instance_name(tenant: str, number: int) -> str:
    """What the Deployment, the Service and the server itself are called.

    No two pairs share a name: the number is what follows the last hyphen.
    """
    return f"nats-{tenant}-{number}"


def instance_of(name: str) -> tuple[str, int] | None:
    """The tenant and number in `name`; None if it is not an `instance_name`."""
    tenant, _, number = name.removeprefix(f"{APP}-").rpartition("-")
    fits = tenant and number.isdecimal() and instance_name(tenant, int(number)) == name
    return (tenant, int(number)) if fits else None


def dns_name(tenant: str, number: int, namespace: str, cluster_domain: str = CLUSTER_DOMAIN) -> str:
    """`host:port` for clients, as `nats_instances.dns_name` holds it."""
    return address(tenant, number, domain(namespace, cluster_domain))


def address(tenant: str, number: int, domain: str) -> str:
    """The `dns_name` of an instance whose names end in `domain`."""
    return f"{instance_name(tenant, number)}.{domain}"


def domain(namespace: str, cluster_domain: str = CLUSTER_DOMAIN) -> str:
    """What follows the instance's name in every `dns_name` of a namespace."""
    return f"{namespace}.svc.{cluster_domain}:{CLIENT_PORT}"


def cluster_domain_of(domain: str, namespace: str) -> str | None:
    """The cluster domain in `domain`; None if it is not a `domain` of this namespace."""
    start, end = f"{namespace}.svc.", f":{CLIENT_PORT}"
    inner = domain.removeprefix(start).removesuffix(end)
    return inner if inner and domain == f"{start}{inner}{end}" else None


def policy_name(tenant: str) -> str:
    """What a tenant's NetworkPolicy is called."""
    return f"tenant-nats-isolation-{tenant}"


CLOSING_POLICY_NAME = "tenant-nats-closed"
"""The NetworkPolicy that closes every NATS pod of the namespace."""
STRAYS_NAME = "tenant-nats-strays"
"""The LimitRange of a managed namespace."""
MONITORING_NAME = "tenant-nats"
"""The PodMonitor and the PrometheusRule of a namespace with one stack, or of a cell's base."""


def monitoring_name(shard: str | None) -> str:
    """The PodMonitor and the PrometheusRule of a stack; that of a shard is one among several."""
    return f"tenant-nats-shard-{shard}" if shard else MONITORING_NAME


def mark_name(member: str) -> str:
    """The mark of a member of a cell, a ConfigMap; `member` is a shard, or `base`."""
    return f"tenant-nats-mark-{member}"


def tenant_selector(tenant: str) -> dict[str, str]:
    """The labels that select all NATS pods of a tenant."""
    return {"app": APP, TENANT_LABEL: tenant}


def instance_selector(tenant: str, number: int) -> dict[str, str]:
    """The labels that select one NATS pod: exactly these three, in every selector.

    Selectors are immutable, and the objects of the old scripts have these.
    """
    return {**tenant_selector(tenant), INSTANCE_LABEL: str(number)}


def instance_labels(tenant: str, number: int) -> dict[str, str]:
    """The labels of everything that belongs to one instance."""
    return {
        **instance_selector(tenant, number),
        "app.kubernetes.io/name": APP,
        "app.kubernetes.io/instance": instance_name(tenant, number),
        **OWNER_LABELS,
    }


def tenant_labels(tenant: str) -> dict[str, str]:
    """The labels of what belongs to a tenant as a whole."""
    return {TENANT_LABEL: tenant, **OWNER_LABELS}


PART_OF = ("app.kubernetes.io/part-of", "tenant-nats")
OWNER_LABELS = {
    **dict([PART_OF]),
    "app.kubernetes.io/managed-by": "pulumi",
}
"""The labels of everything that this project makes."""
MEMBER_LABEL = "tenant-nats/member"
"""Which member of a cell an object belongs to, if it belongs to no tenant."""
COMPONENT_LABEL = "app.kubernetes.io/component"
MARK, BEGUN = "mark", "begun"
"""The components by which a member says from what it was deployed, and from what it was begun."""
FIELD_MANAGER = "tenant-nats"
"""The name under which the API server records the fields that this project sets."""
STACK_ANNOTATION = "tenant-nats/stack"
"""On the namespace's closing policy: the stack that owns the namespace, as `project/stack`."""
RESERVED_PREFIX = "tenant-nats/"
"""What the keys of this project's own annotations begin with."""
RESERVED_LABELS = frozenset({*instance_labels("any", 1), "pod-template-hash"})
"""Labels of a pod that are nobody else's: this project's own, and the one by which a Deployment
knows its pods."""


def are_ours(labels: Mapping[str, str] | None) -> bool:
    """Whether `labels` are those of an object that this project has made."""
    return OWNER_LABELS.items() <= (labels or {}).items()
