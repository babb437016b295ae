"""The Services of a stack's servers: what a cluster or its tools ask of every Service."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from settings.metadata import (
    LARGEST_ANNOTATIONS,
    AnnotationKey,
    AnnotationValue,
    FurtherLabelKey,
    at_most,
)
from settings.values import LabelValue

IpFamilyPolicy = Literal["SingleStack", "PreferDualStack", "RequireDualStack"]

_OURS = 1024
"""Bytes of the limit that are left for our annotations, and the engine's."""


class Service(BaseModel):
    """What every Service of the stack has beside its ports and its selector."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    annotations: Annotated[
        dict[AnnotationKey, AnnotationValue], at_most(LARGEST_ANNOTATIONS - _OURS)
    ] = {}
    """Further annotations, for whatever reads those of Services."""
    labels: dict[FurtherLabelKey, LabelValue] = {}
    """Further labels; the pods do not get them."""
    ip_family_policy: IpFamilyPolicy | None = None
    """Whether a Service has addresses of both families; None for what the cluster gives."""
