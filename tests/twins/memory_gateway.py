"""The messaging and reading services of one gateway, over the in-memory twins of Valkey and Postgres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from app.core.errors import Conflict, ParleyError
from app.core.histogram import Histogram
from app.core.kinds import Kind
from app.core.records import unpack
from app.message_log import keys
from app.message_log.append import Append, AppendLimits
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch, read_epoch
from app.message_log.reader import LogReader
from app.message_log.shards import Shard, Shards
from app.redis_batch import Batcher
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.message_references import NO_REFERENCES
from app.services.messaging.move_mark import MarkMover, MemberChecks
from app.services.messaging.open_direct import open_direct
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.repeated_send import RepeatedSends
from app.services.messaging.send_checks import find_stored_ids
from app.services.messaging.send_message import MessageSender
from app.services.messaging.user_rates import UserRate
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.services.reading.resume import Replay
from tests.support.patience import PATIENCE
from tests.twins.memory_redis import MemoryRedis
from tests.twins.memory_store import MemoryEngine, MemoryStore

EPOCH = 3
REFUSED = Conflict("The drain refused it.")
# Requests have tests on real stores.
NO_REQUESTS: Any = SimpleNamespace(announce=lambda *_: None, announce_end=lambda *_: None, events_since=lambda *_: [])
LIMITS = AppendLimits(max_records=10_000, max_bytes=10_000_000, dedupe_seconds=600)


class Timers:
    """Replaces the timers of ``call_later``: they run when the test calls ``fire``."""

    def __init__(self) -> None:
        self.pending: list[Timer] = []

    def call_later(self, seconds: float, act: Callable[[], None]) -> Timer:
        timer = Timer(self, seconds, act)
        self.pending.append(timer)
        return timer

    def fire(self) -> None:
        """Runs the timers that are pending now."""
        due, self.pending = self.pending, []
        for timer in due:
            timer.act()


class Timer:
    def __init__(self, timers: Timers, seconds: float, act: Callable[[], None]) -> None:
        self._timers = timers
        self.seconds = seconds
        self.act = act

    def stop(self) -> None:
        self._timers.pending.remove(self)


class Replies:
    """Collects outcomes in the order of their arrival."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, Any, ParleyError | None]] = []

    def __len__(self) -> int:
        return len(self.all)

    def of(self, name: Any) -> Callable[[Any, ParleyError | None], None]:
        def outcome(answer: Any, error: ParleyError | None) -> None:
            self.all.append((name, answer, error))

        return outcome

    def names(self) -> list[Any]:
        return [name for name, _, _ in self.all]


