"""Counts wrong passwords and codes, each with its own delay before the next try (app/core/guessing.py)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from app.core.errors import Forbidden, RateLimited, Unauthorized
from app.core.guessing import DELAYS_SECONDS, free_failures
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded
from app.redis_scripts import script
from app.services.auth.rate_limit import digest

HOUR_MS = 3600 * 1000
WRONG = Unauthorized, Forbidden


class FailureCounter:
    """``attempts_per_minute`` 0 is no limit."""

    def __init__(self, *, redis: Redis, attempts_per_minute: int) -> None:
        self._begin_try = script(redis, "app.message_log", "begin_try")
        self._redis = redis
        self._attempts = attempts_per_minute

    @contextmanager
    def trying(self, *counts: str, forget_ms: int = HOUR_MS) -> Iterator[None]:
        """The block checks one password or code. If it raises Unauthorized or Forbidden, that is a failure in each of
        ``counts``. If it succeeds, earlier failures are forgotten.

        Raises RateLimited with ``retryAfter`` while one of the counts delays, and Overloaded without Redis.
        """
        with ExitStack() as stack:
            for count in counts if self._attempts else ():
                stack.enter_context(self._counted(keys.password_failures(digest(count)), forget_ms))
            yield

    @contextmanager
    def _counted(self, key: str, forget_ms: int) -> Iterator[None]:
        self.begin(key, forget_ms)
        try:
            yield
        except WRONG:
            raise
        except Exception:
            self._take_back(key, forget_ms)  # nothing was checked
            raise
        self._forget(key)

    def begin(self, key: str, forget_ms: int = HOUR_MS) -> None:
        delays = (seconds * 1_000_000 for seconds in DELAYS_SECONDS)
        with redis_errors_as_overloaded():
            wait = int(self._begin_try(keys=[key], args=[free_failures(self._attempts), forget_ms, *delays]))
        if wait > 0:
            raise RateLimited(retry_after=math.ceil(wait / 1_000_000))

    def _take_back(self, key: str, forget_ms: int) -> None:
        with suppress(RedisError), self._redis.pipeline() as pipe:
            pipe.hincrby(key, "n", -1)
            pipe.pexpire(key, forget_ms)
            pipe.execute()

    def _forget(self, key: str) -> None:
        with suppress(RedisError):
            self._redis.delete(key)
