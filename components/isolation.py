"""Who may reach a tenant's servers, and what the servers may reach.

One policy for each tenant, not for each instance: it is there before the first pod and after the
last. Policies only add up, so this one opens what the namespace's closing policy has closed.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.meta.v1 import (
    LabelSelectorArgs,
    LabelSelectorRequirementArgs,
    ObjectMetaArgs,
)
from pulumi_kubernetes.networking import v1 as networking

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
"""The label with its name that Kubernetes itself puts on every namespace."""
_DNS_NAMESPACE = "kube-system"


@dataclass(frozen=True, kw_only=True)
class IsolationArgs:
    """What an `Isolation` is made of."""

    namespace: pulumi.Input[str]
    tenant: str
    client_namespaces: tuple[str, ...]
    client_service_accounts: tuple[str, ...]
    """`namespace/name`; for the admission policy, since a NetworkPolicy knows labels only."""
    monitoring_namespace: str
    has_exporter: bool
    egress: Literal["dns", "open"]


class Isolation(pulumi.ComponentResource):
    """The NetworkPolicy of one tenant."""

    policy: networking.NetworkPolicy

    def __init__(
        self, name: str, args: IsolationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(ISOLATION, name, None, opts)
        self.policy = networking.NetworkPolicy(
            f"{name}-policy",
            metadata=ObjectMetaArgs(
                name=policy_name(args.tenant),
                namespace=args.namespace,
                labels=tenant_labels(args.tenant),
                annotations=_accounts(args),
            ),
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(match_labels=tenant_selector(args.tenant)),
                policy_types=["Ingress", "Egress"],
                ingress=[_clients(args), _monitoring(args)],
                egress=_egress(args),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"policy": self.policy})


def _accounts(args: IsolationArgs) -> dict[str, str] | None:
    # Here and not in an object of its own: deploy/admission-policy.yaml reads who may wear the
    # label where it reads from which namespaces the label lets a pod in.
    accounts = ",".join(args.client_service_accounts)
    return {ACCOUNTS_ANNOTATION: accounts} if accounts else None


def _clients(args: IsolationArgs) -> networking.NetworkPolicyIngressRuleArgs:
    pods = LabelSelectorArgs(match_labels={TENANT_LABEL: args.tenant})
    # A pod selector by itself reaches the policy's own namespace only. Together in one item, the
    # two selectors mean AND; as two items they would admit every pod of those namespaces.
    sources = [networking.NetworkPolicyPeerArgs(pod_selector=pods)]
    if args.client_namespaces:
        elsewhere = networking.NetworkPolicyPeerArgs(
            namespace_selector=_namespaces(*args.client_namespaces), pod_selector=pods
        )
        sources.append(elsewhere)
    return networking.NetworkPolicyIngressRuleArgs(from_=sources, ports=[_port(CLIENT_PORT)])


def _monitoring(args: IsolationArgs) -> networking.NetworkPolicyIngressRuleArgs:
    source = networking.NetworkPolicyPeerArgs(
        namespace_selector=_namespaces(args.monitoring_namespace)
    )
    numbers = [MONITORING_PORT, *([METRICS_PORT] if args.has_exporter else [])]
    return networking.NetworkPolicyIngressRuleArgs(
        from_=[source], ports=[_port(number) for number in numbers]
    )


def _egress(args: IsolationArgs) -> list[networking.NetworkPolicyEgressRuleArgs]:
    if args.egress == "open":
        return [networking.NetworkPolicyEgressRuleArgs()]
    dns = networking.NetworkPolicyPeerArgs(namespace_selector=_namespaces(_DNS_NAMESPACE))
    # A long answer comes by TCP, so UDP alone breaks name resolution now and then.
    ports = [_port(53, "UDP"), _port(53)]
    return [networking.NetworkPolicyEgressRuleArgs(to=[dns], ports=ports)]


def _namespaces(*names: str) -> LabelSelectorArgs:
    return LabelSelectorArgs(
        match_expressions=[
            LabelSelectorRequirementArgs(
                key=NAMESPACE_NAME_LABEL, operator="In", values=list(names)
            )
        ]
    )


def _port(number: int, protocol: str = "TCP") -> networking.NetworkPolicyPortArgs:
    return networking.NetworkPolicyPortArgs(port=number, protocol=protocol)
