"""Records sent and received messages with their times, by message id.

A duplicate, an unknown id or a refusal is an error, not noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import getrandbits
from typing import Protocol

from bench.loop import BenchError

BODY = ("The quick brown fox jumps over the lazy dog. " * 3)[:100]


def new_id() -> str:
    """Returns a UUIDv7 (RFC 9562): the clock in milliseconds, then 74 random bits."""
    random = getrandbits(74)
    milliseconds = int(time.time() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Listener(Protocol):
    """The callbacks of a session. ``ready`` is called once, when the session has joined and receives events."""

    def ready(self) -> None: ...
    def message(self, message_id: str) -> None: ...
    def ack(self, message_id: str, status: str) -> None: ...
    def unread(self, message_ids: list[str]) -> None: ...


class Sender(Protocol):
    """The sending half of a session. ``target`` is the id of a conversation or of a user, as the system requires."""

    def send_message(self, message_id: str, target: int) -> None: ...


class Pair:
    """One sender and the target of its messages."""

    __slots__ = ("sender", "target")

    def __init__(self, sender: Sender, target: int) -> None:
        self.sender, self.target = sender, target


class Ledger:
    """Listens to all sessions of a load and pairs every receipt and ack with its send."""

    def __init__(self, on_receipt: Callable[[Pair], None] | None = None) -> None:
        self.on_receipt = on_receipt
        self.ready_sessions = 0
        self.unreceived: dict[str, tuple[float, Pair]] = {}
        self.unacked: dict[str, float] = {}
        self.receive_seconds: list[float] = []
        self.ack_seconds: list[float] = []
        self.unread_ids: list[str] = []
        self.sent = 0

    def send(self, pair: Pair) -> None:
        message_id = new_id()
        now = time.perf_counter()
        self.unreceived[message_id] = (now, pair)
        self.unacked[message_id] = now
        self.sent += 1
        pair.sender.send_message(message_id, pair.target)

    def ready(self) -> None:
        self.ready_sessions += 1

    def message(self, message_id: str) -> None:
        try:
            sent_at, pair = self.unreceived.pop(message_id)
        except KeyError:
            raise BenchError(f"message {message_id} was received twice or never sent") from None
        self.receive_seconds.append(time.perf_counter() - sent_at)
        if self.on_receipt is not None:
            self.on_receipt(pair)

    def ack(self, message_id: str, status: str) -> None:
        if status != "stored":
            raise BenchError(f"message {message_id} was acked as {status!r}, not as stored")
        try:
            sent_at = self.unacked.pop(message_id)
        except KeyError:
            raise BenchError(f"message {message_id} was acked twice or never sent") from None
        self.ack_seconds.append(time.perf_counter() - sent_at)

    def unread(self, message_ids: list[str]) -> None:
        self.unread_ids += message_ids

    def forget_times(self) -> None:
        """Discards the times so far: they belong to the warm-up."""
        self.receive_seconds, self.ack_seconds = [], []

    def settled(self) -> bool:
        return not self.unreceived and not self.unacked

    def times(self) -> dict[str, float]:
        receive, ack = sorted(self.receive_seconds), sorted(self.ack_seconds)
        return {
            "receive_p50_ms": percentile(receive, 0.50) * 1e3,
            "receive_p99_ms": percentile(receive, 0.99) * 1e3,
            "ack_p50_ms": percentile(ack, 0.50) * 1e3,
            "ack_p99_ms": percentile(ack, 0.99) * 1e3,
        }


def percentile(ordered: list[float], share: float) -> float:
    if not ordered:
        raise BenchError("nothing was measured: no message arrived")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
