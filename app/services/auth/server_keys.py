"""Recognises the server keys of requests, and manages keys for operators."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence

from sqlalchemy import Engine

from app.core.errors import Conflict, Invalid, NotFound, RateLimited, Unauthorized
from app.core.keyed_rate import KeyedRate
from app.core.names import is_plain
from app.core.server_keys import (
    ENVIRONMENT_KEY_ID,
    ENVIRONMENT_KEY_NAME,
    KEY_PREFIX,
    SCOPES,
    Scope,
    ServerCaller,
    digest_of,
)
from app.services.audit.record import record
from app.store import server_keys as store
from app.store.engine import autocommit, reading, writing

# A revoked key is refused everywhere after this time.
FRESH_SECONDS = 2.0
# Look-ups of unknown keys per second and network, in each web process. Nobody guesses a key, but each try is a query.
WRONG_KEYS_PER_SECOND, WRONG_KEYS_AT_ONCE = 5.0, 100
MAX_CACHED = 1000
MAX_NAME = 64


class ServerKeys:
    """Recognises server keys. Remembers valid ones for ``FRESH_SECONDS``, so most requests need no query."""

    def __init__(self, *, engine: Engine, environment_key: str) -> None:
        self._engine = engine
        self._environment = digest_of(environment_key) if environment_key else None
        self._known: OrderedDict[bytes, tuple[float, ServerCaller]] = OrderedDict()
        self._wrong = KeyedRate(WRONG_KEYS_PER_SECOND, WRONG_KEYS_AT_ONCE)

    def verify(self, key: str, network: str) -> ServerCaller:
        """Returns the caller who has this key. Raises Unauthorized for an unknown or revoked one, RateLimited if the
        network tries too many of them, and Overloaded if Postgres does not answer.
        """
        digest = digest_of(key)
        if self._environment is not None and hmac.compare_digest(digest, self._environment):
            return ServerCaller(ENVIRONMENT_KEY_ID, ENVIRONMENT_KEY_NAME, frozenset(SCOPES))
        checked_at, caller = self._known.get(digest, (float("-inf"), None))
        if caller is None or time.monotonic() - checked_at > FRESH_SECONDS:
            caller = self._look_up(key, digest, network)
        return caller

    def _look_up(self, key: str, digest: bytes, network: str) -> ServerCaller:
        now = time.monotonic()
        found = self._find(digest, network, now) if key.startswith(KEY_PREFIX) else None
        if found is None:
            self._known.pop(digest, None)
            raise Unauthorized("This is not a valid server key.")
        caller = ServerCaller(found.id, found.name, frozenset(found.scopes))
        self._known[digest] = now, caller
        self._known.move_to_end(digest)
        while len(self._known) > MAX_CACHED:
            self._known.popitem(last=False)
        return caller

    def _find(self, digest: bytes, network: str, now: float) -> store.StoredKey | None:
        wait = self._wrong.next_delay(network, now)
        if wait and digest not in self._known:
            raise RateLimited(retry_after=max(1, round(wait)))
        with autocommit(self._engine) as conn:
            found = store.find_key(conn, digest)
            if found is not None:
                store.note_use(conn, found.id)
        if found is None:
            self._wrong.delay(network, now)
        return found


def create_key(name: str, scopes: Sequence[Scope], *, engine: Engine) -> str:
    """Returns a new key, with every scope if none are given. Only its hash is stored.

    Raises Invalid for a name that does not show, Conflict if the name was used before.
    """
    if len(name) > MAX_NAME or not is_plain(name):
        raise Invalid.field("name", f"1 to {MAX_NAME} visible characters")
    key = _new_key()
    given = [scope for scope in SCOPES if scope in scopes or not scopes]
    with writing(engine) as conn:
        if not store.insert_key(conn, name, digest_of(key), given):
            raise Conflict(f"A server key named {name} exists or has existed.")
        record(conn, "server_key.created", serverKey=name, scopes=given)
    return key


def revoke_key(name: str, *, engine: Engine) -> None:
    """Revokes a key. Raises NotFound if no valid key has this name."""
    with writing(engine) as conn:
        if not store.revoke_key(conn, name):
            raise NotFound(f"There is no valid server key named {name}.")
        record(conn, "server_key.revoked", serverKey=name)


def rotate_key(name: str, *, engine: Engine) -> str:
    """Returns a new key with the same name and scopes; the old one is revoked. Raises NotFound as ``revoke_key``."""
    key = _new_key()
    with writing(engine) as conn:
        if not store.replace_hash(conn, name, digest_of(key)):
            raise NotFound(f"There is no valid server key named {name}.")
        record(conn, "server_key.rotated", serverKey=name)
    return key


def list_keys(*, engine: Engine) -> list[store.StoredKey]:
    with reading(engine) as conn:
        return store.list_keys(conn)


def _new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)
