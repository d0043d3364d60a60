"""Server keys: their scopes, and the caller of a request that has one."""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple, get_args

Scope = Literal["users", "conversations", "messages", "moderation", "webhooks", "import", "read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

KEY_PREFIX = "psk_"
# The key of the setting SERVER_API_KEY, which has no row.
ENVIRONMENT_KEY_ID = 0
ENVIRONMENT_KEY_NAME = "SERVER_API_KEY"


class ServerCaller(NamedTuple):
    """The key of a request from a host's server."""

    key_id: int
    name: str
    scopes: frozenset[str]

    def has_one_of(self, scopes: tuple[Scope, ...]) -> bool:
        return not self.scopes.isdisjoint(scopes)


def digest_of(key: str) -> bytes:
    """Returns the hash that is stored instead of a key. A fast one is enough: nobody can guess 32 random bytes."""
    return hashlib.sha256(key.encode()).digest()
