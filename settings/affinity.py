"""The affinity of a pod, in Kubernetes' own form, as strict as its API server takes it.

A little stricter where the API server admits what no node or pod can meet: the value of `Gt` and
`Lt` is a number that the scheduler can read, each term of nodes has a requirement, and each term of
pods says by `labelSelector` which it means.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from settings.values import LabelKey, LabelValue
from tenancy.inventory.scheduling import (
    LABEL_KEY,
    SHORT_PREFIX,
    NodeLabelKey,
    NodeLabelValue,
)
from tenancy.inventory.types import SUBDOMAIN, NamespaceName, expected

Weight = Annotated[int, Field(strict=True, ge=1, le=100), expected("a weight from 1 to 100", "100")]
TopologyKey = Annotated[
    str, LABEL_KEY, SHORT_PREFIX, expected("the key of a node's label", "kubernetes.io/hostname")
]
NodeName = Annotated[str, SUBDOMAIN, expected("the name of a node", "node-1")]


class _Part(BaseModel):
    """A mapping of the API: frozen, with no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


_LARGEST = 2**63 - 1
"""The largest number that the scheduler reads in a label."""


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(_LARGEST)) and int(text) <= _LARGEST


def _values(operator: str, values: tuple[str, ...]) -> None:
    """Refuse a number of values that does not fit the operator, as the API server does."""
    words = None
    match operator:
        case "In" | "NotIn" if not values:
            words = f"`values` with `operator: {operator}`"
        case "Exists" | "DoesNotExist" if values:
            words = f"no `values` with `operator: {operator}`"
        case "Gt" | "Lt" if len(values) != 1 or not _is_number(values[0]):
            words = (
                f"one number in quotes, at most {_LARGEST}, in `values` with `operator: {operator}`"
            )
        case _:
            pass
    if words:
        example = "{key: disk, operator: In, values: [ssd]}"
        raise PydanticCustomError("expected", "", {"words": words, "example": example})


class NodeRequirement(_Part):
    """What the label of a node has to be."""

    key: NodeLabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: tuple[NodeLabelValue, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        _values(self.operator, self.values)
        return self


class NodeField(_Part):
    """What the field of a node has to be: there is only its name."""

    key: Literal["metadata.name"]
    operator: Literal["In", "NotIn"]
    values: Annotated[tuple[NodeName, ...], Field(min_length=1, max_length=1)]


class NodeTerm(_Part):
    """Requirements that one node has to meet together."""

    match_expressions: tuple[NodeRequirement, ...] = ()
    match_fields: tuple[NodeField, ...] = ()

    @model_validator(mode="after")
    def _requires(self) -> Self:
        """Refuse what no node meets."""
        if not (self.match_expressions or self.match_fields):
            words = "a requirement in `matchExpressions` or `matchFields`"
            example = "{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}"
            raise PydanticCustomError("expected", "", {"words": words, "example": example})
        return self


class RequiredNodes(_Part):
    """Terms of which a node has to meet one."""

    node_selector_terms: Annotated[tuple[NodeTerm, ...], Field(min_length=1)]


class PreferredNodes(_Part):
    """A term that a node had better meet."""

    weight: Weight
    preference: NodeTerm


class NodeAffinity(_Part):
    """To which nodes a pod is drawn."""

    required_during_scheduling_ignored_during_execution: RequiredNodes | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNodes, ...] = ()


class LabelRequirement(_Part):
    """What a label of an object has to be."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[LabelValue, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        _values(self.operator, self.values)
        return self


class LabelSelector(_Part):
    """Which objects are meant, by their labels."""

    match_labels: dict[LabelKey, LabelValue] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()

    @property
    def keys(self) -> set[str]:
        """The keys of which it says something."""
        return {*self.match_labels, *(each.key for each in self.match_expressions)}


class PodTerm(_Part):
    """Other pods, and how near is meant."""

    topology_key: TopologyKey
    label_selector: LabelSelector
    namespaces: tuple[NamespaceName, ...] = ()
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[LabelKey, ...] = ()
    mismatch_label_keys: tuple[LabelKey, ...] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Refuse what the API server refuses of the keys, all of it at once."""
        keys = self.match_label_keys
        every = (*keys, *self.mismatch_label_keys)
        rules = {
            "each key once in `matchLabelKeys` and `mismatchLabelKeys`": len(set(every))
            != len(every),
            "no key of `matchLabelKeys` in `labelSelector`": self.label_selector.keys & set(keys),
        }
        if broken := [words for words, is_broken in rules.items() if is_broken]:
            example = (
                "{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: db}}}"
            )
            words = ", and ".join(broken)
            raise PydanticCustomError("expected", "", {"words": words, "example": example})
        return self


class PreferredPods(_Part):
    """Pods that a pod had better be near to, or far from."""

    weight: Weight
    pod_affinity_term: PodTerm


class PodAffinity(_Part):
    """To which pods a pod is drawn, or which it avoids."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPods, ...] = ()


class Affinity(_Part):
    """Where a pod is drawn to, and what it avoids."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
