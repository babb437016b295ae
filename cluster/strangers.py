"""Objects that a stack would make, and that somebody else has made already.

Some versions of the Kubernetes plugin refuse them, others take them over silently. So the program
looks before the engine touches anything. What belongs to the whole namespace stops every `up`; what
belongs to one tenant stops that tenant alone.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cluster import kinds
from cluster.kubectl import Kubectl, LiveObject
from tenancy.names import (
    CLOSING_POLICY_NAME,
    MONITORING_NAME,
    PART_OF,
    STACK_ANNOTATION,
    STRAYS_NAME,
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
    stack: str
    """`project/stack`."""


def wanted(plan: Plan, *, makes_namespace: bool, monitoring: tuple[str, ...], stack: str) -> Wanted:
    """What the stack would make for `plan`, and the objects of the kinds in `monitoring`."""
    instances = plan.instances.values()
    names = {
        "LimitRange": [STRAYS_NAME] if makes_namespace else [],
        "NetworkPolicy": [
            CLOSING_POLICY_NAME,
            *(policy_name(tenant.id) for tenant in plan.tenants if tenant.instances),
        ],
        "Service": [instance.name for instance in instances],
        "Deployment": [instance.name for instance in instances],
        **{kind: [MONITORING_NAME] for kind in monitoring},
    }
    return Wanted(
        namespace=plan.namespace,
        makes_namespace=makes_namespace,
        names={kind: frozenset(called) for kind, called in names.items() if called},
        stack=stack,
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

    def warning(self, namespace: str) -> str:
        """What to do about the objects of single tenants; empty when none is taken."""
        if not self.taken:
            return ""
        named = listed([f"{kind} {name}" for kind, name in sorted(self.taken)], most=3)
        return (
            f"{named} in the namespace {namespace} {agreeing(len(self.taken), 'lacks', 'lack')} "
            f"the label {_KEY}={_VALUE} of what this project makes, so an `up` leaves "
            f"{agreeing(len(self.taken), 'it', 'them')} alone and fails for "
            f"{agreeing(len(self.taken), 'its tenant', 'their tenants')}; "
            f"`tenant-nats adopt --namespace {namespace}` says what can be taken over."
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
    with ThreadPoolExecutor(len(questions)) as pool:
        asked = [pool.submit(kubectl.get, *question) for question in questions]
    others, closing, *namespaces = (each.result() for each in asked)
    taken = {
        (each["kind"], each["metadata"]["name"])
        for each in others
        if each["metadata"]["name"] in wanted.names.get(each["kind"], ())
    }
    shared = {each for each in taken if each in _SHARED}
    return Findings(
        refusals=(
            *(_namespace_taken(wanted) for each in namespaces if any(map(_is_foreign, each))),
            *_stack_of(wanted, closing),
            *_taken(wanted, shared),
        ),
        taken=frozenset(taken - shared),
    )


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
        if owner not in (None, wanted.stack):
            return [
                f"the namespace {wanted.namespace} belongs to the stack {owner}, by NetworkPolicy "
                f"{CLOSING_POLICY_NAME}, and this is {wanted.stack}; give this one a namespace of "
                "its own (`pulumi config set namespace …`), or, where the stack was renamed, "
                f"`kubectl --namespace={wanted.namespace} annotate --overwrite networkpolicy "
                f"{CLOSING_POLICY_NAME} {STACK_ANNOTATION}={wanted.stack}`"
            ]
    return []


def _taken(wanted: Wanted, shared: Collection[Object]) -> list[str]:
    if not shared:
        return []
    named = listed([f"{kind} {name}" for kind, name in sorted(shared)], most=3)
    return [
        f"{named} {agreeing(len(shared), 'is', 'are')} in the namespace {wanted.namespace} "
        f"already, without the label {_KEY}={_VALUE} of what this project makes; "
        f"`tenant-nats adopt --namespace {wanted.namespace}` says what can be taken over"
    ]
