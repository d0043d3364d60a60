"""Stores records of the log in Postgres, and makes dead letters of those that cannot be stored.

Invariants
* Messages and changes of a batch commit together.
  * No record stops the others. A batch that raises is halved until the faulty record is found. That record becomes a
    dead letter with its traceback. Failures of Postgres, of Redis and of the surroundings are no faults of a record:
    they are raised, and the batch is stored later.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.core.histogram import Histogram, batch_sizes
from app.core.kinds import MESSAGES
from app.core.records import Record, pack
from app.message_log.reader import Entry, LogReader
from app.services.drain.log_rows import Rows
from app.store import connections
from app.store.batch_changes import apply_changes
from app.store.batch_writes import Conflict, Stored, UnstorableError, store_batch_and_enqueue_pushes
from app.store.conversations import load_state
from app.store.dead_letters import insert_dead_letter, insert_tombstone
from app.store.engine import KeptConnection, reading, writing
from app.store.epochs import StaleEpochError, check_epoch
from app.store.frozen_drains import end_frozen_drains
from app.task_queue import enqueue_announcement

log = logging.getLogger(__name__)

AGAIN = "again"  # the reason for a rejection that a retry by the sender resolves
MAX_REASON = 8000


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


class RecordStore:
    """All methods that store raise StaleEpochError, Overloaded, RedisError and ``not_the_records``: ``surroundings``,
    failures that are not the records'. All records are of the reader's shard, which has the conversations of ``part``.
    """

    def __init__(
        self,
        reader: LogReader,
        engine: Engine,
        stats: DrainStats,
        *,
        pushes_pending: Callable[[], None],
        not_the_records: tuple[type[Exception], ...],
        events_fed: Callable[[], None] = lambda: None,
        kept: KeptConnection | None = None,
    ) -> None:
        """Uses ``kept``, a connection of the engine, for batches that take one statement."""
        self._reader = reader
        self.part = reader.part
        self._pool = engine
        self._kept = kept
        self._stats = stats
        self._pushes_pending = pushes_pending
        self._events_fed = events_fed
        self.surroundings: tuple[type[Exception], ...] = (StaleEpochError, Overloaded, RedisError, *not_the_records)

    @property
    def _engine(self) -> Engine:
        """The engine, for everything else. Its pool may have only one connection."""
        if self._kept is not None:
            self._kept.release()
        return self._pool

    def store(self, epoch: int, records: list[Record]) -> dict[int, str]:
        """Stores all records that can be stored. Returns version -> reason for those that were rejected."""
        try:
            stored, refused = self._store_together(epoch, records)
        except self.surroundings:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a record raises must not stop the others
            if len(records) == 1:
                return self.dead_letter(epoch, records[0], _summary(error), error)
            half = len(records) // 2
            return self.store(epoch, records[:half]) | self.store(epoch, records[half:])
        self.follow_up(stored)
        return refused

    def _store_together(self, epoch: int, records: list[Record]) -> tuple[Stored, dict[int, str]]:
        rows, refused = self._rows(epoch, records)
        stored = self.store_rows(epoch, rows)
        for conflict in stored.conflicts:
            refused |= self._resolve(epoch, rows.origins[conflict.index], conflict)
        return stored, refused

    def store_rows(self, epoch: int, rows: Rows) -> Stored:
        """Stores all rows in one transaction, except messages that conflict with stored ones."""
        return store_batch_and_enqueue_pushes(
            self._pool,
            epoch,
            rows.messages,
            rows.receipts,
            triggers=rows.push_triggers,
            apply=partial(apply_changes, rows.changes) if rows.changes else None,
            feed=partial(rows.feed, self.part.number) if rows.fed else None,
            part=self.part,
            kept=self._kept,
        )

    def end_frozen_drains(self) -> None:
        """Call it after a timeout: the cause may be a frozen drain that holds the epoch's row."""
        with suppress(Overloaded):
            if end_frozen_drains(self._engine, connections.IDLE_SECONDS):
                log.warning("ended a drain that had frozen within a transaction")

    def follow_up(self, stored: Stored) -> None:
        """Wakes the runners of push and of webhooks, and the media tasks. They look for work by themselves, so a
        failure costs only time.
        """
        try:
            if stored.pushes:
                self._pushes_pending()
            if stored.events:
                self._events_fed()
            for media_id in stored.settled:
                enqueue_announcement(media_id)
        except self.surroundings:
            raise
        except Exception:
            log.exception("stored, but the wake-ups failed")

    def _rows(self, epoch: int, records: list[Record]) -> tuple[Rows, dict[int, str]]:
        rows = Rows()
        refused: dict[int, str] = {}
        for record in records:
            try:
                rows.add(record)
            except (msgspec.MsgspecError, UnicodeError) as error:
                refused |= self.dead_letter(epoch, record, f"no body of kind {record.kind}: {error}", error)
            except KeyError as error:
                refused |= self.dead_letter(epoch, record, f"unknown kind {record.kind}", error)
        return rows, refused

    def _resolve(self, epoch: int, record: Record, conflict: Conflict) -> dict[int, str]:
        """Rejects a message that conflicts with a stored one, so that its sender sends it again."""
        log.warning(
            "conversation %d: seq %d is a %s", record.conversation_id, record.seq, conflict.kind.replace("_", " ")
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

    def dead_letter(
        self, epoch: int, record: Record, reason: str, error: BaseException | None = None
    ) -> dict[int, str]:
        """Moves a record to dead_letters. Its seq is taken by a tombstone, so that seqs have no gap."""
        log.error("cannot store a record: %s", reason)
        self._stats.dead_lettered += 1
        with writing(self._engine) as connection:
            check_epoch(connection, epoch, self.part)
            insert_dead_letter(connection, pack(tuple(record)), _details(reason, error))
        if record.kind in MESSAGES:
            self._fill_gap_if_possible(epoch, record)
        self._reader.forget(record)
        return {record.version: reason}

    def dead_letter_blob(self, entry: Entry) -> None:
        log.error("cannot read the log entry %s", entry.id.decode())
        self._stats.dead_lettered += 1
        with writing(self._engine) as connection:
            insert_dead_letter(connection, entry.blob, "not a log entry")

    def _fill_gap_if_possible(self, epoch: int, record: Record) -> None:
        """A tombstone that cannot be stored either (no such conversation or user) must not stop the log."""
        try:
            self._fill_gap(epoch, record)
        except self.surroundings:
            raise
        except Exception:
            log.exception("conversation %d: seq %d stays empty", record.conversation_id, record.seq)

    def _fill_gap(self, epoch: int, record: Record) -> None:
        with writing(self._engine) as connection:
            check_epoch(connection, epoch, self.part)
            insert_tombstone(
                connection,
                record.conversation_id,
                record.seq,
                sender_id=record.user_id,
                version=record.version,
                sent_ms=record.sent_ms,
            )


def _summary(error: Exception) -> str:
    """Returns the reason that the sender's gateway logs. It quotes no text of the record, unlike many exceptions."""
    return str(error) if isinstance(error, UnstorableError) else type(error).__name__


def _details(reason: str, error: BaseException | None) -> str:
    """Returns the reason with the traceback, for dead_letters. Postgres stores no NUL in a text."""
    trace = "".join(traceback.format_exception(error)) if error is not None else ""
    return f"{reason}\n{trace[-MAX_REASON:]}".strip().replace("\0", "\\0")
