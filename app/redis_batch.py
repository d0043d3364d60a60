"""Many small operations, few round trips: while one batch is on its way, the next one gathers.

There is no timer: a lone operation leaves at once, and under load a batch is whatever came in during the last round
trip. Outcomes come back by callback, in order, so that nobody needs a greenlet to wait in.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from redis.exceptions import RedisError

from app.core.errors import Internal, Overloaded, ParleyError

Operation = Any
Outcome = Callable[[Any, ParleyError | None], None]

log = logging.getLogger(__name__)


class EpochLostError(Exception):
    """Redis answers but has no epoch: it lost its data, and a new epoch must begin before anything is decided."""


class Batcher:
    """Runs operations through ``call``, at most ``most`` at a time, one batch under way.

    ``call`` gives one result an operation; a ParleyError among them is that operation's outcome. It must be safe to
    repeat: after a broken connection nobody knows whether a batch was carried out, and it is sent again until
    ``patience`` seconds after an operation was submitted; then its outcome is Overloaded. The queue is bounded by
    ``bound``; past it ``submit`` answers Overloaded at once.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[list[Operation]], list[Any]],
        *,
        recover: Callable[[], None],
        after: Callable[[], None] = lambda: None,
        most: int = 256,
        bound: int = 20_000,
        patience: float = 5.0,
    ) -> None:
        self.name = name
        self._call = call
        self._recover = recover
        self._after = after
        self._most = most
        self._bound = bound
        self._patience = patience
        self._waiting: deque[tuple[Operation, Outcome, float]] = deque()
        self._something = Event()
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, operation: Operation, outcome: Outcome) -> None:
        """Queue one operation. ``outcome(result, None)`` or ``outcome(None, error)`` is called later, never from here,
        but for a full queue."""
        if len(self._waiting) >= self._bound:
            outcome(None, Overloaded(retry_after=1.0))
            return
        self._waiting.append((operation, outcome, time.monotonic()))
        if len(self._waiting) == 1:
            self._something.set()

    def withdraw(self, wanted: Callable[[Operation], bool]) -> list[tuple[Operation, Outcome]]:
        """Take back, in order, what was submitted and has not left yet."""
        taken = [(operation, outcome) for operation, outcome, _ in self._waiting if wanted(operation)]
        if taken:
            self._waiting = deque(item for item in self._waiting if not wanted(item[0]))
        return taken

    def ask(self, operation: Operation, timeout: float = 10.0) -> Any:
        """Queue one operation and wait for its result, in a greenlet that may block. Raise the outcome's error, and
        Overloaded where there is none within ``timeout`` seconds."""
        answer = gevent.event.AsyncResult()

        def outcome(result: Any, error: ParleyError | None) -> None:
            answer.set_exception(error) if error else answer.set(result)

        self.submit(operation, outcome)
        try:
            return answer.get(timeout=timeout)
        except gevent.Timeout:  # not an Exception: whoever handles those would not see it
            raise Overloaded(retry_after=2.0) from None

    def _run(self) -> None:
        while True:
            if not self._waiting:
                self._something.clear()
                self._something.wait()
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            self._carry_out(batch)

    def _carry_out(self, batch: list[tuple[Operation, Outcome, float]]) -> None:
        pause = 0.02
        while batch:
            try:
                results = self._call([operation for operation, _, _ in batch])
            except EpochLostError:
                self._try_recover()
            except RedisError as error:
                log.warning("%s: Redis does not answer (%s)", self.name, type(error).__name__)
            except ParleyError as error:
                log.warning("%s: %s (%r)", self.name, error.message, error.__cause__)
                self._fail(batch, error)
                return
            except Exception:
                log.exception("%s: a batch of %d failed", self.name, len(batch))
                self._fail(batch, Internal())
                return
            else:
                for (_, outcome, _), result in zip(batch, results, strict=True):
                    if isinstance(result, ParleyError):
                        self._tell(outcome, None, result)
                    else:
                        self._tell(outcome, result, None)
                self._after()
                return
            batch = self._drop_late(batch)
            gevent.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _try_recover(self) -> None:
        try:
            self._recover()
        except ParleyError:
            log.warning("%s: no new epoch yet, Postgres does not answer", self.name)
        except RedisError as error:
            log.warning("%s: no new epoch yet (%s)", self.name, type(error).__name__)

    def _drop_late(self, batch: list[tuple[Operation, Outcome, float]]) -> list[tuple[Operation, Outcome, float]]:
        deadline = time.monotonic() - self._patience
        late = [item for item in batch if item[2] < deadline]
        self._fail(late, Overloaded(retry_after=2.0))
        while self._waiting and self._waiting[0][2] < deadline:
            self._fail([self._waiting.popleft()], Overloaded(retry_after=2.0))
        return [item for item in batch if item[2] >= deadline]

    def _fail(self, batch: list[tuple[Operation, Outcome, float]], error: ParleyError) -> None:
        for _, outcome, _ in batch:
            self._tell(outcome, None, error)

    def _tell(self, outcome: Outcome, result: Any, error: ParleyError | None) -> None:
        try:
            outcome(result, error)
        except Exception:
            log.exception("%s: an outcome was not handled", self.name)
