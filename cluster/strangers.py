"""Objects that a stack would make, and that somebody else has made already.

Depending on its version, the Kubernetes plugin refuses them in the middle of an `up`, or takes them
over without a word. So the program looks before the engine touches anything.
"""

from collections.abc import Mapping
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


def objections(wanted: Wanted, kubectl: Kubectl) -> list[str]:
    """Why the stack cannot make what it wants, each with what to do; empty if it can.

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
    return [
        *(_namespace_taken(wanted) for each in namespaces if any(map(_is_foreign, each))),
        *_stack_of(wanted, closing),
        *_taken(wanted, others),
    ]


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


def _taken(wanted: Wanted, others: list[LiveObject]) -> list[str]:
    taken = sorted(
        f"{each['kind']} {each['metadata']['name']}"
        for each in others
        if each["metadata"]["name"] in wanted.names.get(each["kind"], ())
    )
    if not taken:
        return []
    verb = agreeing(len(taken), "is", "are")
    return [
        f"{listed(taken, most=3)} {verb} in the namespace {wanted.namespace} already, without the "
        f"label {_KEY}={_VALUE} of what this project makes; "
        f"`python -m operations adopt --namespace {wanted.namespace}` says what can be taken over"
    ]