class MemoryGateway:
    """``drain`` stores the entries of the log, as a worker does."""

    def __init__(self, limits: AppendLimits = LIMITS) -> None:
        self.redis: Any = MemoryRedis()
        self.engine: Any = MemoryEngine()
        self.store = MemoryStore()
        self.confirmations = Confirmations()
        self.directs = DirectCache()
        self.epoch = CurrentEpoch(dedupe_seconds=600)
        self.timers = Timers()
        self.counters: Counter[str] = Counter()
        self.reader = LogReader(Shard(self.redis))
        self.notices = self.redis.pubsub(ignore_subscribe_messages=True)
        self.notices.subscribe(keys.FIRST.gateway_channel("here"))
        self._blocking: list[gevent.Greenlet] = []
        self.appends, self.changes = self._queue("append", limits), self._queue("change", limits)
        self._build()
        self.begin_epoch(EPOCH)

    def _queue(self, name: str, limits: AppendLimits) -> Batcher:
        call = Append(
            Shard(self.redis),
            "here",
            limits,
            name=name,
            connect=lambda: self.redis,
            saw_epoch=lambda _epoch: None,
            wake=lambda: None,
        )
        return Batcher(name, call, recover=lambda: self.begin_epoch(EPOCH), after_batch=self._requeue_cold)

    def _requeue_cold(self) -> None:
        self.log.requeue_cold()  # the queues exist before the log writer does

    def _build(self) -> None:
        self.conversations = ConversationCache(
            engine=self.engine,
            shards=Shards([self.redis]),
            directs=self.directs,
            run_blocking=self.run_blocking,
            present_epoch=self._present_epoch,
        )
        self.log = LogWriter(appends=self.appends, changes=self.changes, conversations=self.conversations)
        self.receipts = ReceiptBatcher(
            changes=self.changes, confirmations=self.confirmations, call_later=self.timers.call_later
        )
        unlimited = UserRate("any", 0, 1, lambda _request, _outcome: None)
        self.marks = MarkMover(
            engine=self.engine,
            log=self.log,
            receipts=self.receipts,
            confirmations=self.confirmations,
            members=MemberChecks(shards=Shards([self.redis]), run_blocking=self.run_blocking),
            rate=unlimited,
            call_later=self.timers.call_later,
        )
        self.sender = self.make_sender(unlimited)
        self.replay = Replay(
            engine=self.engine,
            shards=Shards([self.redis]),
            shard=Shard(self.redis),
            directs=self.directs,
            epoch=self.epoch,
            requests=NO_REQUESTS,
            saw_epoch=lambda _: None,
        )

    def make_sender(self, rate: UserRate) -> MessageSender:
        # Messages with references have tests on real stores.
        references: Any = SimpleNamespace(find=lambda *_, by_host: NO_REFERENCES)
        return MessageSender(
            log=self.log,
            conversations=self.conversations,
            directs=self.directs,
            epoch_of=lambda _: self.epoch,
            confirmations=self.confirmations,
            references=references,
            find_stored=lambda pair: find_stored_ids([pair], engine=self.engine)[0],
            repeated=RepeatedSends(engine=self.engine, shards=Shards([self.redis])),
            check_write=None,
            open_direct=self._open_direct,
            rate=rate,
            run_blocking=self.run_blocking,
            counters=self.counters,
            acks=Histogram((1.0,)),
            max_text=8000,
        )

    def _open_direct(self, user_id: int, other_id: int) -> int:
        return open_direct(
            user_id,
            other_id,
            engine=self.engine,
            directs=self.directs,
            requests=NO_REQUESTS,
            check_opening=lambda *_: None,
            limit_openings=lambda _: None,
            carry_out=lambda _: None,
        )

    def begin_epoch(self, number: int) -> None:
        self.redis.set(keys.FIRST.epoch, f"{number}:0")
        self.epoch.adopt(Epoch(number, 0))

    def _present_epoch(self, _conversation_id: int) -> int:
        found = read_epoch(Shard(self.redis))
        assert found is not None
        return found.number

    def run_blocking(self, act: Callable[[], None]) -> None:
        self._blocking.append(gevent.spawn(act))

    def drain(self, count: int = 10_000, refused: dict[int, str] | None = None) -> int:
        """Stores up to ``count`` entries of the log. Returns the number of records."""
        _, entries = self.reader.take(count, 0)
        records = [record for entry in entries for record in entry.records or ()]
        self.store.store_records([record for record in records if record.version not in (refused or {})])
        self.reader.remove(entries, refused or {})
        return len(records)

    def deliver_notices(self) -> None:
        """Gives the drain's notices to the confirmations, as the hub does."""
        while not self.notices.is_empty():
            response = self.notices.read_response(timeout=0, push_request=True)
            for users, item in unpack(response[2])[1] if response[0] == b"message" else ():
                if users is False and item[0] == Kind.STORED:
                    self.confirmations.settle(item[1])
                elif users is False and item[0] == Kind.REFUSED:
                    self.confirmations.settle([item[1]], REFUSED)

    def work_until(self, ready: Callable[[], bool]) -> None:
        """Lets the queues run, and drains, until ``ready`` returns True."""
        with gevent.Timeout(PATIENCE, AssertionError("the gateway does not get there")):
            while not ready():
                gevent.sleep(0)
                if not self.engine.down:
                    self.drain()
                self.deliver_notices()


@contextmanager
def memory_gateway(limits: AppendLimits = LIMITS) -> Iterator[MemoryGateway]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = MemoryGateway(limits)
        made.store.replace(monkeypatch)
        made.appends.start()
        made.changes.start()
        try:
            yield made
        finally:
            made.appends.stop()
            made.changes.stop()
