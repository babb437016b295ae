"""What one value of a setting may be, in words and with an example."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from controlplane.roles import NAME, NAME_WORDS, PREFIX
from tenancy.cells import CELL
from tenancy.defaults import IMAGE
from tenancy.inventory.scheduling import LABEL_KEY, LABEL_VALUE, SHORT_PREFIX
from tenancy.inventory.types import expected, whole

_TAG = r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
Image = Annotated[
    str,
    StringConstraints(pattern=rf"^[a-z0-9][-a-z0-9._:/]*:{_TAG}(@sha256:[0-9a-f]{{64}})?$"),
    expected("an image with a tag and, at best, a digest", IMAGE),
]
Duration = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,3}(s|m)$"),
    expected("a time in whole seconds or minutes", "3m"),
]
Pause = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,3})s$"),
    expected("a time in whole seconds", "30s"),
]
Flag = Annotated[bool, expected("true or false", "true")]
DatabaseName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][-A-Za-z0-9_]{0,62}$"),
    expected("the name of the database that has the tables", "platform"),
]
LabelKey = Annotated[
    str, LABEL_KEY, SHORT_PREFIX, expected("the key of a Kubernetes label", "release")
]
LabelValue = Annotated[
    str,
    LABEL_VALUE,
    expected("the value of a Kubernetes label, as text", "kube-prometheus-stack"),
]


def _user(value: object) -> object:
    """The user that a stack names; None where it leaves the user to the platform."""
    if value is None:
        raise ValueError
    return None if value == "none" else whole(value)


RunAsUser = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)] | None,
    BeforeValidator(_user),
    expected("the number of a user, 1 or more, or none to leave it to the platform", "1000"),
]
CellName = Annotated[
    str,
    StringConstraints(pattern=f"^{CELL}$"),
    expected("the name of a cell: lower-case letters, digits and hyphens, at most 20", "eu"),
]
Identifier = Annotated[
    str,
    StringConstraints(pattern=f"^{NAME}$"),
    expected(NAME_WORDS, PREFIX),
]
