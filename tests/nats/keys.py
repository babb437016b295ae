"""Keys that are made for a test and gone after it."""

import os
from dataclasses import dataclass
from typing import Any

import nkeys  # pyright: ignore[reportMissingTypeStubs]


@dataclass(frozen=True)
class Key:
    """A user's key: `public` for the inventory, `seed` for the client."""

    public: str
    seed: str


def new_key() -> Key:
    """A key that nobody has had before."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public: Any = nkeys.from_seed(bytearray(seed)).public_key
    return Key(public.decode(), seed.decode())
