"""The drain: stores the log from Redis in Postgres, in batches, as long as records come.

Invariants
* A record leaves the log only after its transaction has committed, or after it was moved to dead_letters. Records
  leave it in order, even those that were stored ahead of their turn (store_ahead.py).
* Storing is safe to repeat: a drain that dies leaves its batch at the head of the log for the next drain.
* A lease lets one drain run at a time. It is renewed while a batch is being stored (lease_keeper.py). If the lease of a
  drain that hangs expires, two may run. Then the epoch's row lock and the uniqueness of (conversation, seq) and
  (conversation, id) keep the store correct.
* Seqs have no gaps: a deleted message takes the seq of a dead-lettered one. If entries are missing from the log,
  nothing behind them is stored, and a new epoch begins.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable

from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.message_log.reader import Entry, LogReader, count_records
from app.services.drain.lease_keeper import LeaseKeeper
from app.services.drain.store_ahead import RECORDS_AT_ONCE, StoreAhead
from app.services.drain.store_cautiously import CautiousStore, LeaseLostError
from app.services.drain.store_records import DrainStats, RecordStore
from app.store.engine import KeptConnection
from app.store.epochs import StaleEpochError

log = logging.getLogger(__name__)

BLOCK_MS = 1000
# One statement stores at most about this many records, in about 0.1 s, so that memory stays flat while a backlog is
# stored, and acks come in small steps. If Postgres does not store a batch within its timeout, the next batch has half
# as many records, and each later one an eighth more. If batches grew as fast as they shrink, every second one would
# fail.
MAX_RECORDS = 2000
# A smaller batch is not worth its round trips and its commit. So after a smaller batch, the drain reads again only
# GATHER_SECONDS after its last read, and stores everything that has come by then together. A record that comes later is
# stored at once. After a single record the time is shorter, because its sender may send the next message only when this
# one is acked.
SMALL_BATCH = 16
GATHER_SECONDS = 0.010
LONE_GATHER_SECONDS = 0.004
# After this many attempts at the same head of the log, the batch is stored in small steps.
ATTEMPTS_BEFORE_CAUTION = 1
LEASE_PARTS = 4  # the lease is renewed when this part of it is over
# Under steady load a drain hands over after this time, well within its task's time limit.
RUN_SECONDS = 1800.0
RETRY_SECONDS = 0.1
STALE_BEFORE_NEW_EPOCH = 20


class Drain:
    """``stopping`` returns whether this process is shutting down. ``alive`` is called at least every few seconds,
    ``pushes_pending`` after a batch that made pushes pending, ``events_fed`` after one that wrote events for hosts.
    ``not_the_records`` are exceptions of the surroundings (a task's time limit): they end the drain, but do not mean
    that the record that was being stored is faulty. ``renew`` is called from a thread: it renews the lease of a token
    for this many seconds if that token still holds it.
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
        renew: Callable[[str, float], object],
        stats: DrainStats | None = None,
        pushes_pending: Callable[[], None] = lambda: None,
        events_fed: Callable[[], None] = lambda: None,
        not_the_records: tuple[type[Exception], ...] = (),
    ) -> None:
        self.stats = stats or DrainStats()
        self._reader = reader
        self._kept = KeptConnection(engine)
        self._records = RecordStore(
            reader,
            engine,
            self.stats,
            kept=self._kept,
            pushes_pending=pushes_pending,
            events_fed=events_fed,
            not_the_records=not_the_records,
        )
        self._ahead = StoreAhead(reader, self._records)
        self._cautious = CautiousStore(
            reader,
            self._records,
            self.stats,
            keep_lease=self._begin_step,
        )
        self._behind = False
        self._batch = self._count = batch
        self._linger = linger_seconds
        self._lease = lease_seconds
        self._stopping = stopping
        self._alive = alive
        self._token = secrets.token_hex(8)
        self._renewed = 0.0
        self._keeper = LeaseKeeper(lambda: renew(self._token, lease_seconds), lease_seconds / LEASE_PARTS)
        self._next: int | None = None  # the number of the next entry, or None if unknown
        self._lost = False  # entries are missing, and no new epoch has begun
        self._stale = 0
        self._taken_at = 0.0
        self._taken = 0  # records of the last read
        self._limit: int | None = None  # size of the next batch, after one that Postgres did not store in time

    def run(self) -> bool:
        """Drains until the log was empty for ``linger_seconds``, RUN_SECONDS have passed or the process shuts down.

        Returns False if another drain holds the lease. Raises RedisError if Redis fails; the lease then expires.
        """
        if not self._reader.renew(self._token, self._lease):
            return False
        self._renewed = time.monotonic()
        try:
            with self._keeper:
                return self._drain()
        finally:
            self._kept.release()

    def _drain(self) -> bool:
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

    def run_through_outages(self, patience: float) -> bool:
        """Does the same, and goes on after failures of Redis that last less than ``patience`` seconds. If the drain
        ended instead, its lease would stay, and all acks would wait until it expires.
        """
        began, failed_at = time.monotonic(), 0.0
        while True:
            try:
                return self.run()
            except RedisError as error:
                now = time.monotonic()
                if self._stopping() or now - max(began, self._taken_at) > patience:
                    raise
                if failed_at <= self._taken_at:  # the first failure of this outage
                    log.warning("the drain tries Redis again (%s)", type(error).__name__)
                failed_at = now
                time.sleep(RETRY_SECONDS)

    def _take(self) -> tuple[int | None, list[Entry]]:
        """Waits for entries, and notes whether there may be more in the log."""
        self._let_gather()
        most = self._limit or MAX_RECORDS
        epoch, entries = self._reader.take(self._count, BLOCK_MS, most)
        self._taken_at, self._taken = time.monotonic(), count_records(entries)
        full = self._taken >= most
        self._behind = full or len(entries) >= self._count
        self._count = len(entries) if full else min(self._batch, 2 * self._count)
        return epoch, entries

    def _let_gather(self) -> None:
        """Waits for the time of the next read, if the last batch was small."""
        if 0 < self._taken < SMALL_BATCH:
            seconds = LONE_GATHER_SECONDS if self._taken == 1 else GATHER_SECONDS
            time.sleep(max(0.0, self._taken_at + seconds - time.monotonic()))

    def _whole(self, entries: list[Entry]) -> list[Entry] | None:
        """Returns the entries up to the first missing one, or None if entries are missing at the head.

        Then the log was trimmed by hand, and the missing records may be nowhere else. Nothing behind them may be
        stored, or seqs would have a gap.
        """
        numbers = [entry.number for entry in entries if entry.number is not None]
        expected, self._next = self._next, None
        if (not numbers or numbers[0] != expected) and self._reader.give_up_if_lost():
            if not self._lost:
                log.error("the log lost unstored entries; a new epoch begins")
            self._lost = True
            time.sleep(RETRY_SECONDS)
            return None
        self._lost = False
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
        if now - self._renewed < self._lease / LEASE_PARTS:
            return True
        self._renewed = now
        self._alive(self.stats)
        return self._reader.renew(self._token, self._lease)

    def _begin_step(self) -> bool:
        """Returns whether the drain still has its lease, which is then kept until the next step."""
        self._keeper.begin_step()
        return self._keep_lease()

    def _store(self, epoch: int | None, entries: list[Entry], *, first: bool) -> None:
        if epoch is None:
            time.sleep(0.1)  # Redis lost its data; a gateway will begin a new epoch
            return
        self._keeper.begin_step()
        cautious = first and self._needs_caution(entries)
        try:
            if cautious:
                self._cautious.store(epoch, entries)
            else:
                self._store_entries(epoch, entries)
            self._stale = 0
            self._raise_limit()
            if self._behind:
                self._ahead.store_newest(epoch, self._limit or RECORDS_AT_ONCE)
            else:
                self._ahead.caught_up()
        except LeaseLostError:
            self._renewed = 0.0  # the next look at the lease ends this drain
        except StaleEpochError:
            self._handle_stale_epoch(epoch)
        except Overloaded:
            self.stats.store_failures += 1
            self._limit = max(1, count_records(entries) // 2)
            log.warning("Postgres does not answer; %d entries are waiting", len(entries))
            self._records.end_frozen_drains()
            if first and not cautious:
                self._reader.end_attempt(entries[0].id)
            time.sleep(0.25)
        finally:
            self._keeper.end_step()

    def _raise_limit(self) -> None:
        if self._limit is not None:
            self._limit += self._limit // 8 + 1
            if self._limit >= MAX_RECORDS:
                self._limit = None

    def _needs_caution(self, entries: list[Entry]) -> bool:
        """Returns whether an earlier drain died over these entries. Called for the first batch of a drain."""
        attempts = self._reader.count_attempt(entries[0].id)
        return attempts > ATTEMPTS_BEFORE_CAUTION or self._reader.has_suspects(entries)

    def _handle_stale_epoch(self, epoch: int) -> None:
        """Waits for the log to show the new epoch, which has usually just begun.

        If it never does, Redis was restored from an old copy. Its epoch is given up, and a gateway begins a new one.
        """
        self._stale += 1
        self._ahead.versions.clear()
        log.warning("the log has epoch %d, but Postgres has another", epoch)
        time.sleep(0.1)
        if self._stale >= STALE_BEFORE_NEW_EPOCH:
            self._stale = 0
            self._reader.give_up_epoch(epoch)

    def _store_entries(self, epoch: int, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.records is None:
                self._records.dead_letter_blob(entry)
        records = [record for entry in entries for record in entry.records or ()]
        ahead = self._ahead.versions
        refused = self._records.store(epoch, [r for r in records if r.version not in ahead] if ahead else records)
        self._reader.remove(entries, refused, ahead)
        ahead.difference_update([record.version for record in records] if ahead else ())
        self.stats.batches += 1
        self.stats.records += len(records)
        self.stats.sizes.observe(len(records))
