"""What a stack says of the pods of all its servers, by Kubernetes' own names."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from settings.affinity import Affinity
from settings.metadata import (
    LARGEST_ANNOTATIONS,
    AnnotationKey,
    AnnotationValue,
    FurtherLabelKey,
    at_most,
    refusing,
)
from settings.values import LabelValue
from tenancy.inventory.models import Toleration
from tenancy.inventory.scheduling import (
    NodeLabelKey,
    NodeLabelValue,
    PriorityClassName,
    Seconds,
)
from tenancy.inventory.types import SUBDOMAIN, expected
from tenancy.plan.nodes import Nodes, of_lost_nodes

_OF_KUBERNETES = (
    "kubernetes.io/config.",
    "scheduler.alpha.kubernetes.io/",
    "controller.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
)
"""Annotations that Kubernetes reads itself, and that do not fit these pods."""


PodAnnotationKey = Annotated[
    AnnotationKey,
    refusing(
        "another key, since Kubernetes reads this one",
        "karpenter.sh/do-not-disrupt",
        _OF_KUBERNETES,
    ),
]
PullSecretName = Annotated[str, SUBDOMAIN, expected("the name of a Secret", "registry")]
ServiceAccountName = Annotated[
    str, SUBDOMAIN, expected("the name of a ServiceAccount in the servers' namespace", "nats")
]
RuntimeClassName = Annotated[str, SUBDOMAIN, expected("the name of a RuntimeClass", "gvisor")]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        # Kubernetes tells the items of this list apart by their names.
        context = {"words": "each name once", "example": "[registry, mirror]"}
        raise PydanticCustomError("expected", "", context)
    return names


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
    image_pull_secrets: Annotated[tuple[PullSecretName, ...], AfterValidator(_each_once)] = ()
    """The names of Secrets in the servers' namespace by which images may be pulled."""
    annotations: Annotated[
        dict[PodAnnotationKey, AnnotationValue], at_most(LARGEST_ANNOTATIONS)
    ] = {}
    """Annotations of the pods."""
    labels: dict[FurtherLabelKey, LabelValue] = {}
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

    # Of the field, not of the model: pydantic asks a model only when all its fields are right.
    @field_validator("node_lost_seconds")
    @classmethod
    def _agrees(cls, seconds: int | None, others: ValidationInfo) -> int | None:
        own = of_lost_nodes(others.data.get("tolerations", ()))
        if seconds is not None and own:
            told = [(place, str(toleration)) for place, toleration in own]
            raise PydanticCustomError("contradiction", "", {"tolerations": told})
        return seconds
