"""Objects that a stack would make, and that somebody else has made already.

Some versions of the Kubernetes plugin refuse them, others take them over silently. So the program
looks before the engine touches anything. What belongs to the whole namespace stops every `up`; what
belongs to one tenant stops that tenant alone.
"""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType

from cluster import kinds
from cluster.kubectl import Kubectl, LiveObject
from tenancy.names import (
    CLOSING_POLICY_NAME,
    MONITORING_NAME,
    PART_OF,
    STACK_ANNOTATION,
    STRAYS_NAME,
    TENANT_LABEL,
    policy_name,
)
from tenancy.plan.plan import Plan
from tenancy.words import agreeing, listed


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a stack would make, by name."""

    namespace: str
    makes_namespace: bool
    names: Mapping[str, frozenset[str]]
    """In that namespace: the names of the objects, by kind. ConfigMaps are left out: their names
    have a hash of their content, and those of other people are many and large."""
    owner: str
    """The stack that owns the namespace, as `project/stack`: this one, or the base of its cell."""
    is_shard: bool = False
    """Whether the namespace is another stack's, which has to have closed it."""
    mark: str = ""
    """In a shard: what its mark is called."""
    newcomers: frozenset[str] = frozenset()
    """In a shard: the tenants of which its state has nothing. What they have in the cluster is in
    the state of another shard."""


def wanted(
    plan: Plan,
    *,
    makes_namespace: bool,
    monitoring: Mapping[str, str],
    owner: str,
    recorded: Collection[str] | None = None,
    mark: str = "",
) -> Wanted:
    """What the stack would make for `plan`.

    Args:
        plan: the desired state.
        makes_namespace: whether the namespace is the stack's.
        monitoring: the names of its objects for Prometheus, by kind.
        owner: see `Wanted.owner`.
        recorded: the tenants that a shard's state has; None for a stack that is no shard.
        mark: what the mark of a shard is called.
    """
    is_shard = recorded is not None
    instances = plan.instances.values()
    names = {
        "LimitRange": [STRAYS_NAME] if makes_namespace else [],
        "NetworkPolicy": [
            *([] if is_shard else [CLOSING_POLICY_NAME]),
            *(policy_name(tenant.id) for tenant in plan.tenants if tenant.instances),
        ],
        "Service": [instance.name for instance in instances],
        "Deployment": [instance.name for instance in instances],
        **{kind: [name] for kind, name in monitoring.items()},
    }
    return Wanted(
        namespace=plan.namespace,
        makes_namespace=makes_namespace,
        names={kind: frozenset(called) for kind, called in names.items() if called},
        owner=owner,
        is_shard=is_shard,
        mark=mark,
        newcomers=frozenset(
            tenant.id
            for tenant in plan.tenants
            if recorded is not None and tenant.id not in recorded
        ),
    )


Object = tuple[str, str]
"""The kind and the name of an object in the stack's namespace."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What somebody else has, of what a stack would make."""

    refusals: tuple[str, ...] = ()
    """Why the stack cannot be deployed at all, each with what to do."""
    taken: frozenset[Object] = frozenset()
    """The objects of single tenants that are somebody else's."""
    elsewhere: Mapping[Object, str] = field(default_factory=lambda: MappingProxyType({}))
    """The objects of this cell that the shard's state lacks, each with its tenant. Whether another
    stack has them, the cluster does not tell."""

    is_marked: bool = False
    """Whether the shard has left a mark, which it does when all of it was deployed."""

    @property
    def untouchable(self) -> frozenset[Object]:
        """All that an `up` has to leave alone."""
        return self.taken | self.elsewhere.keys()

    def warnings(self, namespace: str) -> Iterator[str]:
        """What to do about the objects of single tenants; nothing when none is taken."""
        if self.taken:
            named = listed([f"{kind} {name}" for kind, name in sorted(self.taken)], most=3)
            yield (
                f"{named} in the namespace {namespace} {agreeing(len(self.taken), 'lacks', 'lack')}"
                f" the label {_KEY}={_VALUE} of what this project makes, so an `up` leaves "
                f"{agreeing(len(self.taken), 'it', 'them')} alone and fails for "
                f"{agreeing(len(self.taken), 'its tenant', 'their tenants')}; "
                f"`tenant-nats adopt --namespace {namespace}` says what can be taken over."
            )
        if self.elsewhere:
            tenants = sorted(set(self.elsewhere.values()))
            yield (
                f"{listed(tenants, most=3)} {agreeing(len(tenants), 'has', 'have')} objects in the "
                f"namespace {namespace} that another stack of the cell has in its state. An `up` "
                "leaves them alone and fails for "
                f"{agreeing(len(tenants), 'this tenant', 'these tenants')}; "
                "`tenant-nats shards settle` moves a tenant's state to the shard whose inventory "
                "has the tenant."
            )


