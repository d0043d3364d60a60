"""While the drain is behind, stores the newest messages and marks ahead of the backlog, so that they do not wait for
all of it.

Invariants
* A conversation's records are stored in order. Records are stored ahead only with everything of their conversation that
  is still unstored, and only up to its first change.
* Nothing leaves the log or a tail early. When the drain comes to these records, it skips them and removes them. If it
  dies before that, its successor stores them again, which changes nothing.
* Records that cannot be stored, and conflicts, are not handled here: they wait for their turn in the log. If a drain
  died while it stored ahead, its successors do not, until the log has been empty.
"""

from __future__ import annotations

import logging

import msgspec

from app.core.kinds import MARKS, MESSAGES, Kind
from app.core.records import Record
from app.message_log.reader import LogReader
from app.services.drain.log_rows import Rows
from app.services.drain.store_records import RecordStore

log = logging.getLogger(__name__)

NEWEST_ENTRIES = 50
# A conversation with a longer tail waits for its turn.
TAIL_RECORDS = 100
RECORDS_AT_ONCE = 1000
STORABLE = (MESSAGES - {Kind.GROUP_CHANGED}) | MARKS


class StoreAhead:
    """``versions``: the records that are stored and still in the log."""

    def __init__(self, reader: LogReader, records: RecordStore) -> None:
        self.versions: set[int] = set()
        self._reader = reader
        self._store = records
        self._seen = 0
        self._off = False
        self._begun = False

    def caught_up(self) -> None:
        """Forgets the backlog; the next one is looked at from its beginning."""
        if self._begun:
            self._reader.end_ahead()
            self._begun = self._off = False
            self._seen = 0

    def store_newest(self, epoch: int, at_most: int = RECORDS_AT_ONCE) -> None:
        """Stores ``at_most`` records together. Raises the store's ``surroundings``; then nothing counts as stored."""
        if self._off:
            return
        self._begun = True
        if not self._reader.begin_ahead():
            self._off = True
            return
        try:
            self._store_records(epoch, self._records(epoch, min(at_most, RECORDS_AT_ONCE)))
        except self._store.surroundings:
            raise
        except Exception:
            log.warning("cannot store the newest records ahead; they wait for their turn", exc_info=True)
            self._off = True
        finally:
            self._reader.end_ahead()

    def _records(self, epoch: int, at_most: int) -> list[Record]:
        """Returns the unstored records of the conversations that the newest entries are about."""
        entries = self._reader.newest(self._seen, NEWEST_ENTRIES)
        self._seen = max([self._seen, *(entry.number or 0 for entry in entries)])
        kept = [entry for entry in entries if entry.epoch == epoch]
        newest_first = [record for entry in kept for record in reversed(entry.records or ())]
        conversations = list(dict.fromkeys(record.conversation_id for record in newest_first))
        tails = self._reader.short_tails(conversations, TAIL_RECORDS, at_most)
        return [record for tail in tails for record in self._beginning(tail)]

    def _beginning(self, tail: list[Record]) -> list[Record]:
        """Returns the records before the first change that are not stored yet."""
        end = next((n for n, record in enumerate(tail) if record.kind not in STORABLE), len(tail))
        return [record for record in tail[:end] if record.version not in self.versions]

    def _store_records(self, epoch: int, records: list[Record]) -> None:
        rows = Rows()
        for record in records:
            try:
                rows.add(record)
            except (msgspec.MsgspecError, UnicodeError, KeyError):
                self._off = True  # the drain makes it a dead letter when it comes to it
                return
        stored = self._store.store_rows(epoch, rows)
        conflicts = {rows.origins[conflict.index].version for conflict in stored.conflicts}
        kept = [record for record in records if record.version not in conflicts]
        self.versions.update(record.version for record in kept)
        self._reader.announce_stored(kept)
        self._store.follow_up(stored)
