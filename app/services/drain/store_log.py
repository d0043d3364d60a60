"""The drain: stores the log from Redis in Postgres, in batches, as long as records come.

Invariants
* A record leaves the log only after its transaction has committed, or after it was moved to dead_letters.
* Storing is safe to repeat: a drain that dies leaves its batch at the head of the log for the next drain.
* A lease lets one drain run at a time. If the lease of a drain that hangs expires, two may run. Then the epoch's row
  lock and the uniqueness of (conversation, seq) and (conversation, id) keep the store correct.
* Seqs have no gaps: a deleted message takes the seq of a dead-lettered one. If entries are missing from the log,
  nothing behind them is stored, and a new epoch begins.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.core.histogram import Histogram, batch_sizes
from app.core.kinds import MESSAGES
from app.core.records import Record, pack
from app.message_log.reader import Entry, LogReader
from app.services.drain.log_rows import Rows
from app.store.batch_changes import store_changes
from app.store.batch_writes import Conflict, UnstorableError, store_batch_and_enqueue_pushes
from app.store.conversations import load_state
from app.store.dead_letters import insert_dead_letter, insert_tombstone
from app.store.engine import reading, writing
from app.store.epochs import StaleEpochError, check_epoch
from app.task_queue import enqueue_announcement

log = logging.getLogger(__name__)

BLOCK_MS = 1000
# A smaller batch is not worth its round trips and its commit, so the drain waits a moment for more. No record waits
# longer than GATHER_SECONDS, counted from the earliest time at which it can have arrived.
SMALL_BATCH = 16
GATHER_SECONDS = 0.004
AT_ONCE_SECONDS = 0.001  # a read that took no longer found records that were there already
# After this many attempts at the same head of the log, its records are stored one by one.
ATTEMPTS_BEFORE_CAUTION = 2
# Under steady load a drain hands over after this time, well within its task's time limit.
RUN_SECONDS = 1800.0
STALE_BEFORE_NEW_EPOCH = 20

AGAIN = "again"  # the reason for a rejection that a retry by the sender resolves


@dataclass(slots=True)
class DrainStats:
    """Counters of the drains of one process."""

    batches: int = 0
    records: int = 0
    dead_lettered: int = 0
    store_failures: int = 0
    sizes: Histogram = field(default_factory=batch_sizes)

    def snapshot(self) -> dict[str, Any]:
        """Returns the counts in the form that is published (app/services/metrics/publish_metrics.py)."""
        counts = {
            "batches": self.batches,
            "records": self.records,
            "dead_lettered": self.dead_lettered,
            "store_failures": self.store_failures,
        }
        return {"drain": counts, "drain_sizes": self.sizes.snapshot()}


class Drain:
    """``stopping`` returns whether this process is shutting down. ``alive`` is called at least every few seconds,
    ``pushes_pending`` after a batch that made pushes pending.
    """

    def __init__(
        self,
        reader: LogReader,
        engine: Engine,
        *,
        batch: int,
        linger_seconds: float,
        lease_seconds: float,
        stopping: Callable[[], bool],
        alive: Callable[[DrainStats], None],
        stats: DrainStats | None = None,
        pushes_pending: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = reader
        self._engine = engine
        self._batch = batch
        self._linger = linger_seconds
        self._lease = lease_seconds
        self._stopping = stopping
        self._alive = alive
        self._pushes_pending = pushes_pending
        self._token = secrets.token_hex(8)
        self._renewed = 0.0
        self._next: int | None = None  # the number of the next entry, or None if it is not known
        self._stale = 0
        self._taken_at = 0.0
        self.stats = stats or DrainStats()

    def run(self) -> bool:
        """Drains until the log was empty for ``linger_seconds``, RUN_SECONDS have passed or the process shuts down.

        Returns False if another drain holds the lease. Raises RedisError if Redis fails; the lease then expires.
        """
        if not self._reader.renew(self._token, self._lease):
            return False
        self._renewed = time.monotonic()
        first = True
        idle_since = time.monotonic()
        end = time.monotonic() + RUN_SECONDS
        while not self._stopping() and time.monotonic() < end:
            if not self._keep_lease():
                return True
            epoch, taken = self._take()
            entries = self._whole(taken)
            if entries is None:
                continue
            if entries:
                self._store(epoch, entries, first=first)
                first = False
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > self._linger and self._reader.release(self._token):
                return True
        self._reader.release(self._token, force=True)
        return True

    def _take(self) -> tuple[int | None, list[Entry]]:
        """Waits for records. If there are few, waits a moment for more."""
        asked = time.monotonic()
        epoch, entries = self._reader.take(self._batch, BLOCK_MS)
        if entries and sum(len(entry.records or ()) for entry in entries) < SMALL_BATCH:
            now = time.monotonic()
            # Records that were there already can have come at any time since the last read.
            since = now if now - asked > AT_ONCE_SECONDS else self._taken_at
            if since + GATHER_SECONDS > now:
                time.sleep(since + GATHER_SECONDS - now)
                epoch, entries = self._reader.take(self._batch, 0)
        self._taken_at = time.monotonic()
        return epoch, entries

    def _whole(self, entries: list[Entry]) -> list[Entry] | None:
        """Returns the entries up to the first missing one, or None if entries are missing at the head.

        Then the log was trimmed by hand, and the missing records may be nowhere else. Nothing behind them may be
        stored, or seqs would have a gap.
        """
        numbers = [entry.number for entry in entries if entry.number is not None]
        expected, self._next = self._next, None
        if (not numbers or numbers[0] != expected) and self._reader.give_up_if_lost():
            log.error("the log lost unstored entries; its epoch is given up")
            time.sleep(0.1)
            return None
        if not numbers:
            return entries
        self._next = numbers[0]
        for index, entry in enumerate(entries):
            if entry.number is not None:
                if entry.number != self._next:
                    return entries[:index]
                self._next += 1
        return entries

    def _keep_lease(self) -> bool:
        now = time.monotonic()
        if now - self._renewed < self._lease / 4:
            return True
        self._renewed = now
        self._alive(self.stats)
        return self._reader.renew(self._token, self._lease)

    def _store(self, epoch: int | None, entries: list[Entry], *, first: bool) -> None:
        if epoch is None:
            time.sleep(0.1)  # Redis lost its data; a gateway will begin a new epoch
            return
        try:
            if first and self._reader.count_attempt(entries[0].id) > ATTEMPTS_BEFORE_CAUTION:
                self._store_cautiously(epoch, entries[0])
            else:
                self._store_entries(epoch, entries)
            self._stale = 0
        except StaleEpochError:
            self._handle_stale_epoch(epoch)
        except Overloaded:
            self.stats.store_failures += 1
            log.warning("Postgres does not answer; %d entries are waiting", len(entries))
            time.sleep(0.25)

    def _handle_stale_epoch(self, epoch: int) -> None:
        """Waits for the log to show the new epoch, which has usually just begun.

        If it never does, Redis was restored from an old copy. Its epoch is given up, and a gateway begins a new one.
        """
        self._stale += 1
        log.warning("the log is of epoch %d, Postgres is in another", epoch)
        time.sleep(0.1)
        if self._stale >= STALE_BEFORE_NEW_EPOCH:
            self._stale = 0
            self._reader.give_up_epoch(epoch)

    def _store_entries(self, epoch: int, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.records is None:
                self._dead_letter_blob(entry)
        records = [record for entry in entries for record in entry.records or ()]
        refused = self._store_records(epoch, records)
        self._reader.remove(entries, refused)
        self.stats.batches += 1
        self.stats.records += len(records)
        self.stats.sizes.observe(len(records))

    def _store_cautiously(self, epoch: int, entry: Entry) -> None:
        """Stores the records of an entry that killed drains one by one.

        Each attempt is counted before it begins, so the record that kills the process is found and dead-lettered.
        """
        refused: dict[int, str] = {}
        if entry.records is None:
            self._dead_letter_blob(entry)
        for record in entry.records or ():
            if self._reader.count_attempt(b"%d" % record.version) > ATTEMPTS_BEFORE_CAUTION:
                refused |= self._dead_letter(epoch, record, "ends the process that stores it")
            else:
                refused |= self._store_records(epoch, [record])
        self._reader.remove([entry], refused)

    def _store_records(self, epoch: int, records: list[Record]) -> dict[int, str]:
        """Stores all records that can be stored. Returns version -> reason for those that were rejected."""
        try:
            rows, refused = self._rows(epoch, records)
            stored = store_batch_and_enqueue_pushes(
                self._engine, epoch, rows.messages, rows.receipts, triggers=rows.push_triggers
            )
            if stored.pushes:
                self._pushes_pending()
            for conflict in stored.conflicts:
                refused |= self._resolve(epoch, rows.origins[conflict.index], conflict)
            late = store_changes(self._engine, epoch, [c for c in rows.changes if c.record.version not in refused])
            for media_id in late:
                enqueue_announcement(media_id)
        except UnstorableError as error:
            if len(records) == 1:
                return self._dead_letter(epoch, records[0], str(error))
            half = len(records) // 2
            return self._store_records(epoch, records[:half]) | self._store_records(epoch, records[half:])
        return refused

    def _rows(self, epoch: int, records: list[Record]) -> tuple[Rows, dict[int, str]]:
        rows = Rows()
        refused: dict[int, str] = {}
        for record in records:
            try:
                rows.add(record)
            except (msgspec.MsgspecError, UnicodeError) as error:
                refused |= self._dead_letter(epoch, record, f"no body of kind {record.kind}: {error}")
            except KeyError:
                refused |= self._dead_letter(epoch, record, f"unknown kind {record.kind}")
        return rows, refused

    def _resolve(self, epoch: int, record: Record, conflict: Conflict) -> dict[int, str]:
        """Rejects a message that conflicts with a stored one, so that its sender sends it again."""
        log.warning(
            "conversation %d: seq %d is a %s",
            record.conversation_id,
            record.seq,
            conflict.kind.replace("_", " "),
        )
        if conflict.kind == "duplicate":  # sent long before; the retry finds the first one
            self._fill_gap(epoch, record)
        else:  # Redis lost its newest seqs; the retry gets a later seq
            self._raise_counter(record.conversation_id)
        self._reader.forget(record)
        return {record.version: AGAIN}

    def _raise_counter(self, conversation_id: int) -> None:
        with reading(self._engine) as connection:
            (state,) = load_state(connection, [conversation_id])
        self._reader.raise_counter(conversation_id, state.last_seq)

    def _dead_letter(self, epoch: int, record: Record, reason: str) -> dict[int, str]:
        log.error("cannot store a record: %s", reason)
        self.stats.dead_lettered += 1
        with writing(self._engine) as connection:
            check_epoch(connection, epoch)
            insert_dead_letter(connection, pack(tuple(record)), reason)
        if record.kind in MESSAGES:
            self._fill_gap(epoch, record)
        self._reader.forget(record)
        return {record.version: reason}

    def _dead_letter_blob(self, entry: Entry) -> None:
        log.error("cannot read the log entry %s", entry.id.decode())
        self.stats.dead_lettered += 1
        with writing(self._engine) as connection:
            insert_dead_letter(connection, entry.blob, "not a log entry")

    def _fill_gap(self, epoch: int, record: Record) -> None:
        with writing(self._engine) as connection:
            check_epoch(connection, epoch)
            insert_tombstone(
                connection,
                record.conversation_id,
                record.seq,
                sender_id=record.user_id,
                version=record.version,
                sent_ms=record.sent_ms,
            )
