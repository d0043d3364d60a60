"""A lane: one push service's notifications, from the queue in Postgres to the service and back to what became of them.

Invariants:

* At most ``threads`` jobs are under way, so memory does not grow with what is owed.
* What was claimed and not ended, because this process died, is due again when its lease is over.
* A lane waits for nobody else's service: each has its own thread, and its own threads to send with.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.push.hosts import Hosts
from app.push.provider import Outcome, Outgoing, Provider
from app.services.push.compose_push import compose
from app.store import push_deliveries as store
from app.store.engine import writing
from app.store.push_deliveries import Delivery, Ended, Postponed

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # what is due later is looked for so often
# What ends closely after another is noted with it, and as much is claimed anew: what is unread is counted once a claim.
GATHER_SECONDS = 0.01
END_TRIES = 5
MAX_CLAIM = 100

Job = list[tuple[Delivery, Outgoing, int]]


class Result(NamedTuple):
    job: Job
    outcomes: list[Outcome]


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """``threads``: jobs at a time; ``batch``: notifications in a job; ``per_host``: in flight to one host."""

    name: str
    threads: int
    batch: int
    per_host: int


class Lane:
    """``stopping``: begin nothing more. ``counted``: "<lane>:<outcome>" -> how many."""

    def __init__(
        self,
        engine: Engine,
        provider: Provider,
        settings: Settings,
        options: LaneOptions,
        *,
        stopping: Callable[[], bool],
        counted: Counter[str],
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._settings = settings
        self._options = options
        self._stopping = stopping
        self._counted = counted
        self._hosts = Hosts(options.per_host)
        self._news: queue.SimpleQueue[Result | None] = queue.SimpleQueue()  # None: look at the queue
        self._pool = ThreadPoolExecutor(options.threads, thread_name_prefix=f"push-{options.name}")
        self._thread = threading.Thread(target=self._run, name=f"push-lane-{options.name}", daemon=True)
        self.idle = False

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._news.put(None)

    def join(self, seconds: float) -> None:
        """After ``stopping``: until what is under way has ended."""
        self.wake()
        self._thread.join(seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not (self._stopping() and not self._hosts.in_flight()):
            try:
                begun = 0 if self._stopping() else self._begin()
                self.idle = not begun and not self._hosts.in_flight()
                self._take_news(0.0 if begun else LOOK_SECONDS)
            except Overloaded as error:
                log.warning("push %s: %s", self._options.name, error.message)
                time.sleep(0.5)
            except Exception:
                log.exception("push lane %s failed", self._options.name)
                time.sleep(1.0)

    def _begin(self) -> int:
        """Claim as much as there is room for, and send it. Returns how much was claimed."""
        options = self._options
        free = options.threads * options.batch - self._hosts.in_flight()
        room = min(free, self._hosts.room(), MAX_CLAIM)
        if room <= 0:
            return 0
        with writing(self._engine) as connection:
            claimed = store.claim(connection, options.name, room, self._hosts.closed())
        if not claimed:
            return 0
        composed = compose(self._engine, claimed, preview=self._settings.push_preview)
        self._end(composed.needless, [])
        for first in range(0, len(composed.ready), options.batch):
            self._submit(composed.ready[first : first + options.batch])
        return len(claimed)

    def _submit(self, job: Job) -> None:
        for delivery, _, _ in job:
            self._hosts.begin(delivery.host)
        self._pool.submit(self._send, job)

    def _send(self, job: Job) -> None:
        outcomes = self._provider.send([outgoing for _, outgoing, _ in job])
        self._news.put(Result(job, outcomes))

    def _take_news(self, seconds: float) -> None:
        """What ended meanwhile, all at once: one transaction for what came in together."""
        ended: list[Ended] = []
        late: list[Postponed] = []
        try:
            news = self._news.get(timeout=seconds) if seconds else self._news.get_nowait()
            if news is not None:
                time.sleep(GATHER_SECONDS)
            while True:
                if news is not None:
                    self._sort(news, ended, late)
                news = self._news.get_nowait()
        except queue.Empty:
            self._end(ended, late)

    def _sort(self, result: Result, ended: list[Ended], late: list[Postponed]) -> None:
        for (delivery, _, told), outcome in zip(result.job, result.outcomes, strict=True):
            self._hosts.ended(delivery.host, outcome)
            if outcome.what == "wait":
                late.append(Postponed(delivery, outcome.seconds, outcome.reason))
                self._counted[f"{self._options.name}:waits"] += 1
            else:
                ended.append(Ended(delivery, outcome.what, outcome.reason, told))

    def _end(self, ended: list[Ended], late: list[Postponed]) -> None:
        if not (ended or late):
            return
        for one in ended:
            self._counted[f"{self._options.name}:{one.state}"] += 1
        for attempt in range(1, END_TRIES + 1):
            try:
                with writing(self._engine) as connection:
                    store.end(connection, ended, spacing_seconds=self._settings.push_spacing_seconds)
                    store.postpone(connection, late)
            except Overloaded:  # a deadlock with a look, or Postgres is away: their leases end, should it stay so
                if attempt == END_TRIES:
                    raise
                time.sleep(0.05 * 4**attempt)
            else:
                return
