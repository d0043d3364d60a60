"""The drain: from the log in Redis to Postgres, in batches, for as long as something comes.

Invariants
* A record leaves the log only after the transaction that holds it has committed, or after it was set aside for good.
* Storing is safe to repeat: a drain that dies in between leaves its batch at the head of the log for the next.
* One drain at a time, by a lease. Should a lease run out under a drain that hangs, two may run; the epoch's row lock
  and the uniqueness of (conversation, seq) and (conversation, id) then keep the store right.
* Seqs have no gaps: where a record is set aside, a deleted message takes its place; where entries are missing from the
  log, nothing behind them is stored and a new epoch begins.
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
from app.store.batch_writes import (
    Conflict,
    UnstorableError,
    insert_dead_letter,
    insert_tombstone,
    store_batch_and_enqueue_pushes,
)
from app.store.conversations import load_state
from app.store.engine import reading, writing
from app.store.epochs import StaleEpochError, check_epoch
from app.task_queue import enqueue_announcement

log = logging.getLogger(__name__)

BLOCK_MS = 1000
# A batch smaller than this is not worth its round trips and its commit: what follows closely comes along. Nothing waits
# longer for that than this, counted from when it can have come at the earliest.
SMALL_BATCH = 16
GATHER_SECONDS = 0.004
AT_ONCE_SECONDS = 0.001  # an answer that took no longer did not wait for anything to come
# After so many drains died at the same head of the log, its records are stored one by one.
ATTEMPTS_BEFORE_CAUTION = 2
# A drain under steady load hands over now and then, well within its task's time limit.
RUN_SECONDS = 1800.0
STALE_BEFORE_NEW_EPOCH = 20

AGAIN = "again"  # the sender is asked to send once more: its message met a conflict that a second try resolves


@dataclass(slots=True)
class DrainStats:
    """What the drains of one process did, for the metrics."""

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
    """``stopping`` says whether this process was told to end; ``alive`` is called at least every few seconds.
    ``owed`` is called after a batch by which devices are owed something."""

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
        owed: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = reader
        self._engine = engine
        self._batch = batch
        self._linger = linger_seconds
        self._lease = lease_seconds
        self._stopping = stopping
        self._alive = alive
        self._owed = owed
        self._token = secrets.token_hex(8)
        self._renewed = 0.0
        self._next: int | None = None  # the number of the next entry, where the last one is known
        self._stale = 0
        self._taken_at = 0.0
        self.stats = stats or DrainStats()

    def run(self) -> bool:
        """Drain until the log was empty for ``linger_seconds``, half an hour has passed, or the process is told to
        stop. Returns False where
        another drain is at work, True otherwise. Raises RedisError where Redis goes away: the lease then runs out."""
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
        """What there is, once there is something; where it is little, a moment later."""
        asked = time.monotonic()
        epoch, entries = self._reader.take(self._batch, BLOCK_MS)
        if entries and sum(len(entry.records or ()) for entry in entries) < SMALL_BATCH:
            now = time.monotonic()
            # Where it was there already, it came while the last batch was being stored.
            since = now if now - asked > AT_ONCE_SECONDS else self._taken_at
            if since + GATHER_SECONDS > now:
                time.sleep(since + GATHER_SECONDS - now)
                epoch, entries = self._reader.take(self._batch, 0)
        self._taken_at = time.monotonic()
        return epoch, entries

    def _whole(self, entries: list[Entry]) -> list[Entry] | None:
        """The entries up to the first that is missing. None where those at the head are: somebody trimmed the log, what
        it held may be nowhere else, and nothing behind it may be stored, or seqs would have a gap."""
        numbers = [entry.number for entry in entries if entry.number is not None]
        expected, self._next = self._next, None
        if (not numbers or numbers[0] != expected) and self._reader.give_up_if_lost():
            log.error("the log lost entries that were not stored: its history is given up")
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
            time.sleep(0.1)  # Redis lost its data; a gateway begins a new epoch
            return
        try:
            if first and self._reader.count_attempt(entries[0].id) > ATTEMPTS_BEFORE_CAUTION:
                self._store_cautiously(epoch, entries[0])
            else:
                self._store_entries(epoch, entries)
            self._stale = 0
        except StaleEpochError:
            self._meet_stale_epoch(epoch)
        except Overloaded:
            self.stats.store_failures += 1
            log.warning("Postgres does not answer; %d entries wait", len(entries))
            time.sleep(0.25)

    def _meet_stale_epoch(self, epoch: int) -> None:
        """Usually a new epoch has just begun, and the next look at the log shows it. Where it stays like this, Redis
        came back from an old copy: its history is given up, and a gateway begins a new epoch.
        """
        self._stale += 1
        log.warning("the log is of epoch %d, Postgres of another", epoch)
        time.sleep(0.1)
        if self._stale >= STALE_BEFORE_NEW_EPOCH:
            self._stale = 0
            self._reader.give_up_epoch(epoch)

    def _store_entries(self, epoch: int, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.records is None:
                self._set_blob_aside(entry)
        records = [record for entry in entries for record in entry.records or ()]
        refused = self._store_records(epoch, records)
        self._reader.remove(entries, refused)
        self.stats.batches += 1
        self.stats.records += len(records)
        self.stats.sizes.observe(len(records))

    def _store_cautiously(self, epoch: int, entry: Entry) -> None:
        """The head of the log has killed drains. Store its records one by one, noting each before it is begun, so that
        the one it is can be told and set aside."""
        refused: dict[int, str] = {}
        if entry.records is None:
            self._set_blob_aside(entry)
        for record in entry.records or ():
            if self._reader.count_attempt(b"%d" % record.version) > ATTEMPTS_BEFORE_CAUTION:
                refused |= self._set_aside(epoch, record, "ends the process that stores it")
            else:
                refused |= self._store_records(epoch, [record])
        self._reader.remove([entry], refused)

    def _store_records(self, epoch: int, records: list[Record]) -> dict[int, str]:
        """Store what can be stored. Returns version -> reason for what was refused."""
        try:
            rows, refused = self._rows(epoch, records)
            stored = store_batch_and_enqueue_pushes(
                self._engine, epoch, rows.messages, rows.receipts, triggers=rows.push_triggers
            )
            if stored.pushes:
                self._owed()
            for conflict in stored.conflicts:
                refused |= self._resolve(epoch, rows.origins[conflict.index], conflict)
            late = store_changes(self._engine, epoch, [c for c in rows.changes if c.record.version not in refused])
            for media_id in late:
                enqueue_announcement(media_id)
        except UnstorableError as error:
            if len(records) == 1:
                return self._set_aside(epoch, records[0], str(error))
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
                refused |= self._set_aside(epoch, record, f"no body of kind {record.kind}: {error}")
            except KeyError:
                refused |= self._set_aside(epoch, record, f"unknown kind {record.kind}")
        return rows, refused

    def _resolve(self, epoch: int, record: Record, conflict: Conflict) -> dict[int, str]:
        """A message that was not stored because another stands in its way: its sender is asked to send it again."""
        log.warning(
            "conversation %d: seq %d is a %s",
            record.conversation_id,
            record.seq,
            conflict.kind.replace("_", " "),
        )
        if conflict.kind == "duplicate":  # sent long before; the second try finds the first
            self._fill_gap(epoch, record)
        else:  # Redis had forgotten the newest of what it gave out; the second try gets a seq behind them
            self._raise_counter(record.conversation_id)
        self._reader.forget(record)
        return {record.version: AGAIN}

    def _raise_counter(self, conversation_id: int) -> None:
        with reading(self._engine) as connection:
            (state,) = load_state(connection, [conversation_id])
        self._reader.raise_counter(conversation_id, state.last_seq)

    def _set_aside(self, epoch: int, record: Record, reason: str) -> dict[int, str]:
        log.error("a record cannot be stored: %s", reason)
        self.stats.dead_lettered += 1
        with writing(self._engine) as connection:
            check_epoch(connection, epoch)
            insert_dead_letter(connection, pack(tuple(record)), reason)
        if record.kind in MESSAGES:
            self._fill_gap(epoch, record)
        self._reader.forget(record)
        return {record.version: reason}

    def _set_blob_aside(self, entry: Entry) -> None:
        log.error("an entry of the log cannot be read: %s", entry.id.decode())
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
