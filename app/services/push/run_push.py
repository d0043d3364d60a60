"""The runner of push notifications: looks after what is owed, while each push service's lane sends what is queued.

One at a time, by a lease in Redis; two do no harm, each row is claimed by one of them. It ends when nothing is owed for
some time, when another one is at work, or when the process is told to; what is left is the next one's.
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
from app.push.fcm import MAX_BATCH
from app.push.provider import Provider
from app.services.push.plan_notifications import MAX_LOOK, plan_notifications
from app.services.push.push_providers import Providers
from app.services.push.send_push import Lane, LaneOptions
from app.store.engine import reading
from app.store.pending_pushes import next_due_ms

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0
LINGER_SECONDS = 10.0
# It stays for what is due so soon, rather than have another one begin just then.
STAYS_FOR_MS = 15_000
WAIT_SECONDS = 0.5
RUN_SECONDS = 1800.0
# What is under way when the process is told to end: no request takes longer than 10 s.
END_SECONDS = 11.0
FCM_THREADS = 2


class PushRunner:
    """``redis``: a client of one connection whose socket timeout is longer than a second. ``stopping`` says whether
    this process was told to end; ``alive`` is called at least every few seconds. ``counted``: as Lane.
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
        self._told_to_stop = stopping
        self._alive = alive
        self._token = secrets.token_hex(8)
        self._renewed = 0.0
        self._ending = False
        threads = settings.push_threads
        at_once = FCM_THREADS * MAX_BATCH
        self._lanes = [
            self._lane(providers.fcm, counted, LaneOptions("fcm", FCM_THREADS, MAX_BATCH, at_once)),
            # Half the threads for one host: while it hangs, the others have the rest.
            self._lane(providers.webpush, counted, LaneOptions("webpush", threads, 1, max(1, threads // 2))),
        ]

    def _lane(self, provider: Provider, counted: Counter[str], options: LaneOptions) -> Lane:
        return Lane(self._engine, provider, self._settings, options, stopping=self._stopping, counted=counted)

    def _stopping(self) -> bool:
        return self._ending or self._told_to_stop()

    def run(self) -> bool:
        """Returns False where another one is at work, True otherwise. Raise RedisError where Redis goes away."""
        if not push_signal.take_lease(self._redis, self._token, LEASE_SECONDS):
            return False
        self._renewed = time.monotonic()
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
                looked = self._look()
                due_ms = None if looked else self._next_due_ms()
            except Overloaded as error:
                log.warning("push: %s", error.message)
                time.sleep(0.5)
                continue
            if looked or (due_ms is not None and due_ms < STAYS_FOR_MS) or not all(lane.idle for lane in self._lanes):
                busy_at = time.monotonic()
            elif time.monotonic() - busy_at > LINGER_SECONDS:
                return
            if looked < MAX_LOOK:
                self._wait(due_ms)

    def _look(self) -> int:
        looked, queued = plan_notifications(
            self._engine,
            self._redis,
            confirm_seconds=self._settings.push_confirm_seconds,
            spacing_seconds=self._settings.push_spacing_seconds,
        )
        if queued:
            for lane in self._lanes:
                lane.wake()
        return looked

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
        if self._providers.web is not None:
            self._providers.web.cut_overdue()
        return push_signal.take_lease(self._redis, self._token, LEASE_SECONDS)
