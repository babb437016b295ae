"""Labels and annotations that a stack gives to our objects, beside those that this program sets."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from tenancy.inventory.scheduling import LABEL_KEY, SHORT_PREFIX
from tenancy.inventory.types import SUBDOMAIN_PATTERN, expected
from tenancy.names import RESERVED_LABELS, RESERVED_PREFIX

LARGEST_ANNOTATIONS = 256 * 1024
"""Bytes of all keys and values: the API server's own limit for one object."""
_ENGINES_PREFIX = "pulumi.com/"
_EXAMPLE = "karpenter.sh/do-not-disrupt"


def refusing(words: str, example: str, beginnings: Iterable[str]) -> AfterValidator:
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


FurtherLabelKey = Annotated[
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
        expected("the key of a Kubernetes annotation", _EXAMPLE),
    ],
    refusing(
        "another key, since this program or its engine reads this one",
        _EXAMPLE,
        (RESERVED_PREFIX, _ENGINES_PREFIX),
    ),
]
AnnotationValue = Annotated[
    str,
    StringConstraints(strict=True),
    expected("the value of an annotation, as text", '"true"'),
]


def at_most(most: int) -> AfterValidator:
    """Refuse annotations that have more bytes than that, keys and values together."""

    def check(annotations: dict[str, str]) -> dict[str, str]:
        if sum(len(text.encode()) for pair in annotations.items() for text in pair) > most:
            words = f"at most {most} bytes in all, keys and values together"
            example = f'{{{_EXAMPLE}: "true"}}'
            raise PydanticCustomError("expected", "", {"words": words, "example": example})
        return annotations

    return AfterValidator(check)
