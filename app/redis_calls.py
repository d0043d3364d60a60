"""Turns failures of Redis into errors for callers."""

from __future__ import annotations

import logging
from types import TracebackType

from redis.exceptions import RedisError

from app.core.errors import Overloaded

log = logging.getLogger("parley.redis")


class EpochLostError(Exception):
    """Redis answers but holds no epoch: it lost its data. A new epoch must begin before anything is decided."""


def redis_is_away() -> Overloaded:
    """Returns the error for callers if Redis, or the Redis of a shard, does not answer."""
    return Overloaded("Redis does not answer.", retry_after=1)


class _RedisErrorsAsOverloaded:
    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, RedisError):
            log.warning("Redis does not answer: %s", type(error).__name__)
            raise redis_is_away() from error


_AS_OVERLOADED = _RedisErrorsAsOverloaded()


def redis_errors_as_overloaded() -> _RedisErrorsAsOverloaded:
    """Returns a context manager that turns every RedisError of its block (unreachable, starting, full, read-only) into
    Overloaded: the same call may succeed later.
    """
    return _AS_OVERLOADED
