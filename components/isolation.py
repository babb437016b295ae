"""Who may reach a tenant's servers, and what the servers may reach.

One policy for each tenant, not for each instance: it exists before the first pod and until the last
is gone. Policies only add up, so this one opens what the namespace's closing policy closes.
"""

from dataclasses import dataclass

import pulumi

from components.kubernetes import KubernetesObject, Part
from tenancy.inventory.terms import Egress
from tenancy.names import (
    ACCOUNTS_ANNOTATION,
    CLIENT_PORT,
    METRICS_PORT,
    MONITORING_PORT,
    TENANT_LABEL,
    policy_name,
    tenant_labels,
    tenant_selector,
)
from tenancy.tokens import ISOLATION

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that Kubernetes itself puts on every namespace, with the namespace's name."""
_DNS_NAMESPACE = "kube-system"


@dataclass(frozen=True, kw_only=True)
class IsolationArgs:
    """What an `Isolation` is made of."""

    namespace: pulumi.Input[str]
    tenant: str
    client_namespaces: tuple[str, ...]
    client_service_accounts: tuple[str, ...]
    """`namespace/name`; for the admission policy, since a NetworkPolicy knows only labels."""
    monitoring_namespace: str
    has_exporter: bool
    egress: Egress


class Isolation(pulumi.ComponentResource):
    """The NetworkPolicy of one tenant."""

    policy: KubernetesObject

    def __init__(
        self, name: str, args: IsolationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(ISOLATION, name, None, opts)
        self.policy = KubernetesObject(
            f"{name}-policy",
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {
                    "name": policy_name(args.tenant),
                    "namespace": args.namespace,
                    "labels": tenant_labels(args.tenant),
                    **_accounts(args),
                },
                "spec": {
                    "podSelector": {"matchLabels": tenant_selector(args.tenant)},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [_clients(args), _monitoring(args)],
                    **_egress(args),
                },
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"policy": self.policy})


def _accounts(args: IsolationArgs) -> Part:
    # Not in an object of its own: deploy/admission-policy.yaml reads both the accounts and the
    # client namespaces from the NetworkPolicy.
    accounts = ",".join(args.client_service_accounts)
    return {"annotations": {ACCOUNTS_ANNOTATION: accounts}} if accounts else {}


def _clients(args: IsolationArgs) -> Part:
    pods = {"matchLabels": {TENANT_LABEL: args.tenant}}
    # A pod selector by itself reaches the policy's own namespace only. Together in one item, the
    # two selectors mean AND; as two items they would admit every pod of those namespaces.
    sources: list[Part] = [{"podSelector": pods}]
    if args.client_namespaces:
        elsewhere = _namespaces(*args.client_namespaces)
        sources.append({"namespaceSelector": elsewhere, "podSelector": pods})
    return {"from": sources, "ports": [_port(CLIENT_PORT)]}


def _monitoring(args: IsolationArgs) -> Part:
    numbers = [MONITORING_PORT, *([METRICS_PORT] if args.has_exporter else [])]
    return {
        "from": [{"namespaceSelector": _namespaces(args.monitoring_namespace)}],
        "ports": [_port(number) for number in numbers],
    }


def _egress(args: IsolationArgs) -> Part:
    match args.egress:
        case "none":
            # No field, where an empty list would do: the API server does not keep one.
            return {}
        case "open":
            return {"egress": [{}]}
        case "dns":
            # Long answers come by TCP, so with UDP alone name resolution fails now and then.
            ports = [_port(53, "UDP"), _port(53)]
            name_servers = [{"namespaceSelector": _namespaces(_DNS_NAMESPACE)}]
            return {"egress": [{"to": name_servers, "ports": ports}]}


def _namespaces(*names: str) -> Part:
    named = {"key": NAMESPACE_NAME_LABEL, "operator": "In", "values": list(names)}
    return {"matchExpressions": [named]}


def _port(number: int, protocol: str = "TCP") -> Part:
    return {"port": number, "protocol": protocol}
