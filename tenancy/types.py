"""The constrained values of an inventory, each named once.

Every type carries its constraint, the words that say what is expected, and an example of a right
value: the loader's reports, the JSON Schema and the documentation all come from here.
"""

from typing import Annotated, Any

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError


def expected(words: str, example: str) -> WrapValidator:
    """Say `words` and `example`, whatever it is in a value that does not fit.

    Args:
        words: what is expected, to follow "expected": "a whole number, 0 or more".
        example: a right value, as the file would have it.
    """

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError(
                "expected", "expected {words}", {"words": words, "example": example}
            ) from None

    return WrapValidator(validate)


_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LABEL_WORDS = "lower-case letters a-z, digits and inner hyphens"

TenantId = Annotated[
    str,
    StringConstraints(strict=True, pattern=_LABEL, max_length=55),
    expected(f"a tenant id of {_LABEL_WORDS}, at most 55 characters", "acme-corp"),
]
"""55 characters, so that the Service `nats-{tenant}-{number}` keeps to the 63 of a DNS label."""

NamespaceName = Annotated[
    str,
    StringConstraints(strict=True, pattern=_LABEL, max_length=63),
    expected(f"a namespace of {_LABEL_WORDS}, at most 63 characters", "acme-workers"),
]

SizeName = Annotated[
    str,
    StringConstraints(strict=True, pattern=_LABEL, max_length=63),
    expected(f"a size's name of {_LABEL_WORDS}, at most 63 characters", "large"),
]

Count = Annotated[
    int, Field(strict=True, ge=0), expected("a whole number, 0 or more, not in quotes", "42")
]

PositiveCount = Annotated[
    int, Field(strict=True, ge=1), expected("a whole number, 1 or more, not in quotes", "50")
]

InstanceCount = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=99)] | SkipJsonSchema[None],
    expected("a whole number from 1 to 99, not in quotes", "2"),
]
"""At most 99: two digits are what the names have room for. No file can say None: as needed."""

Cpu = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^([1-9][0-9]{0,3}|[1-9][0-9]{0,6}m)$"),
    expected('CPU cores or thousandths of one, as text ("2", 500m)', '"2"'),
]

Memory = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[1-9][0-9]{0,6}(Mi|Gi)$"),
    expected("memory in whole Mi or Gi", "4Gi"),
]

Payload = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[1-9][0-9]{0,6}(KB|MB)$"),
    expected("a size in whole KB or MB, as nats-server reads them (1 MB = 1024 KB)", "8MB"),
]

_BYTES = {"KB": 2**10, "MB": 2**20, "Mi": 2**20, "Gi": 2**30}


def millicores(cpu: str) -> int:
    """A `Cpu` in thousandths of a core: `"2"` → 2000, `"500m"` → 500."""
    return int(cpu.removesuffix("m")) * (1 if cpu.endswith("m") else 1000)


def in_bytes(amount: str) -> int:
    """A `Memory` or `Payload` in bytes: `"4Gi"` → 4294967296, `"8MB"` → 8388608."""
    return int(amount[:-2]) * _BYTES[amount[-2:]]
