"""P6: reads pages by REST, of a user with few conversations and of one with many."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field

import msgspec

from bench import seed_history
from bench.drivers.parley import Answered, RestReader
from bench.ledger import percentile
from bench.loop import BenchError, Loop
from bench.scenarios import SETTLE_SECONDS, WARM_UP, Figures, fresh_loop, measured
from bench.systems import Parley, System

RATE = 100.0
CONNECTIONS = 8
MUCH, LITTLE = 500, 5
MESSAGES, LONG = 100, 1_000_000


@dataclass
class PageRequest:
    """One page that is requested repeatedly. ``entries`` is the number of entries that it must have."""

    name: str
    user: int
    path: str
    entries: int
    seconds: list[float] = field(default_factory=list)


def reading(system: System, seconds: float, first_user: int) -> Figures:
    """Sends RATE requests per second in all, alternating between the pages."""
    assert isinstance(system, Parley)
    pages = _seed(system, first_user)
    with fresh_loop(system) as loop:
        queue = RequestQueue(system, loop)
        queue.send_all(pages, WARM_UP)
        for page in pages:
            page.seconds.clear()
        with measured(system) as window:
            queue.send_all(pages, seconds)
        answered = sum(len(page.seconds) for page in pages)
        figures: Figures = {}
        for page in pages:
            times = sorted(page.seconds)
            figures[f"{page.name}_p50_ms"] = percentile(times, 0.50) * 1e3
            figures[f"{page.name}_p99_ms"] = percentile(times, 0.99) * 1e3
        return {**figures, "requests_per_second": answered / window.seconds, **window.per_message(answered)}


def _seed(system: Parley, first_user: int) -> list[PageRequest]:
    """Creates two users. The newest conversation of the one with many is the long one."""
    much, little, others = first_user, first_user + 1, [system.user_ids[first_user + 2 + n] for n in range(MUCH)]
    counts = [MESSAGES] * MUCH
    counts[-1] = LONG
    long = seed_history.conversations_of(system.database_url, system.user_ids[much], others, counts)[-1]
    few = seed_history.conversations_of(
        system.database_url, system.user_ids[little], others[:LITTLE], [MESSAGES] * LITTLE
    )
    seed_history.settle(system.database_url)
    conversations = "/api/v1/conversations"
    return [
        PageRequest("list_much", much, conversations, 20),
        PageRequest("list_little", little, conversations, LITTLE),
        PageRequest("five_of_much", much, f"{conversations}?limit={LITTLE}", LITTLE),
        PageRequest("five_of_little", little, f"{conversations}?limit={LITTLE}", LITTLE),
        PageRequest("history_much", much, f"{conversations}/{long}/messages", 50),
        PageRequest("history_little", little, f"{conversations}/{few[-1]}/messages", 50),
    ]


class RequestQueue:
    """Sends due requests over a few connections. Times each request from when it was due, even if it had to wait."""

    def __init__(self, system: Parley, loop: Loop) -> None:
        self.system, self.loop = system, loop
        self.free = [RestReader(loop, system.address) for _ in range(CONNECTIONS)]
        self.waiting: deque[tuple[PageRequest, float]] = deque()
        self.in_progress = 0

    def send_all(self, pages: list[PageRequest], seconds: float) -> None:
        """Sends for ``seconds`` and returns when all requests are answered. Raises BenchError if some are not."""
        due, number = time.perf_counter(), 0

        def tick(now: float) -> float:
            nonlocal due, number
            if now >= due:
                self.waiting.append((pages[number % len(pages)], now))
                number += 1
                due += random.uniform(0.5, 1.5) / RATE
            self._hand_out()
            return due - now

        self.loop.run(lambda: False, seconds, tick)
        if not self.loop.run(
            lambda: not self.waiting and not self.in_progress, SETTLE_SECONDS, lambda _: self._hand_out()
        ):
            raise BenchError(f"{self.in_progress + len(self.waiting)} requests were not answered in {SETTLE_SECONDS} s")

    def _hand_out(self) -> float:
        while self.free and self.waiting:
            page, due = self.waiting.popleft()
            reader = self.free.pop()
            self.in_progress += 1
            reader.get(page.path, self.system.tokens[page.user], self._answered(reader, page, due))
        return 1.0

    def _answered(self, reader: RestReader, page: PageRequest, due: float) -> Answered:
        def answered(body: bytes) -> None:
            page.seconds.append(time.perf_counter() - due)
            self.in_progress -= 1
            self.free.append(RestReader(self.loop, self.system.address) if reader.closed else reader)
            entries = next(iter(msgspec.json.decode(body).values()))
            if len(entries) != page.entries:
                raise BenchError(f"{page.name}: {len(entries)} entries instead of {page.entries}: {body[:300]!r}")

        return answered
