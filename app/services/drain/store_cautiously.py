"""Stores a batch over which a drain died, in small steps, so that the record that ends processes is found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from app.core.records import Record
from app.message_log.reader import Entry, LogReader, count_records
from app.services.drain.store_records import DrainStats, RecordStore

log = logging.getLogger(__name__)

CAUTIOUS_RECORDS = 32


class LeaseLostError(Exception):
    """Another drain has taken over."""


class CautiousStore:
    """``keep_lease`` is called before each step. It returns whether the drain still has its lease."""

    def __init__(
        self,
        reader: LogReader,
        records: RecordStore,
        stats: DrainStats,
        *,
        keep_lease: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._records = records
        self._stats = stats
        self._keep_lease = keep_lease
        self._begun: set[int] = set()  # noted in Redis by this drain, which is alive

    def store(self, epoch: int, entries: list[Entry]) -> None:
        """Stores the entries and removes them from the log. Raises LeaseLostError, and the store's ``surroundings``;
        earlier steps then stay done.
        """
        log.warning("a drain died at the head of the log; storing %d entries in small steps", len(entries))
        for group in _in_groups(entries):
            if not self._keep_lease():
                raise LeaseLostError
            self._store_group(epoch, group)
            self._stats.records += count_records(group)

    def _store_group(self, epoch: int, group: list[Entry]) -> None:
        for entry in group:
            if entry.records is None:
                self._records.dead_letter_blob(entry)
        records = [record for entry in group for record in entry.records or ()]
        refused: dict[int, str] = {}
        for first in range(0, len(records), CAUTIOUS_RECORDS):
            refused |= self._store_suspects(epoch, records[first : first + CAUTIOUS_RECORDS])
        self._reader.remove(group, refused)

    def _store_suspects(self, epoch: int, records: list[Record]) -> dict[int, str]:
        """Stores the records together. If a drain died over them, stores them one by one; if a drain then died over a
        single record, makes it a dead letter. So three deaths find the record, wherever in the batch it is.
        """
        if not self._reader.suspect(records[0].version, records[-1].version):
            return self._records.store(epoch, records)
        refused: dict[int, str] = {}
        for record in records:
            refused |= self._store_suspect(epoch, record)
        return refused

    def _store_suspect(self, epoch: int, record: Record) -> dict[int, str]:
        """Stores a single record. Without its lease, the drain would be taken for dead and the record be blamed."""
        if not self._keep_lease():
            raise LeaseLostError
        died = not self._reader.begin_record(record.version) and record.version not in self._begun
        self._begun.add(record.version)
        try:
            if died:
                return self._records.dead_letter(epoch, record, "ends the process that stores it")
            return self._records.store(epoch, [record])
        finally:  # the process has survived the record, even if an error was raised
            self._reader.end_record(record.version)
            self._begun.discard(record.version)


def _in_groups(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Yields the entries in groups of up to CAUTIOUS_RECORDS records, and larger entries by themselves."""
    group: list[Entry] = []
    for entry in entries:
        if group and count_records([*group, entry]) > CAUTIOUS_RECORDS:
            yield group
            group = []
        group.append(entry)
    if group:
        yield group
