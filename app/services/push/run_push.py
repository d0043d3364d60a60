"""The push runner: decides about pending rows while one lane per provider sends the queued notifications.

There is one at a time (app/fanout/leased_run.py).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from redis import Redis
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.fanout.leased_run import LeasedRun, seconds_until
from app.fanout.runner_signal import push_signal
from app.services.push.plan_notifications import MAX_CLAIM, plan_notifications
from app.services.push.push_providers import MadeProvider, Providers
from app.services.push.send_push import Lane
from app.store.engine import reading, writing
from app.store.pending_pushes import next_due_ms
from app.store.push_deliveries import reassign

log = logging.getLogger(__name__)

LINGER_SECONDS = 10.0
STAY_FOR_MS = 15_000
# Time limit for requests in flight when the process stops. No request takes longer than 10 s.
END_SECONDS = 11.0


class PushRunner:
    """``redis`` is a client with a single connection and a socket timeout longer than a second.

    ``stopping`` returns True once this process should end. ``alive`` is called at least every few seconds. ``counted``
    is described at Lane.
    """

    def __init__(
        self,
        engine: Engine,
        redis: Redis,
        providers: Providers,
        settings: Settings,
        *,
        stopping: Callable[[], bool],
        alive: Callable[[], None],
        counted: Counter[str],
    ) -> None:
        self._engine = engine
        self._redis = redis
        self._providers = providers
        self._settings = settings
        self._alive = alive
        self._leased = LeasedRun(
            push_signal,
            redis,
            stopping=stopping,
            each_second=self._each_second,
            stay_for_ms=STAY_FOR_MS,
            linger_seconds=LINGER_SECONDS,
        )
        self._lanes = [self._lane(made, counted) for made in providers.made]

    def _lane(self, made: MadeProvider, counted: Counter[str]) -> Lane:
        return Lane(
            self._engine,
            made,
            preview=self._settings.push_preview,
            spacing_seconds=self._settings.push_spacing_seconds,
            stopping=self._leased.stopping,
            counted=counted,
        )

    def run(self) -> bool:
        """Runs until there is nothing to do. Returns False if another runner has the lease.

        Raises RedisError if the connection to Redis is lost, Overloaded if Postgres does not answer at the start.
        """
        if not self._leased.begin():
            return False
        with writing(self._engine) as connection:
            reassign(connection, self._providers.platforms)
        for lane in self._lanes:
            lane.start()
        try:
            self._run()
            self._leased.end_lease()
        finally:
            self._leased.stop()
            for lane in self._lanes:
                lane.wake()
            for lane in self._lanes:
                lane.join(END_SECONDS)
        return True

    def _run(self) -> None:
        while self._leased.goes_on():
            try:
                claimed = self._plan()
                due_ms = None if claimed else self._next_due_ms()
            except Overloaded as error:
                log.warning("push: %s", error.message)
                time.sleep(0.5)
                continue
            is_busy = bool(claimed) or not all(lane.idle for lane in self._lanes)
            if self._leased.has_lingered(is_busy, due_ms):
                return
            if claimed < MAX_CLAIM:
                push_signal.wait(self._redis, seconds_until(due_ms))

    def _plan(self) -> int:
        claimed, queued = plan_notifications(
            self._engine,
            self._redis,
            providers=self._providers.platforms,
            confirm_seconds=self._settings.push_confirm_seconds,
            spacing_seconds=self._settings.push_spacing_seconds,
        )
        if queued:
            for lane in self._lanes:
                lane.wake()
        return claimed

    def _next_due_ms(self) -> int | None:
        with reading(self._engine) as connection:
            return next_due_ms(connection)

    def _each_second(self) -> None:
        self._alive()
        self._providers.cut_overdue()
