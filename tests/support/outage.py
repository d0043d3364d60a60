"""Calls that fail for a moment, while a connection finds the server that has taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import redis

from dev.processes import wait_until
from tests.support.patience import PATIENCE

T = TypeVar("T")


def after_outage(call: Callable[[], T]) -> T:
    """Returns the result of the first call that does not raise ConnectionError."""

    def attempt() -> list[T] | None:
        try:
            return [call()]
        except redis.ConnectionError:
            return None

    [result] = wait_until(attempt, PATIENCE, "an answer of the new server")
    return result
