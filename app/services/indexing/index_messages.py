"""Fills the search index: first with new and changed messages, then with names of users, then with earlier messages.

The transaction that stores a message does nothing of this, so the index may be seconds behind. Until a message is
indexed, a search reads its text (services/reading/search_messages.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from app.core.errors import Overloaded
from app.core.search_lexemes import kinds_in, lexemes_of
from app.core.search_terms import ANALYSER
from app.store import search_index as store
from app.store.engine import writing
from app.store.media_files import Files, files_of
from app.store.people_names import write_names_after
from app.store.search_index import BUCKET_MESSAGES, Bucket, ChangedMessage, IndexedMessage, Progress

MESSAGES_AT_ONCE, USERS_AT_ONCE = 500, 200
MIN_MESSAGES = 10  # if Postgres does not manage more within its timeout
# If analysing texts gets less CPU time than this share of its wall time, others want the processor. After a full batch,
# the indexer then rests REST_FACTOR times as long as the batch took, so it uses a few percent of a core.
FREE_SHARE = 0.9
REST_FACTOR, MAX_REST_SECONDS = 20, 2.0


class Indexer:
    """``stored_version`` returns the version up to which everything is in Postgres: behind it, records may still be
    stored out of turn. ``stopping`` returns whether to end early. ``rest`` waits for a number of seconds; by
    default the indexer works without rests. All methods may block.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        stored_version: Callable[[], int],
        stopping: Callable[[], bool] = lambda: False,
        batch: int = MESSAGES_AT_ONCE,
        rest: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._engine = engine
        self._stored_version = stored_version
        self._stopping = stopping
        self._batch = batch
        self._rest = rest
        self._is_crowded = False  # whether other processes wanted the processor during a full batch

    def run(self, seconds: float) -> bool:
        """Works until everything is indexed or the time is over. Returns whether everything is indexed.

        Returns False at once if another indexer is at work. Raises Overloaded if Postgres does not answer.
        """
        end = time.monotonic() + seconds
        while not self._stopping() and time.monotonic() < end:
            began, self._is_crowded = time.monotonic(), False
            try:
                upto = self._stored_version()
                with writing(self._engine) as conn:
                    progress = store.hold_progress(conn)
                    if progress is None or not self._work(conn, progress, upto):
                        return progress is not None
            except Overloaded:
                if self._batch <= MIN_MESSAGES:
                    raise
                self._batch = max(MIN_MESSAGES, self._batch // 4)  # very long texts, or a slow disk
            if self._is_crowded:
                self._rest(min(REST_FACTOR * (time.monotonic() - began), MAX_REST_SECONDS))
        return False

    def _work(self, conn: Connection, progress: Progress, upto: int) -> bool:
        """Indexes one batch. Returns whether there was anything to do."""
        if progress.analyser != ANALYSER:
            store.move_progress(conn, Progress(progress.indexed_version, progress.indexed_version, ANALYSER))
            return True
        changed = store.next_messages(conn, progress.indexed_version, upto, self._batch)
        if changed:
            self._index(conn, changed, forward=True)
            newest = max(message.version for message in changed)
            store.move_progress(conn, progress._replace(indexed_version=newest))
            return True
        named = write_names_after(conn, progress.named_user_id, USERS_AT_ONCE)
        if named is not None:
            store.move_progress(conn, progress._replace(named_user_id=named))
            return True
        if progress.backfill_version is None:
            return False
        earlier = store.earlier_messages(conn, progress.backfill_version, self._batch, progress.backfill_floor)
        self._index(conn, earlier, forward=False)
        oldest = min((message.version for message in earlier), default=None)
        store.move_progress(conn, progress._replace(backfill_version=None if oldest is None else oldest - 1))
        return True

    def _index(self, conn: Connection, messages: Sequence[ChangedMessage], *, forward: bool) -> None:
        kept = [message for message in messages if not message.gone]
        kept.sort(key=lambda message: message.created_version, reverse=not forward)
        files = files_of(conn, (message.attachments for message in kept))
        placed = _Placing(store.read_buckets(conn), forward=forward)
        began, began_cpu = time.perf_counter(), time.thread_time()
        rows = [_analysed(message, placed.bucket_of(message), files.of(message.attachments)) for message in kept]
        seconds, cpu_seconds = time.perf_counter() - began, time.thread_time() - began_cpu
        self._is_crowded = len(messages) >= self._batch and cpu_seconds < FREE_SHARE * seconds
        store.remove_terms(conn, ((m.conversation_id, m.seq) for m in messages if m.gone and m.bucket is not None))
        store.write_terms(conn, rows)
        store.fill_buckets(conn, placed.filled())
        store.clean_pending(conn)


def _analysed(message: ChangedMessage, bucket: int, files: Files) -> IndexedMessage:
    lexemes = lexemes_of(
        "\n".join((message.body, *files.names)),
        bucket=bucket,
        conversation_id=message.conversation_id,
        sender_id=message.sender_id,
        kinds=kinds_in(message.body, files.kinds),
    )
    return IndexedMessage(message.conversation_id, message.seq, bucket, message.created_version, lexemes)


class _Placing:
    """Chooses the buckets of messages. A message that is indexed keeps its bucket."""

    def __init__(self, buckets: Iterable[Bucket], *, forward: bool) -> None:
        self._forward = forward
        self._known = list(buckets)
        self._counts = {bucket.bucket: bucket.messages for bucket in self._known}
        numbers = [bucket.bucket for bucket in self._known]
        self._open = max([0, *numbers]) if forward else min([-1, *numbers])
        self._filled: dict[int, Bucket] = {}

    def bucket_of(self, message: ChangedMessage) -> int:
        if message.bucket is not None:
            return message.bucket
        bucket = self._late(message)
        if bucket is None:
            if self._counts.get(self._open, 0) >= BUCKET_MESSAGES:
                self._open += 1 if self._forward else -1
            bucket = self._open
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._fill(bucket, message)
        return bucket

    def filled(self) -> Iterable[Bucket]:
        return self._filled.values()

    def _late(self, message: ChangedMessage) -> int | None:
        """Returns the bucket of a message that is older than the bucket that is being filled, or None."""
        if not self._forward or not self._known or message.created_version >= self._known[0].first_version:
            return None
        older = (bucket.bucket for bucket in self._known if bucket.first_version <= message.created_version)
        return next(older, min(-1, self._known[-1].bucket))  # they are sorted from new to old

    def _fill(self, bucket: int, message: ChangedMessage) -> None:
        before = self._filled.get(bucket)
        ms = message.sent_ms
        # An edit gives an old message a late version. So the version at which a bucket begins depends on the direction.
        version = message.created_version if self._forward else message.version
        if before is None:
            self._filled[bucket] = Bucket(bucket, 1, version, ms, ms)
        else:
            first = min(before.first_version, version)
            self._filled[bucket] = Bucket(
                bucket, before.messages + 1, first, min(before.first_ms, ms), max(before.last_ms, ms)
            )


class Lag(NamedTuple):
    """``messages`` are at most BEHIND_CAP. ``seconds``: the age of the change that waits longest."""

    messages: int
    seconds: float
    backfilling: bool


def read_lag(conn: Connection, *, now: float) -> Lag:
    """Versions are the microseconds at which they were given (app/message_log/lua/log.lua)."""
    count, version = store.behind(conn)
    progress = store.read_progress(conn)
    seconds = max(0.0, now - version / 1e6) if count else 0.0
    return Lag(count, seconds, progress.backfill_version is not None or progress.analyser != ANALYSER)
