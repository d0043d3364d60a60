"""The auth sessions that were logged out, as a copy in the process: checking a token costs no round trip.

Invariants:

* A logout is written to Postgres first, then to Redis, then sent to the gateways. If a logout was answered, it is in
  Postgres.
* An entry is kept until the last access token of its session expires. After that, the expiry itself refuses the token.
* The set in Redis carries a marker. If the marker is missing, Redis lost its data, and the set is restored from
  Postgres before any session counts as valid.
* After a time without Redis, the next load restores the set from Postgres: logouts of that time are missing in it.
* If ``load`` is not called regularly (a process without a gateway), each check reads Redis.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache

import redis

from app.core.errors import ParleyError

log = logging.getLogger(__name__)

# The copy in this process is valid for this long after a load. The gateway loads every 3 s, and adds published logouts
# at once.
FRESH_SECONDS = 12.0
MARKER = b"complete"
# An expired entry stays in Redis for this long, so that a process whose clock is ahead removes no entry that others
# need.
KEPT_SECONDS = 86400

_NAMESPACE = uuid.UUID("5d0c1f6e-9a86-4b43-8f0e-6f9a4c1d2b7a")


class RevokedSessions:
    """Callers check ``sid in revoked``. This raises redis-py's errors only if the copy is not fresh and Redis fails."""

    keeps_entries = True  # an entry stays until it expires, even if Redis has lost it

    def __init__(self, client: redis.Redis, key: str, from_store: Callable[[], Mapping[str, int]]) -> None:
        self._redis = client
        self._key = key
        self._from_store = from_store
        self._until: dict[str, int] = {}
        self._loaded_at = float("-inf")
        self._lock = threading.Lock()
        self._missed = False  # Redis did not answer, so it may lack logouts

    def __contains__(self, sid: str) -> bool:
        if sid in self._until:
            return True
        if time.monotonic() - self._loaded_at < FRESH_SECONDS:
            return False
        return self._is_revoked_in_redis(sid)

    def covers(self, sid: str, user_id: int) -> bool:
        """Returns whether this session was ended, or every session of its user."""
        return sid in self or all_sessions_of(user_id) in self

    def has_learned(self, sid: str, user_id: int) -> bool:
        """Does the same with the copy in this process. Never blocks, for sweeps over all sessions."""
        ended = self._until
        return bool(ended) and (sid in ended or all_sessions_of(user_id) in ended)

    def __len__(self) -> int:
        return len(self._until)

    def drop(self, sid: str) -> None:
        """Removes an entry from the copy."""
        self._until.pop(sid, None)

    def add(self, sid: str, expires_at: int | None = None) -> None:
        """Adds a published logout to the copy. Without ``expires_at`` it is kept until the next load reads the expiry
        from Redis.
        """
        self._until.setdefault(sid, int(time.time()) + 3600 if expires_at is None else expires_at)

    def announce(self, sid: str, expires_at: int) -> None:
        """Adds a logout to this copy, and to Redis for every process. Safe to repeat. If Redis fails, raises its error,
        and the next load adds the logout from Postgres.
        """
        self.add(sid, expires_at)
        try:
            self._redis.zadd(self._key, {sid: expires_at})
        except redis.RedisError:
            self._missed = True
            raise

    def load(self, *, from_store: bool = False) -> None:
        """Refreshes the copy from Redis, and from Postgres if ``from_store`` is set or Redis lost its data. Drops
        expired entries.

        Entries that are added during the load stay until they expire.
        """
        try:
            self._refresh(from_store=from_store)
        except redis.RedisError:
            self._missed = True
            raise
        self._loaded_at = time.monotonic()

    def _refresh(self, *, from_store: bool) -> None:
        now = int(time.time())
        found, marker = self._read(now)
        if from_store or marker is None:
            found |= self._restore(now)
        elif self._missed:
            found |= self._restore_missed(now)
        with self._lock:
            known = self._until | found if self.keeps_entries else found
            self._until = {sid: end for sid, end in known.items() if end > now}

    def _read(self, now: int) -> tuple[dict[str, int], float | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zremrangebyscore(self._key, "-inf", now - KEPT_SECONDS)
            pipeline.zrangebyscore(self._key, f"({now}", "(+inf", withscores=True)
            pipeline.zscore(self._key, MARKER)
            _, rows, marker = pipeline.execute()
        return {sid.decode(): int(end) for sid, end in rows}, marker

    def _restore_missed(self, now: int) -> dict[str, int]:
        """Returns nothing while Postgres does not answer: the next load tries again."""
        self._missed = False
        try:
            return self._restore(now)
        except ParleyError as error:
            self._missed = True
            log.warning("logouts will be restored later: %s", error.message)
            return {}

    def _restore(self, now: int) -> dict[str, int]:
        stored = {sid: end for sid, end in self._from_store().items() if end > now}
        self._redis.zadd(self._key, {**stored, MARKER: float("inf")})
        return stored

    def _is_revoked_in_redis(self, sid: str) -> bool:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zscore(self._key, sid)
            pipeline.zscore(self._key, MARKER)
            end, marker = pipeline.execute()
        if (
            marker is None
        ):  # not ``load``: in this process nobody adds later logouts, so the copy must not count as fresh
            self._refresh(from_store=True)
            return sid in self._until
        return end is not None and end > time.time()


@lru_cache(maxsize=50_000)
def all_sessions_of(user_id: int) -> str:
    """Returns the entry that revokes every auth session of this user, including those of an external issuer, whose
    sessions are listed nowhere.
    """
    return str(uuid.uuid5(_NAMESPACE, str(user_id)))
