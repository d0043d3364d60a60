"""Many small operations in few round trips: while one batch is under way, the next one collects.

There is no timer. A single operation leaves at once. Under load, a batch holds everything that arrived during the last
round trip. Outcomes arrive by callback, in order, so that no operation needs a greenlet to wait in.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from redis.exceptions import RedisError

from app.core.errors import Internal, Overloaded, ParleyError
from app.redis_calls import EpochLostError

Operation = Any
Outcome = Callable[[Any, ParleyError | None], None]
Item = tuple[Operation, Outcome, float]  # with the time of its submission

LATE_EVERY_SECONDS = 0.25
RUN_SECONDS = 10.0

log = logging.getLogger(__name__)


class Batcher:
    """Runs operations through ``call``, at most ``max_batch`` at a time, one batch under way.

    ``call`` returns one result per operation; a ParleyError among them is the outcome of its operation. ``call`` must
    be safe to repeat: after a broken connection, nobody can tell whether a batch was carried out, so it is sent again.
    ``patience`` seconds after an operation was submitted, its outcome is Overloaded, even if a call with it hangs (it
    may still be carried out, as after a broken connection). The queue is bounded by ``bound``;
    if it is full, ``submit`` answers Overloaded at once. ``recover`` is called if Redis has no epoch, and
    ``after_batch`` after each batch.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[list[Operation]], list[Any]],
        *,
        recover: Callable[[], None],
        after_batch: Callable[[], None] = lambda: None,
        max_batch: int = 256,
        bound: int = 20_000,
        patience: float = 5.0,
    ) -> None:
        self.name = name
        self._call = call
        self._recover = recover
        self._after_batch = after_batch
        self._max_batch = max_batch
        self._bound = bound
        self._patience = patience
        self._waiting: deque[Item] = deque()
        self._under_way: list[Item] = []
        self._answered = 0  # the number of operations of the batch under way that have their outcome
        self._submitted = Event()
        self._greenlets: list[gevent.Greenlet] = []

    def start(self) -> None:
        self._greenlets = [gevent.spawn(self._run), gevent.spawn(self._watch)]

    def stop(self) -> None:
        gevent.killall(self._greenlets)

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, operation: Operation, outcome: Outcome, /) -> None:
        """Queues one operation. Calls ``outcome(result, None)`` or ``outcome(None, error)`` later; before it returns
        only if the queue is full.
        """
        if len(self._waiting) >= self._bound:
            outcome(None, Overloaded(retry_after=1.0))
            return
        self._waiting.append((operation, outcome, time.monotonic()))
        if len(self._waiting) == 1:
            self._submitted.set()

    def withdraw(self, wanted: Callable[[Operation], bool], /) -> list[tuple[Operation, Outcome]]:
        """Withdraws operations that have not left yet, and returns them in order."""
        taken = [(operation, outcome) for operation, outcome, _ in self._waiting if wanted(operation)]
        if taken:
            self._waiting = deque(item for item in self._waiting if not wanted(item[0]))
        return taken

    def run(self, operation: Operation) -> Any:
        """Queues one operation and returns its result. Blocks. Raises the outcome's error, and Overloaded after
        ``RUN_SECONDS`` without an outcome.
        """
        return self.begin(operation)()

    def begin(self, operation: Operation) -> Callable[[], Any]:
        """Queues one operation. Returns a function that does the rest of ``run``."""
        result = AsyncResult()

        def outcome(value: Any, error: ParleyError | None) -> None:
            result.set_exception(error) if error else result.set(value)

        def wait() -> Any:
            try:
                return result.get(timeout=RUN_SECONDS)
            except gevent.Timeout:  # not an Exception, so handlers of exceptions would not catch it
                raise Overloaded(retry_after=2.0) from None

        self.submit(operation, outcome)
        return wait

    def _run(self) -> None:
        while True:
            if not self._waiting:
                self._submitted.clear()
                self._submitted.wait()
            self._under_way = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
            self._carry_out()

    def _carry_out(self) -> None:
        pause = 0.02
        while batch := self._under_way:
            try:
                results = self._call([operation for operation, _, _ in batch])
            except EpochLostError:
                self._try_recover()
            except RedisError as error:
                log.warning("%s: Redis does not answer (%s)", self.name, type(error).__name__)
            except ParleyError as error:
                log.warning("%s: %s (%r)", self.name, error.message, error.__cause__)
                self._fail(self._take_under_way(), error)
                return
            except Exception:
                log.exception("%s: a batch of %d failed", self.name, len(batch))
                self._fail(self._take_under_way(), Internal())
                return
            else:
                results = results[self._answered :]
                for (_, outcome, _), result in zip(self._take_under_way(), results, strict=True):
                    if isinstance(result, ParleyError):
                        self._settle(outcome, None, result)
                    else:
                        self._settle(outcome, result, None)
                self._after_batch()
                return
            self._answer_late()
            self._under_way = self._take_under_way()
            gevent.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _take_under_way(self) -> list[Item]:
        """Returns the operations of the batch under way that have no outcome yet."""
        left = self._under_way[self._answered :]
        self._under_way, self._answered = [], 0
        return left

    def _try_recover(self) -> None:
        try:
            self._recover()
        except ParleyError:
            log.warning("%s: no new epoch yet, Postgres does not answer", self.name)
        except RedisError as error:
            log.warning("%s: no new epoch yet (%s)", self.name, type(error).__name__)

    def _watch(self) -> None:
        while True:
            self._submitted.wait()
            gevent.sleep(LATE_EVERY_SECONDS)
            self._answer_late()

    def _answer_late(self) -> None:
        """Fails the operations whose patience has ended, although the call with them may still be under way."""
        deadline = time.monotonic() - self._patience
        late = [item for item in self._under_way[self._answered :] if item[2] < deadline]
        self._answered += len(late)  # operations are in the order of their submission, so the late ones come first
        while self._waiting and self._waiting[0][2] < deadline:
            late.append(self._waiting.popleft())
        self._fail(late, Overloaded(retry_after=2.0))

    def _fail(self, batch: list[Item], error: ParleyError) -> None:
        for _, outcome, _ in batch:
            self._settle(outcome, None, error)

    def _settle(self, outcome: Outcome, result: Any, error: ParleyError | None) -> None:
        try:
            outcome(result, error)
        except Exception:
            log.exception("%s: the handler of an outcome failed", self.name)
