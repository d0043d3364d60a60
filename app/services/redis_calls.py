"""A store that does not answer is an answer too."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from app.core.errors import Overloaded

log = logging.getLogger("parley.redis")


@contextmanager
def asking_redis() -> Iterator[None]:
    """Turn any failure of Redis (away, starting, full, read-only) into Overloaded: the same call may succeed
    later.
    """
    try:
        yield
    except RedisError as error:
        log.warning("Redis does not answer: %s", type(error).__name__)
        raise Overloaded("Redis does not answer.", retry_after=1) from error
