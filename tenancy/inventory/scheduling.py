"""The values by which Kubernetes chooses a node, as strict as its API server takes them.

An inventory has them for a size, and a stack's settings for all its servers.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from tenancy.inventory.types import SUBDOMAIN, SUBDOMAIN_PATTERN, expected

_LONGEST_PREFIX = 253
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"


def _short_prefix(key: str) -> str:
    prefix, slash, _ = key.partition("/")
    if slash and len(prefix) > _LONGEST_PREFIX:
        raise ValueError
    return key


LABEL_KEY = StringConstraints(strict=True, pattern=rf"^({SUBDOMAIN_PATTERN}/)?{_NAME}$")
"""What the key of a label is made of: a name of at most 63 characters, and a prefix or none."""
SHORT_PREFIX = AfterValidator(_short_prefix)
"""That the prefix of a key, which no pattern can count, has at most 253 characters."""
LABEL_VALUE = StringConstraints(strict=True, pattern=rf"^({_NAME})?$")
"""What the value of a label is made of, which may be empty."""

NodeLabelKey = Annotated[
    str, LABEL_KEY, SHORT_PREFIX, expected("the key of a node's label", "kubernetes.io/arch")
]
NodeLabelValue = Annotated[
    str, LABEL_VALUE, expected("the value of a node's label, as text", "amd64")
]
TaintKey = Annotated[
    str, LABEL_KEY, SHORT_PREFIX, expected("the key of a node's taint", "dedicated")
]
TaintValue = Annotated[str, LABEL_VALUE, expected("the value of a node's taint, as text", "nats")]
Seconds = Annotated[
    int,
    Field(strict=True, ge=0, le=2**31 - 1),
    expected("whole seconds, 0 or more, not in quotes", "30"),
]
PriorityClassName = Annotated[
    str, SUBDOMAIN, expected("the name of a PriorityClass", "tenant-servers")
]
