"""Runs work later, or regularly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent
from redis.exceptions import RedisError

from app.core.errors import ParleyError
from app.message_log.epoch import EpochBeginsError

log = logging.getLogger(__name__)


def call_later(seconds: float, act: Callable[[], None]) -> Any:
    """Starts a timer of the event loop and returns it. ``act`` must not block. The timer ends with its last reference,
    or by its ``stop()``.
    """
    timer = gevent.get_hub().loop.timer(seconds)
    timer.start(act)
    return timer


class Timers:
    """Runs functions regularly, each in a greenlet of its own. They may block."""

    def __init__(self) -> None:
        self._work: list[tuple[float, Callable[[], object]]] = []
        self._greenlets: list[gevent.Greenlet] = []

    def add(self, seconds: float, act: Callable[[], object]) -> None:
        """Runs ``act`` when the timers start, and again ``seconds`` after each run."""
        self._work.append((seconds, act))

    def start(self) -> None:
        self._greenlets = [gevent.spawn(_run_regularly, seconds, act) for seconds, act in self._work]


def _run_regularly(seconds: float, act: Callable[[], object]) -> None:
    name = getattr(act, "__qualname__", repr(act))
    while True:
        try:
            act()
        except EpochBeginsError:  # as at the first start, when each process finds Redis empty
            log.info("%s is repeated in %g s, because another process is beginning an epoch", name, seconds)
        except (RedisError, ParleyError) as error:
            log.warning("%s failed and is repeated in %g s: %s", name, seconds, type(error).__name__)
        except Exception:
            log.exception("%s failed", name)
        gevent.sleep(seconds)
