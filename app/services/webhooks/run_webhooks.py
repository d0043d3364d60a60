"""The webhook runner: queues new events for each webhook, claims due lanes, and stores how their deliveries ended.

There is one at a time (app/fanout/leased_run.py). If it dies, its lanes are due again when their leases end. No
delivery is lost. A delivery that had arrived is repeated under the same id.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine

from app.core.errors import Overloaded
from app.core.webhooks import GONE
from app.fanout.leased_run import WAIT_SECONDS, LeasedRun, seconds_until
from app.fanout.runner_signal import webhook_signal
from app.services.webhooks.external_ids import with_external_ids
from app.services.webhooks.send_webhooks import LaneEnded, LaneSender, lanes_of
from app.services.webhooks.webhook_sender import WebhookSender
from app.store import webhook_queue as store
from app.store.engine import reading, write_patiently, writing

log = logging.getLogger(__name__)

# Short, because a waiting runner occupies a process of the worker.
LINGER_SECONDS = 2.0
STAY_FOR_MS = 6_000
# Lanes that end this close together are stored in one transaction.
GATHER_SECONDS = 0.01
# Time limit for requests in flight when the process stops. No request takes longer than 10 s.
END_SECONDS = 11.0


class WebhookRunner:
    """``redis`` is shared with other threads; ``signals`` is a client of its own, with a single connection and a socket
    timeout longer than a second. ``alive`` is called at least every few seconds. LaneSender describes ``counted``.
    """

    def __init__(
        self,
        engine: Engine,
        redis: Redis,
        signals: Redis,
        sender: WebhookSender,
        *,
        stopping: Callable[[], bool],
        alive: Callable[[], None],
        counted: Counter[str],
    ) -> None:
        self._engine = engine
        self._signals = signals
        self._rooms: list[tuple[int, int]] = []  # as LaneSender returned them last
        self._sender = sender
        self._alive = alive
        self._leased = LeasedRun(
            webhook_signal,
            redis,
            stopping=stopping,
            each_second=self._each_second,
            stay_for_ms=STAY_FOR_MS,
            linger_seconds=LINGER_SECONDS,
        )
        self._lanes = LaneSender(sender, stopping=self._leased.stopping, counted=counted)

    def run(self) -> bool:
        """Runs until there is nothing to do. Returns False if another runner has the lease. Raises RedisError."""
        if not self._leased.begin():
            return False
        listener = threading.Thread(target=self._listen, name="webhook-signals", daemon=True)
        listener.start()
        try:
            self._run()
        finally:
            self._leased.stop()
            self._finish_lanes()
            self._lanes.close()
            listener.join(2.0)
        self._leased.end_lease()
        return True

    def _listen(self) -> None:
        """Wakes the runner when an event was written."""
        while not self._leased.stopping():
            try:
                if webhook_signal.wait(self._signals, WAIT_SECONDS):
                    self._lanes.ended.put(None)
            except RedisError:
                time.sleep(WAIT_SECONDS)

    def _run(self) -> None:
        while self._leased.goes_on():
            try:
                began = self._queue_and_begin()
                due_ms = None if began else self._next_due_ms()
                if self._leased.has_lingered(began or self._lanes.in_flight() > 0, due_ms):
                    return
                self._store_ended(0.0 if began else seconds_until(due_ms))
            except Overloaded as error:
                log.warning("webhooks: %s", error.message)
                time.sleep(0.5)

    def _queue_and_begin(self) -> bool:
        """Queues the next events and begins due lanes. Returns whether there may be more to do at once."""
        with writing(self._engine) as conn:
            looked, _ = store.queue_news(conn)
        with reading(self._engine) as conn:
            targets = {target.id: target for target in store.targets(conn)}
        self._rooms = self._lanes.rooms(list(targets))
        if not self._rooms:
            return looked > 0
        with writing(self._engine) as conn:
            claimed = store.claim(conn, self._rooms)
        if claimed:
            with reading(self._engine) as conn:
                data = with_external_ids(conn, [due.data or "{}" for due in claimed])
            for lane in lanes_of(claimed, targets, data):
                self._lanes.begin(lane)
        return bool(looked or claimed)

    def _next_due_ms(self) -> int | None:
        """Returns in how many ms a lane that may begin is due. Other lanes begin when one that is in flight ends."""
        with reading(self._engine) as conn:
            return store.next_due_ms(conn, [webhook for webhook, _ in self._rooms])

    def _store_ended(self, seconds: float) -> None:
        """Waits up to ``seconds`` for a lane to end or for news, then stores all lanes that have ended."""
        ended: list[LaneEnded] = []
        try:
            first = self._lanes.ended.get(timeout=seconds) if seconds else self._lanes.ended.get_nowait()
            if first is not None:
                time.sleep(GATHER_SECONDS)
                ended.append(first)
            while True:
                more = self._lanes.ended.get_nowait()
                if more is not None:
                    ended.append(more)
        except queue.Empty:
            self._store(ended)

    def _store(self, ended: list[LaneEnded]) -> None:
        if not ended:
            return
        for one in ended:
            self._lanes.settle(one)
        gone = sorted({one.outcome.webhook_id for one in ended if one.gone})

        def write(conn: Connection) -> list[int]:
            store.end(conn, [one.outcome for one in ended])
            return store.switch_off(conn, gone, GONE)

        # A deadlock with another runner, or Postgres is down. After the last try, the leases of the lanes end.
        for webhook in write_patiently(self._engine, write):
            log.error("webhook %d is switched off: its receiver answered 410", webhook)

    def _finish_lanes(self) -> None:
        """Waits for the requests in flight and stores their outcomes."""
        until = time.monotonic() + END_SECONDS
        try:
            while self._lanes.in_flight() and time.monotonic() < until:
                self._sender.cut_overdue()
                self._store_ended(WAIT_SECONDS)
        except Overloaded as error:
            log.warning("webhooks: %s", error.message)

    def _each_second(self) -> None:
        self._alive()
        self._sender.cut_overdue()
