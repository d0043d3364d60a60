"""The online members of one group: counts exactly what each session sends and receives."""

from __future__ import annotations

import random
import time
from itertools import cycle
from typing import Any

from bench.ledger import new_id, percentile
from bench.loop import BenchError, Loop
from bench.scenarios import SETTLE_SECONDS, WARM_UP, Figures, join, measured
from bench.systems import System

SENDERS = 20


class Member:
    """The listener of one member's session. The count and the sum of received numbers reveal losses and duplicates."""

    __slots__ = ("count", "crowd", "session", "sum")

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.count = self.sum = 0
        self.session: Any = None

    def ready(self) -> None:
        self.crowd.ready_sessions += 1

    def message(self, message_id: str) -> None:
        try:
            sent_at, number = self.crowd.sent[message_id]
        except KeyError:
            raise BenchError(f"message {message_id} was never sent") from None
        self.count += 1
        self.sum += number
        self.crowd.receive_seconds.append(time.perf_counter() - sent_at)

    def ack(self, message_id: str, status: str) -> None:
        if status != "stored":
            raise BenchError(f"message {message_id} was acked as {status!r}, not as stored")
        self.crowd.unacked.remove(message_id)

    def unread(self, message_ids: list[str]) -> None:
        raise BenchError(f"received {len(message_ids)} unread messages without a request")

    def send(self, group: int) -> None:
        """Sends a message and counts it as received: members do not receive their own messages."""
        crowd = self.crowd
        message_id, number = new_id(), len(crowd.sent) + 1
        crowd.sent[message_id] = time.perf_counter(), number
        crowd.unacked.add(message_id)
        self.count += 1
        self.sum += number
        self.session.send_message(message_id, group)


class Crowd:
    """The first ``online`` members of a group, joined."""

    def __init__(self, system: System, loop: Loop, group: int, members: range, online: int) -> None:
        self.system, self.loop, self.group, self.members = system, loop, group, members
        self.ready_sessions = 0
        self.sent: dict[str, tuple[float, int]] = {}
        self.unacked: set[str] = set()
        self.receive_seconds: list[float] = []
        self.online = [Member(self) for _ in range(online)]
        makers = [
            lambda user=user, member=member: system.member_session(loop, user, member, self.group)
            for user, member in zip(members, self.online, strict=False)
        ]
        for member, session in zip(self.online, join(loop, self, makers), strict=True):
            member.session = session
        self.senders = cycle(self.online[:: max(1, online // SENDERS)])

    def reconnect(self) -> Crowd:
        """Returns the same members on new connections."""
        self.loop.close_all()
        return Crowd(self.system, self.loop, self.group, self.members, len(self.online))

    def talk(self, rate: float, seconds: float, warm_up: float = WARM_UP) -> Figures:
        """Sends ``rate`` messages per second in all, without waiting for answers, and returns the figures.

        Raises BenchError if a message is lost or arrives twice.
        """
        due = time.perf_counter()

        def tick(now: float) -> float:
            nonlocal due
            while now >= due:
                next(self.senders).send(self.group)
                due += random.uniform(0.5, 1.5) / rate
            return due - now

        self.loop.run(lambda: False, warm_up, tick)
        self.receive_seconds, before = [], len(self.sent)
        with measured(self.system) as window:
            self.loop.run(lambda: False, seconds, tick)
        times, sent = sorted(self.receive_seconds), len(self.sent) - before
        per_delivery = window.per_message(len(times))
        self.settle()
        return {
            "offered_per_second": sent * (len(self.online) - 1) / window.seconds,
            "deliveries_per_second": len(times) / window.seconds,
            "receive_p50_ms": percentile(times, 0.50) * 1e3,
            "receive_p99_ms": percentile(times, 0.99) * 1e3,
            "cpu_us_per_message": sum(window.cpu.values()) * 1e6 / sent,
            **per_delivery,
        }

    def settle(self) -> None:
        """Waits until every member has every message exactly once. Raises BenchError otherwise."""
        if not self.loop.run(self.is_settled, SETTLE_SECONDS):
            raise BenchError(
                f"{len(self.unacked)} messages not acked and {self.missing()} deliveries missing "
                f"{SETTLE_SECONDS} s after the last of {len(self.sent)} messages was sent"
            )
        total = len(self.sent) * (len(self.sent) + 1) // 2
        for member in self.online:
            if (member.count, member.sum) != (len(self.sent), total):
                raise BenchError(f"a member has {member.count} of {len(self.sent)} messages, or has one twice")

    def is_settled(self) -> bool:
        return not self.unacked and self.missing() == 0

    def missing(self) -> int:
        return len(self.sent) * len(self.online) - sum(member.count for member in self.online)
