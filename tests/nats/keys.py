"""Keys that are made for a test and gone after it."""

import base64
import os
from dataclasses import dataclass
from typing import Any

import nkeys  # pyright: ignore[reportMissingTypeStubs]


@dataclass(frozen=True)
class Key:
    """A user's key: `public` for the inventory, `seed` for the client."""

    public: str
    seed: str

    def sign(self, nonce: str) -> str:
        """What a client answers to the nonce of a server."""
        pair: Any = nkeys.from_seed(bytearray(self.seed.encode()))
        return base64.b64encode(pair.sign(nonce.encode())).decode()


def new_key() -> Key:
    """A key that nobody has had before."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public: Any = nkeys.from_seed(bytearray(seed)).public_key
    return Key(public.decode(), seed.decode())
