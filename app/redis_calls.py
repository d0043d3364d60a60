"""A store that does not answer is an answer too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import RedisError

from app.core.errors import Overloaded

T = TypeVar("T")

log = logging.getLogger("parley.redis")


def asking(call: Callable[[], T]) -> T:
    """A lone call to Redis. Any failure of it (away, starting, full, read-only) is Overloaded: the same call may
    succeed later.
    """
    try:
        return call()
    except RedisError as error:
        log.warning("Redis does not answer: %s", type(error).__name__)
        raise Overloaded("Redis does not answer.", retry_after=1) from error
