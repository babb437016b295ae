"""What a stack says of the pods of all its servers, by Kubernetes' own names."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from settings.affinity import Affinity
from settings.values import LabelValue
from tenancy.inventory.models import Toleration
from tenancy.inventory.scheduling import (
    LABEL_KEY,
    SHORT_PREFIX,
    NodeLabelKey,
    NodeLabelValue,
    PriorityClassName,
    Seconds,
)
from tenancy.inventory.types import SUBDOMAIN, SUBDOMAIN_PATTERN, expected
from tenancy.names import RESERVED_LABELS, RESERVED_PREFIX
from tenancy.plan.nodes import Nodes, of_lost_nodes

LARGEST_ANNOTATIONS = 256 * 1024
"""Bytes of all keys and values: the API server's own limit."""
_OF_KUBERNETES = (
    "kubernetes.io/config.",
    "scheduler.alpha.kubernetes.io/",
    "controller.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
)
"""Annotations that Kubernetes reads itself, and that do not fit these pods."""


def _refusing(words: str, example: str, beginnings: Iterable[str]) -> AfterValidator:
    """Refuse keys that begin so."""

    def check(key: str) -> str:
        if key.startswith(tuple(beginnings)):
            raise PydanticCustomError("expected", "", {"words": words, "example": example})
        return key

    return AfterValidator(check)


def _not_ours(key: str) -> str:
    if key in RESERVED_LABELS or key.startswith(RESERVED_PREFIX):
        words = "another key, since selectors, policies or this program use this one"
        raise PydanticCustomError("expected", "", {"words": words, "example": "team"})
    return key


PodLabelKey = Annotated[
    Annotated[str, LABEL_KEY, SHORT_PREFIX, expected("the key of a Kubernetes label", "team")],
    AfterValidator(_not_ours),
]
_ANY_CASE = SUBDOMAIN_PATTERN.replace("a-z", "a-zA-Z")
AnnotationKey = Annotated[
    Annotated[
        str,
        StringConstraints(
            strict=True,
            pattern=rf"^({_ANY_CASE}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$",
        ),
        SHORT_PREFIX,
        expected("the key of a Kubernetes annotation", "karpenter.sh/do-not-disrupt"),
    ],
    _refusing(
        "another key, since Kubernetes or this program reads this one",
        "karpenter.sh/do-not-disrupt",
        (RESERVED_PREFIX, *_OF_KUBERNETES),
    ),
]
AnnotationValue = Annotated[
    str,
    StringConstraints(strict=True),
    expected("the value of an annotation, as text", '"true"'),
]
PullSecretName = Annotated[str, SUBDOMAIN, expected("the name of a Secret", "registry")]
ServiceAccountName = Annotated[
    str, SUBDOMAIN, expected("the name of a ServiceAccount in the servers' namespace", "nats")
]
RuntimeClassName = Annotated[str, SUBDOMAIN, expected("the name of a RuntimeClass", "gvisor")]


def _small(annotations: dict[str, str]) -> dict[str, str]:
    if sum(len(part.encode()) for each in annotations.items() for part in each) > (
        LARGEST_ANNOTATIONS
    ):
        words = f"at most {LARGEST_ANNOTATIONS} bytes in all, keys and values together"
        example = '{karpenter.sh/do-not-disrupt: "true"}'
        raise PydanticCustomError("expected", "", {"words": words, "example": example})
    return annotations


class Pod(BaseModel):
    """What the pods of all servers have, beside what their sizes say."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    node_selector: dict[NodeLabelKey, NodeLabelValue] = {}
    """The labels that their nodes have to have; a size may add to them."""
    tolerations: tuple[Toleration, ...] = ()
    """The taints that keep them off no node; a size may add to them."""
    affinity: Affinity | None = None
    """Which nodes and pods they are drawn to, or avoid."""
    spread: Literal["none", "nodes", "zones"] = "none"
    """Whether the servers of one tenant are put on different nodes, and zones, where possible."""
    priority_class_name: PriorityClassName | None = None
    """Their PriorityClass; a size may have another one."""
    image_pull_secrets: tuple[PullSecretName, ...] = ()
    """The names of Secrets in the servers' namespace by which images may be pulled."""
    annotations: Annotated[dict[AnnotationKey, AnnotationValue], AfterValidator(_small)] = {}
    """Annotations of the pods."""
    labels: dict[PodLabelKey, LabelValue] = {}
    """Further labels of the pods."""
    service_account_name: ServiceAccountName | None = None
    """Their ServiceAccount, of which they get no token."""
    runtime_class_name: RuntimeClassName | None = None
    """Their RuntimeClass."""
    node_lost_seconds: Seconds | None = None
    """How long Kubernetes waits for a node that it has lost before it starts the servers elsewhere;
    None for Kubernetes' own 300."""

    @property
    def nodes(self) -> Nodes:
        """On which nodes the servers run."""
        return Nodes(
            selector=self.node_selector,
            tolerations=self.tolerations,
            priority_class_name=self.priority_class_name,
            lost_seconds=self.node_lost_seconds,
        )

    @property
    def affinity_as_said(self) -> dict[str, Any]:
        """The affinity in Kubernetes' own form; empty where there is none."""
        if self.affinity is None:
            return {}
        return self.affinity.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude_none=True
        )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.node_lost_seconds is not None and (own := of_lost_nodes(self.tolerations)):
            place, toleration = own[0]
            raise PydanticCustomError(
                "contradiction",
                "",
                {"place": place, "toleration": str(toleration), "seconds": self.node_lost_seconds},
            )
        return self
