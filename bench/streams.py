"""``python -m bench.streams``: a stream of 100 texts per second to a group of 200 readers.

Every reader must get every text once and in order, and the final message. The texts must not enter the log: the run
fails if it gets more than the records of the beginning and the end of each stream.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, ClassVar

import redis

from app.message_log import keys
from bench import scenarios
from bench.ledger import new_id, percentile
from bench.loop import BenchError, Loop
from bench.one_stack import one_stack, save
from bench.scenarios import Figures, fresh_loop, join, measured
from bench.systems import Parley
from bench.websocket import WebSocketConnection

READERS, RATE, SECONDS = 200, 100.0, 10.0
TEXT = "token "
RECORDS_PER_STREAM = 2  # its message, and its end
IGNORED = {"message_delivered", "message_read", "presence", "conversation_updated"}


class StreamParley(Parley):
    settings: ClassVar[dict[str, str]] = {"APPEND_RATE": "0", "MAX_TEXT": "100000"}


class Reader(WebSocketConnection):
    """A member's session. The writer is one as well, but gets no events about its own texts."""

    __slots__ = ("audience", "ended", "length", "token")

    def __init__(self, loop: Loop, address: tuple[str, int], token: str, audience: Audience) -> None:
        super().__init__(loop, address, "/ws", f"Authorization: Bearer {token}\r\n")
        self.audience = audience
        self.length, self.ended = 0, ""

    def on_ready(self) -> None:
        self.send_text(b'{"event":"join","data":{}}')

    def command(self, name: str, **data: Any) -> None:
        self.send_text(json.dumps({"event": name, "data": data}).encode())

    def on_text(self, payload: bytes) -> None:
        event = json.loads(payload)
        name, data = event["event"], event["data"]
        if name == "message_append":
            self.audience.received(self, data["from"], data["text"])
        elif name == "joined":
            self.audience.ready_sessions += 1
        elif name == "message_updated" and "streaming" not in data:
            self.ended = data["message"]
        elif name == "ack":
            self.audience.acks += 1
        elif name not in IGNORED | {"receive_message"}:
            raise BenchError(f"unexpected event {name!r}: {payload[:300]!r}")


class Audience:
    def __init__(self, system: StreamParley, loop: Loop) -> None:
        self.loop = loop
        self.ready_sessions = self.acks = 0
        self.sent: list[float] = []
        self.seconds: list[float] = []
        makers = [lambda token=token: Reader(loop, system.address, token, self) for token in system.tokens]
        self.writer, *self.readers = join(loop, self, makers)

    def received(self, reader: Reader, start: int, text: str) -> None:
        if start != reader.length:
            raise BenchError(f"a text at {start} came to a reader who has {reader.length} characters")
        self.seconds.append(time.perf_counter() - self.sent[start // len(TEXT)])
        reader.length += len(text)

    def write(self, group: int, seconds: float) -> str:
        """Writes one stream at the fixed rate, without waiting for answers. Returns its id."""
        id_, acked = new_id(), self.acks
        self.sent.clear()
        for reader in self.readers:
            reader.length, reader.ended = 0, ""
        self.writer.command("start_stream", id=id_, conversationId=group)
        self.wait(lambda: self.acks > acked, "the beginning is acked")
        due = time.perf_counter()

        def tick(now: float) -> float:
            nonlocal due
            while now >= due:
                self.sent.append(time.perf_counter())
                start = len(TEXT) * (len(self.sent) - 1)
                self.writer.command("append_stream", id=id_, **{"from": start, "text": TEXT})
                due += 1 / RATE
            return due - now

        self.loop.run(lambda: False, seconds, tick)
        return id_

    def end(self, id_: str) -> None:
        text, acked = TEXT * len(self.sent), self.acks
        self.wait(lambda: all(reader.length == len(text) for reader in self.readers), "every text arrived")
        self.writer.command("end_stream", id=id_)
        self.wait(lambda: self.acks > acked and all(r.ended == text for r in self.readers), "the final text arrived")

    def wait(self, done: Any, what: str) -> None:
        if not self.loop.run(done, scenarios.SETTLE_SECONDS):
            raise BenchError(f"not in time: {what}")


def records(system: StreamParley) -> int:
    """Returns how many entries the log ever had."""
    with redis.Redis.from_url(system.redis_url) as client:
        return int(client.hget(keys.FIRST.log_state, "entries") or 0)


def measure(system: StreamParley, seconds: float) -> Figures:
    with fresh_loop(system) as loop:
        group = system.open_group(range(READERS + 1))
        audience = Audience(system, loop)
        audience.end(audience.write(group, scenarios.WARM_UP))
        before, audience.seconds = records(system), []
        with measured(system) as window:
            id_ = audience.write(group, seconds)
        texts, times = len(audience.sent), sorted(audience.seconds)
        audience.end(id_)
        logged = records(system) - before
        if logged > RECORDS_PER_STREAM + READERS:  # each reader moves its delivered mark once
            raise BenchError(f"{texts} texts made {logged} entries of the log")
        return {
            "texts_per_second": texts / window.seconds,
            "deliveries_per_second": len(times) / window.seconds,
            "receive_p50_ms": percentile(times, 0.50) * 1e3,
            "receive_p99_ms": percentile(times, 0.99) * 1e3,
            "log_entries": logged,
            **window.per_message(len(times)),
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of the stream (default 10)")
    options = parser.parse_args()
    with one_stack(StreamParley, READERS + 1) as system:
        figures = measure(system, options.seconds)
    for name, value in figures.items():
        print(f"  {name:24} {value:,.2f}")
    save("streams", figures)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
