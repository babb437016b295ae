"""What one value of a setting may be, in words and with an example."""

from typing import Annotated

from pydantic import Field, StringConstraints

from controlplane.roles import NAME, NAME_WORDS, PREFIX
from tenancy.defaults import IMAGE
from tenancy.inventory.types import expected

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
MostInstances = Annotated[int, Field(ge=1), expected("a whole number, 1 or more", "100")]
Flag = Annotated[bool, expected("true or false", "true")]
DatabaseName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][-A-Za-z0-9_]{0,62}$"),
    expected("the name of the database that has the tables", "platform"),
]
_LABEL_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LabelKey = Annotated[
    str,
    StringConstraints(pattern=rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_PART}$"),
    expected("the key of a Kubernetes label", "release"),
]
LabelValue = Annotated[
    str,
    StringConstraints(pattern=f"^({_LABEL_PART})?$"),
    expected("the value of a Kubernetes label, as text", "kube-prometheus-stack"),
]
StatusWord = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][-A-Za-z0-9_ ]{0,62}$"),
    expected("a status as the platform's table has it", "terminating"),
]
Identifier = Annotated[
    str,
    StringConstraints(pattern=f"^{NAME}$"),
    expected(NAME_WORDS, PREFIX),
]
