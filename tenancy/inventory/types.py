"""The constrained values of an inventory, each named once.

Every type carries its constraint, the words that say what is expected, and an example of a right
value: the loader's reports, the JSON Schema and the documentation all come from here.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from tenancy.inventory import nkeys


@dataclass(frozen=True)
class Expectation:
    """The message for a value that does not fit, whatever the reason."""

    words: str
    """What is expected, to follow "expected": "a whole number, 0 or more"."""
    example: str
    """A right value, as the file would have it."""

    def __call__(self, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        """Validate with `handler`, and report a failure in these words."""
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError(
                "expected", "expected {words}", {"words": self.words, "example": self.example}
            ) from None


def expected(words: str, example: str) -> WrapValidator:
    """Report `words` and `example` for a value that does not fit; see `Expectation`."""
    return WrapValidator(Expectation(words, example))


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

SUBDOMAIN_PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LONGEST_SUBDOMAIN = 253
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
SUBDOMAIN = StringConstraints(
    strict=True, pattern=rf"^{SUBDOMAIN_PATTERN}$", max_length=_LONGEST_SUBDOMAIN
)
"""What the names of most Kubernetes objects are made of."""

SecretName = Annotated[
    str,
    SUBDOMAIN,
    expected(
        f"the name of a Secret, {_LABEL_WORDS} and dots, at most {_LONGEST_SUBDOMAIN} characters",
        "acme-nats-tls",
    ),
]


_LONGEST_CLUSTER_DOMAIN = 121
"""What the longest name of a Service and of a namespace leave of the 253 characters of a name."""

ClusterDomain = Annotated[
    str,
    StringConstraints(
        strict=True,
        pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*$",
        max_length=_LONGEST_CLUSTER_DOMAIN,
    ),
    expected(
        "the DNS domain of the cluster's Services, in lower case, without a dot at either end, at "
        f"most {_LONGEST_CLUSTER_DOMAIN} characters",
        "cluster.local",
    ),
]


def _short_name(service_account: str) -> str:
    if len(service_account.partition("/")[2]) > _LONGEST_SUBDOMAIN:
        raise ValueError
    return service_account


ServiceAccount = Annotated[
    str,
    StringConstraints(
        strict=True, pattern=rf"^[a-z0-9]([-a-z0-9]{{0,61}}[a-z0-9])?/{SUBDOMAIN_PATTERN}$"
    ),
    AfterValidator(_short_name),
    expected("a Kubernetes service account as namespace/name", "acme-workers/importer"),
]


def _user_key(value: Any, handler: ValidatorFunctionWrapHandler) -> str:
    context = {"example": nkeys.EXAMPLE}
    if isinstance(value, str) and nkeys.may_be_secret(value):
        words = (
            "this may be a seed, which is a secret and is not repeated here; if it is one, make "
            "another key, since a seed in a file is out, and write the public key, U and 55 more"
        )
        raise PydanticCustomError("secret", words, context)
    key: str = handler(value)
    if not nkeys.is_user_key(key):
        words = "its checksum is wrong: a character is lost or mistyped; copy the key again"
        raise PydanticCustomError("expected", words, context)
    return key


UserKey = Annotated[
    str,
    StringConstraints(strict=True, pattern=nkeys.PATTERN),
    expected("a public user key, U and 55 more of A-Z and 2-7", nkeys.EXAMPLE),
    WrapValidator(_user_key),
]
"""The public half of an nkey of type user."""

# Printable ASCII, without the space, ", $, *, ., > and \.
_IN_TOKENS = r"!#%-)+-\-/-=?-\[\]-~"
_SUBJECT = rf"(\*|[{_IN_TOKENS}][${_IN_TOKENS}]*)(\.(\*|[${_IN_TOKENS}]+))*(\.>)?"


def _no_seed(subject: str) -> str:
    if nkeys.has_seed(subject):
        raise ValueError
    return subject


Subject = Annotated[
    str,
    StringConstraints(strict=True, pattern=rf"^(>|{_SUBJECT})$", max_length=255),
    AfterValidator(_no_seed),
    expected(
        "a subject: tokens between dots, at most 255 characters, without spaces, quotes or a "
        "leading $; `*` stands for one token, a last `>` for all that follow",
        "orders.*.created",
    ),
]
"""A NATS subject that the configuration need not escape and that is not the server's own."""

Count = Annotated[
    int, Field(strict=True, ge=0), expected("a whole number, 0 or more, not in quotes", "42")
]

PositiveCount = Annotated[
    int, Field(strict=True, ge=1), expected("a whole number, 1 or more, not in quotes", "50")
]

MOST_INSTANCES = 99
"""The most instances of one tenant: names have room for two digits."""

InstanceCount = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=MOST_INSTANCES)] | SkipJsonSchema[None],
    expected(f"a whole number from 1 to {MOST_INSTANCES}, not in quotes", "2"),
]
"""None, which no file can say, means as many as are needed."""

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


def whole(value: object) -> object:
    """A number by its digits, since the engine passes settings as text; no other text is one."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and value[0] != "0":
        return int(value)
    return value


MostInstances = Annotated[
    int,
    Field(strict=True, ge=1),
    BeforeValidator(whole),
    expected("a whole number, 1 or more", "100"),
]

_AMOUNT = r"^[1-9][0-9]{0,6}(KB|MB)$"
_AMOUNT_WORDS = "a size in whole KB or MB, as nats-server reads them (1 MB = 1024 KB)"

Payload = Annotated[
    str, StringConstraints(strict=True, pattern=_AMOUNT), expected(_AMOUNT_WORDS, "8MB")
]

PendingAmount = Annotated[
    Annotated[str, StringConstraints(strict=True, pattern=_AMOUNT)] | SkipJsonSchema[None],
    expected(_AMOUNT_WORDS, "16MB"),
]
"""None, which no file can say, means that it follows from the other fields of the size."""

_BYTES = {"KB": 2**10, "MB": 2**20, "Mi": 2**20, "Gi": 2**30}


def millicores(cpu: str) -> int:
    """A `Cpu` in thousandths of a core: `"2"` → 2000, `"500m"` → 500."""
    return int(cpu.removesuffix("m")) * (1 if cpu.endswith("m") else 1000)


def in_bytes(amount: str) -> int:
    """A `Memory` or `Payload` in bytes: `"4Gi"` → 4294967296, `"8MB"` → 8388608."""
    return int(amount[:-2]) * _BYTES[amount[-2:]]