def look(wanted: Wanted, kubectl: Kubectl) -> Findings:
    """Find what somebody else has, of what the stack would make.

    Raises:
        ClusterError: the cluster cannot be read.
    """
    within = f"--namespace={wanted.namespace}"
    questions: list[tuple[str, ...]] = [
        # Only what is not ours, so that the answer is short whatever the number of tenants.
        (kinds.known(wanted.names, kubectl), within, f"--selector={_NOT_OURS}"),
        (
            kinds.KINDS["NetworkPolicy"],
            within,
            f"--field-selector=metadata.name={CLOSING_POLICY_NAME}",
        ),
    ]
    if wanted.makes_namespace:
        questions.append(("namespaces", f"--field-selector=metadata.name={wanted.namespace}"))
    if wanted.newcomers:
        names = f"{TENANT_LABEL} in ({','.join(sorted(wanted.newcomers))})"
        selector = f"--selector={_KEY}={_VALUE},{names}"
        questions.append((kinds.known(wanted.names, kubectl), within, selector))
        questions.append(("configmaps", within, f"--field-selector=metadata.name={wanted.mark}"))
    with ThreadPoolExecutor(len(questions)) as pool:
        asked = [pool.submit(kubectl.get, *question) for question in questions]
    others, closing, *more = (each.result() for each in asked)
    # A shard makes no namespace.
    namespaces = more if wanted.makes_namespace else []
    of_tenants, marks = more if wanted.newcomers else ([], [])
    taken = _of_our_names(wanted, others)
    shared = {each for each in taken if each in _SHARED}
    return Findings(
        refusals=(
            *(_namespace_taken(wanted) for each in namespaces if any(map(_is_foreign, each))),
            *_stack_of(wanted, closing),
            *_taken(wanted, shared),
        ),
        taken=frozenset(taken.keys() - shared),
        elsewhere={
            key: each["metadata"]["labels"][TENANT_LABEL]
            for key, each in _of_our_names(wanted, of_tenants).items()
        },
        is_marked=bool(marks),
    )


def _of_our_names(wanted: Wanted, objects: list[LiveObject]) -> dict[Object, LiveObject]:
    return {
        (each["kind"], each["metadata"]["name"]): each
        for each in objects
        if each["metadata"]["name"] in wanted.names.get(each["kind"], ())
    }


_SHARED = {
    ("LimitRange", STRAYS_NAME),
    ("NetworkPolicy", CLOSING_POLICY_NAME),
    ("PodMonitor", MONITORING_NAME),
    ("PrometheusRule", MONITORING_NAME),
}
"""What a namespace has once, whatever its tenants."""


_KEY, _VALUE = PART_OF
_NOT_OURS = f"{_KEY}!={_VALUE}"


def _is_foreign(live: LiveObject) -> bool:
    labels: Mapping[str, str] = live["metadata"].get("labels") or {}
    return labels.get(_KEY) != _VALUE


def _namespace_taken(wanted: Wanted) -> str:
    return (
        f"the namespace {wanted.namespace} is there already and was not made by this project; "
        "`pulumi config set namespaceMode existing` deploys into it and leaves it as it is"
    )


def _stack_of(wanted: Wanted, closing: list[LiveObject]) -> list[str]:
    for policy in closing:
        annotations: Mapping[str, str] = policy["metadata"].get("annotations") or {}
        owner = annotations.get(STACK_ANNOTATION)
        if wanted.is_shard and owner != wanted.owner:
            return [
                f"the namespace {wanted.namespace} belongs to {_stack_named(owner)}, by "
                f"NetworkPolicy {CLOSING_POLICY_NAME}, and the base of this cell is {wanted.owner}:"
                " deploy that first"
            ]
        if owner not in (None, wanted.owner):
            return [
                f"the namespace {wanted.namespace} belongs to the stack {owner}, by NetworkPolicy "
                f"{CLOSING_POLICY_NAME}, and this is {wanted.owner}; give this one a namespace of "
                "its own (`pulumi config set namespace …`), or, where the stack was renamed, "
                f"`kubectl --namespace={wanted.namespace} annotate --overwrite networkpolicy "
                f"{CLOSING_POLICY_NAME} {STACK_ANNOTATION}={wanted.owner}`"
            ]
    if wanted.is_shard and not closing:
        return [
            f"the namespace {wanted.namespace} has no NetworkPolicy {CLOSING_POLICY_NAME}, which "
            "closes every server until its tenant's policy opens it: deploy the base of the cell "
            f"first, {wanted.owner}"
        ]
    return []


def _stack_named(owner: str | None) -> str:
    return f"the stack {owner}" if owner else "no stack"


def _taken(wanted: Wanted, shared: Collection[Object]) -> list[str]:
    if not shared:
        return []
    named = listed([f"{kind} {name}" for kind, name in sorted(shared)], most=3)
    return [
        f"{named} {agreeing(len(shared), 'is', 'are')} in the namespace {wanted.namespace} "
        f"already, without the label {_KEY}={_VALUE} of what this project makes; "
        f"`tenant-nats adopt --namespace {wanted.namespace}` says what can be taken over"
    ]
