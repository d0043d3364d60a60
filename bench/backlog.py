"""``python -m bench.backlog`` measures how fast a backlog is stored, and how long new messages and marks wait behind
it.

The worker is stopped, and 200 people send 250 messages each, so 50,000 records wait in the log. Then the worker starts
again, while other people send 50 messages/s and mark every one as read. Wait times are counted from the moment at which
the drain begins, or from the send if it was later. The stack and the generator share both cores.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import msgspec
import redis

from app.message_log import keys
from bench.drivers.parley import WebSocketSession
from bench.ledger import Ledger, Pair, percentile
from bench.loop import BenchError, Loop
from bench.procfs import rss_kib, trees
from bench.scenarios import fresh_loop, join
from bench.systems import ROOT, Parley, read_procfile

SENDERS, EACH, LIVE_PAIRS, LIVE_RATE = 200, 250, 25, 50.0
UNLOGGED = 400  # more at once would be refused
SAMPLE_SECONDS = 0.2


class _Seq(msgspec.Struct):
    conversationId: int = 0  # noqa: N815 - its name on the wire
    seq: int = 0
    id: str | int | None = None


class _Frame(msgspec.Struct):
    event: str
    data: _Seq


_decode = msgspec.json.Decoder(_Frame).decode


class Marks:
    """The times of read marks and of their acks, by conversation and seq."""

    def __init__(self) -> None:
        self.sent: dict[tuple[int, int], float] = {}
        self.waits: list[tuple[float, float]] = []


class Reader(WebSocketSession):
    """Marks every message as read at once."""

    __slots__ = ("marks",)

    def __init__(self, loop: Loop, address: tuple[str, int], token: str, listener: Ledger, marks: Marks) -> None:
        super().__init__(loop, address, token, listener)
        self.marks = marks

    def on_text(self, payload: bytes) -> None:
        frame = _decode(payload) if payload.startswith((b'{"event":"receive_message"', b'{"event":"ack"')) else None
        if frame is not None and frame.event == "receive_message":
            where = frame.data.conversationId, frame.data.seq
            self.marks.sent[where] = time.perf_counter()
            self.send_text(b'{"event":"message_read","data":{"conversationId":%d,"seq":%d}}' % where)
        elif frame is not None and frame.data.id is None:
            sent = self.marks.sent.pop((frame.data.conversationId, frame.data.seq), None)
            if sent is not None:
                self.marks.waits.append((sent, time.perf_counter()))
        super().on_text(payload)


class Waits(Ledger):
    """Keeps when each message was sent and acked."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[tuple[float, float]] = []

    def ack(self, message_id: str, status: str) -> None:
        sent = self.unacked.get(message_id, 0.0)
        super().ack(message_id, status)
        self.waits.append((sent, time.perf_counter()))


