"""P6: pages that are read by REST, of a user who has little and of one who has much."""

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
class Question:
    """One page that is asked for again and again; ``entries``: how many it must have."""

    name: str
    user: int
    path: str
    entries: int
    seconds: list[float] = field(default_factory=list)


def reading(system: System, seconds: float, first_user: int) -> Figures:
    """RATE requests a second in all, to each question in turn."""
    assert isinstance(system, Parley)
    questions = _seed(system, first_user)
    with fresh_loop(system) as loop:
        desk = Desk(system, loop)
        desk.ask(questions, WARM_UP)
        for question in questions:
            question.seconds.clear()
        with measured(system) as window:
            desk.ask(questions, seconds)
        answered = sum(len(question.seconds) for question in questions)
        figures: Figures = {}
        for question in questions:
            times = sorted(question.seconds)
            figures[f"{question.name}_p50_ms"] = percentile(times, 0.50) * 1e3
            figures[f"{question.name}_p99_ms"] = percentile(times, 0.99) * 1e3
        return {**figures, "requests_per_second": answered / window.seconds, **window.per_message(answered)}


def _seed(system: Parley, first_user: int) -> list[Question]:
    """Two users; of the one with much, the newest conversation is the long one."""
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
        Question("list_much", much, conversations, 20),
        Question("list_little", little, conversations, LITTLE),
        Question("five_of_much", much, f"{conversations}?limit={LITTLE}", LITTLE),
        Question("five_of_little", little, f"{conversations}?limit={LITTLE}", LITTLE),
        Question("history_much", much, f"{conversations}/{long}/messages", 50),
        Question("history_little", little, f"{conversations}/{few[-1]}/messages", 50),
    ]


class Desk:
    """Connections that ask what is due. Where all are busy a question waits; its time counts from when it was due."""

    def __init__(self, system: Parley, loop: Loop) -> None:
        self.system, self.loop = system, loop
        self.free = [RestReader(loop, system.address) for _ in range(CONNECTIONS)]
        self.waiting: deque[tuple[Question, float]] = deque()
        self.under_way = 0

    def ask(self, questions: list[Question], seconds: float) -> None:
        """Return when all that was asked is answered."""
        due, number = time.perf_counter(), 0

        def tick(now: float) -> float:
            nonlocal due, number
            if now >= due:
                self.waiting.append((questions[number % len(questions)], now))
                number += 1
                due += random.uniform(0.5, 1.5) / RATE
            self._hand_out()
            return due - now

        self.loop.run(lambda: False, seconds, tick)
        if not self.loop.run(
            lambda: not self.waiting and not self.under_way, SETTLE_SECONDS, lambda _: self._hand_out()
        ):
            raise BenchError(f"{self.under_way + len(self.waiting)} requests were not answered in {SETTLE_SECONDS} s")

    def _hand_out(self) -> float:
        while self.free and self.waiting:
            question, due = self.waiting.popleft()
            reader = self.free.pop()
            self.under_way += 1
            reader.get(question.path, self.system.tokens[question.user], self._answered(reader, question, due))
        return 1.0

    def _answered(self, reader: RestReader, question: Question, due: float) -> Answered:
        def answered(body: bytes) -> None:
            question.seconds.append(time.perf_counter() - due)
            self.under_way -= 1
            self.free.append(RestReader(self.loop, self.system.address) if reader.closed else reader)
            entries = next(iter(msgspec.json.decode(body).values()))
            if len(entries) != question.entries:
                raise BenchError(f"{question.name}: {len(entries)} entries, not {question.entries}: {body[:300]!r}")

        return answered
