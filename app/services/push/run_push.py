"""The push runner: decides about pending rows while one lane per provider sends the queued notifications.

A lease in Redis keeps it to one runner at a time. Two would do no harm, because each row is claimed by only one of
them. A runner ends when nothing was pending for some time, when another runner has the lease, or when its process is
stopping. The next runner continues with the remaining rows.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable

from redis import Redis
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.fanout import push_signal
from app.services.push.plan_notifications import MAX_CLAIM, plan_notifications
from app.services.push.push_providers import MadeProvider, Providers
from app.services.push.send_push import Lane
from app.store.engine import reading, writing
from app.store.pending_pushes import next_due_ms
from app.store.push_deliveries import reassign

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0
LINGER_SECONDS = 10.0
# The runner stays if something is due this soon; otherwise a new runner would have to start just then.
STAY_FOR_MS = 15_000
WAIT_SECONDS = 0.5
RUN_SECONDS = 1800.0
# Time limit for requests in flight when the process stops. No request takes longer than 10 s.
END_SECONDS = 11.0


class PushRunner:
    """``redis`` is a client with a single connection and a socket timeout longer than a second.

    ``stopping`` says whether this process should end. ``alive`` is called at least every few seconds. ``counted`` is
    described at Lane.
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
        self._process_stopping = stopping
        self._alive = alive
        self._token = secrets.token_hex(8)
        self._renewed = 0.0
        self._ending = False
        self._lanes = [self._lane(made, counted) for made in providers.made]

    def _lane(self, made: MadeProvider, counted: Counter[str]) -> Lane:
        return Lane(
            self._engine,
            made,
            preview=self._settings.push_preview,
            spacing_seconds=self._settings.push_spacing_seconds,
            stopping=self._stopping,
            counted=counted,
        )

    def _stopping(self) -> bool:
        return self._ending or self._process_stopping()

    def run(self) -> bool:
        """Runs until there is nothing to do. Returns False if another runner has the lease.

        Raises RedisError if the connection to Redis is lost, Overloaded if Postgres does not answer at the start.
        """
        if not push_signal.take_lease(self._redis, self._token, LEASE_SECONDS):
            return False
        self._renewed = time.monotonic()
        with writing(self._engine) as connection:
            reassign(connection, self._providers.platforms)
        for lane in self._lanes:
            lane.start()
        try:
            self._run()
            push_signal.end_lease(self._redis, self._token)
        finally:
            self._ending = True
            for lane in self._lanes:
                lane.wake()
            for lane in self._lanes:
                lane.join(END_SECONDS)
        return True

    def _run(self) -> None:
        end = time.monotonic() + RUN_SECONDS
        busy_at = time.monotonic()
        while not self._stopping() and time.monotonic() < end and self._keep_lease():
            try:
                claimed = self._plan()
                due_ms = None if claimed else self._next_due_ms()
            except Overloaded as error:
                log.warning("push: %s", error.message)
                time.sleep(0.5)
                continue
            if claimed or (due_ms is not None and due_ms < STAY_FOR_MS) or not all(lane.idle for lane in self._lanes):
                busy_at = time.monotonic()
            elif time.monotonic() - busy_at > LINGER_SECONDS:
                return
            if claimed < MAX_CLAIM:
                self._wait(due_ms)

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

    def _wait(self, due_ms: int | None) -> None:
        seconds = WAIT_SECONDS if due_ms is None else min(max(due_ms / 1000, 0.05), WAIT_SECONDS)
        push_signal.wait(self._redis, seconds)

    def _keep_lease(self) -> bool:
        now = time.monotonic()
        if now - self._renewed < 1.0:
            return True
        self._renewed = now
        self._alive()
        self._providers.cut_overdue()
        return push_signal.take_lease(self._redis, self._token, LEASE_SECONDS)