class Backlog:
    def __init__(self, system: Parley, loop: Loop) -> None:
        self.system, self.loop = system, loop
        self.redis = redis.Redis.from_url(system.redis_url)
        self.live, self.marks, self.old = Waits(), Marks(), Ledger()
        self.began = self.done = 0.0
        self.backlog_end = 0
        self.memory: dict[int, list[int]] = {}
        self._sampled = 0.0

    def number(self, field: str) -> int:
        return int(cast(bytes, self.redis.hget(keys.FIRST.log_state, field)) or 0)

    def _wait_logged(self, records: int) -> None:
        if not self.loop.run(lambda: self.number("records") >= records, 20):
            raise BenchError(f"only {self.number('records')} records wait")

    def fill(self, at_once: int) -> int:
        """Returns the number of waiting records when all senders have sent everything, ``at_once`` together."""
        pairs = [(2 * n, 2 * n + 1) for n in range(SENDERS)]
        targets = self.system.open_conversations(pairs)
        makers = [lambda user=user: self.system.session(self.loop, user, self.old) for user, _ in pairs]
        sessions = join(self.loop, self.old, makers)
        before = self.number("records")
        pairs_in_turn = [Pair(*pair) for pair in zip(sessions, targets, strict=True)] * EACH
        for sent in range(0, len(pairs_in_turn), at_once):
            for pair in pairs_in_turn[sent : sent + at_once]:
                self.old.send(pair)
            self.loop.sleep(0.0005)
            self._wait_logged(before + sent - UNLOGGED)
        self._wait_logged(before + len(pairs_in_turn))
        self.backlog_end = int(cast(bytes, self.redis.get(keys.FIRST.version)))
        return self.number("records")

    def open_live(self) -> Any:
        """Returns an endless cycle of the live pairs, both sides of which are online."""
        first = 2 * SENDERS
        pairs = [(first + 2 * n, first + 2 * n + 1) for n in range(LIVE_PAIRS)]
        targets = self.system.open_conversations(pairs)
        tokens, where = self.system.tokens, self.system.address
        join(
            self.loop,
            self.live,
            [lambda user=user: Reader(self.loop, where, tokens[user], self.live, self.marks) for _, user in pairs],
        )
        makers = [lambda user=user: self.system.session(self.loop, user, self.live) for user, _ in pairs]
        return cycle([Pair(s, t) for s, t in zip(join(self.loop, self.live, makers), targets, strict=True)])

    def drain(self, in_turn: Any, deadline: float = 120.0) -> None:
        due = time.perf_counter()

        def tick(now: float) -> float:
            nonlocal due
            self._watch(now)
            if now >= due:
                self.live.send(next(in_turn))
                due = now + 1 / LIVE_RATE
            return min(due - now, 0.02)

        if not self.loop.run(lambda: self.done > 0, deadline, tick):
            raise BenchError(f"{self.number('records')} records still wait after {deadline:.0f} s")
        if not self.loop.run(self.live.settled, 30) or not self.loop.run(lambda: not self.old.unacked, 30):
            raise BenchError(f"{len(self.old.unacked)} + {len(self.live.unacked)} messages were never acked")

    def _watch(self, now: float) -> None:
        if not self.began:
            self.began = now if self.redis.exists(keys.FIRST.lease) else 0.0
        if now - self._sampled < SAMPLE_SECONDS:
            return
        self._sampled = now
        if self.began and not self.done:
            for pid in (p for p, role in trees(self.system.stack.roots).items() if role == "worker"):
                self.memory.setdefault(pid, []).append(rss_kib([pid]))
        if not self.done and self.number("stored") >= self.backlog_end:
            self.done = now

    def figures(self) -> dict[str, Any]:
        memory = max(self.memory.values(), key=lambda sizes: max(sizes) - sizes[0])
        return {
            "seconds": round(self.done - self.began, 2),
            **self._waits("ack", self.live.waits),
            **self._waits("mark", self.marks.waits),
            "drain_rss_mib": [kib // 1024 for kib in memory[:: max(1, len(memory) // 12)]],
        }

    def _waits(self, name: str, waits: list[tuple[float, float]]) -> dict[str, Any]:
        """Returns the waits of messages sent during the drain, and the longest wait of those sent before."""
        new = sorted(end - sent for sent, end in waits if self.began <= sent < self.done)
        old = max(end - self.began for sent, end in waits if sent < self.began)
        figures = {"p50": percentile(new, 0.5), "p99": percentile(new, 0.99), "max": new[-1], "earlier_max": old}
        return {f"{name}_s_{key}": round(value, 3) for key, value in figures.items()} | {f"{name}s": len(new)}


class TwoCores(Parley):
    def stop_worker(self) -> Callable[[], None]:
        """Returns a function that starts the worker again."""
        role, process = next(item for item in self.stack.processes if item[0] == "worker")
        env = dict(_environment(process.pid))
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        self.stack.processes.remove((role, process))
        command = ["/bin/sh", "-c", "exec " + read_procfile(ROOT / "Procfile")["worker"]]
        return lambda: self.stack.start("worker", command, env, ROOT)


def _environment(pid: int) -> list[tuple[str, str]]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return [(name, value) for name, _, value in (pair.partition("=") for pair in pairs) if name]


def measure(directory: Path, at_once: int) -> dict[str, Any]:
    system = TwoCores(directory, os.sched_getaffinity(0))
    try:
        system.start(2 * (SENDERS + LIVE_PAIRS))
        with fresh_loop(system) as loop:
            run = Backlog(system, loop)
            in_turn = run.open_live()
            start_again = system.stop_worker()
            waiting = run.fill(at_once)
            start_again()
            run.drain(in_turn)
            return {"waiting": waiting, "load": round(os.getloadavg()[0], 1), **run.figures()}
    except BenchError:
        print(system.stack.log_tails())
        raise
    finally:
        system.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=SENDERS, help="about how many records share a log entry")
    options = parser.parse_args()
    seconds = 0.0
    for _ in range(options.rounds):
        figures = measure(ROOT / f".data/bench/stack-{os.getpid()}", options.at_once)
        seconds = max(seconds, figures["seconds"])
        print(json.dumps(figures), flush=True)
    return 1 if seconds >= 15 else 0


if __name__ == "__main__":
    sys.exit(main())
