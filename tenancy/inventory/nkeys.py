"""Public user keys of NATS, and how to keep secret ones out of every report.

A client proves who it is by signing with its seed (`SU…`); the server needs only the public key
(`U…`). A public key is a type, 32 bytes and a CRC-16, in base32, which the standard library reads;
the library `nkeys` signs, but cannot check a key.
"""

import re
from base64 import b32decode
from binascii import crc_hqx

EXAMPLE = "UCR5XZBQPY4AKLCYM3GSR52CJBMDEWSDCIU5IDI6DNYVYIYRTPYJ4LEV"
"""A valid key; nobody has kept its seed."""

PATTERN = r"^U[A-D][A-Z2-7]{54}$"
"""The type is the first byte: the first character, and the first three bits of the second."""

_LONGEST_FRAGMENT = 20
_SEED = re.compile(r"(?<![A-Z2-7])S[A-Z2-7]{40,}")


def is_user_key(text: str) -> bool:
    """Whether `text` has the type, the length and the checksum of a public user key."""
    if not re.fullmatch(PATTERN, text):
        return False
    key = b32decode(text)
    return crc_hqx(key[:-2], 0) == int.from_bytes(key[-2:], "little")


def may_be_secret(text: str) -> bool:
    """Whether `text`, written in place of a public key, may be a seed, or most of one."""
    looks_public = text.startswith("U") and len(text) <= len(EXAMPLE)
    return len(text) >= _LONGEST_FRAGMENT and not looks_public


def has_seed(text: str) -> bool:
    """Whether any part of `text` looks like a seed."""
    return _SEED.search(text) is not None


def without_seeds(text: str) -> str:
    """`text` with `S...` in place of each part that looks like a seed."""
    return _SEED.sub("S...", text)
