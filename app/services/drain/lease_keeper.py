"""Keeps a drain's lease while the drain waits for Postgres.

A batch may take longer than the lease lasts. If the lease expired during the batch, another drain would begin. Each
would then wait for the row lock of the other and take it for dead, and nothing would be acked.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType

from redis.exceptions import RedisError

# If a step of a drain takes longer than this, the drain has hung, and another one takes over.
MAX_STEP_SECONDS = 60.0


class LeaseKeeper:
    """Calls ``renew`` in a thread every so many seconds during each step, until the step has taken ``at_most_seconds``.

    The thread stops with its process: the lease of a drain that is killed or frozen expires as it should.
    """

    def __init__(
        self, renew: Callable[[], object], every_seconds: float, at_most_seconds: float = MAX_STEP_SECONDS
    ) -> None:
        self._renew = renew
        self._every = every_seconds
        self._at_most = at_most_seconds
        self._began: float | None = None  # the current step; None between steps
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin_step(self) -> None:
        self._began = time.monotonic()

    def end_step(self) -> None:
        self._began = None

    def __enter__(self) -> None:
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        self._thread.start()

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            began = self._began
            if began is not None and time.monotonic() - began < self._at_most:
                with contextlib.suppress(RedisError):  # the drain finds out by itself
                    self._renew()
