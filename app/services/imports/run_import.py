"""Checks an import as a whole, then writes it.

Invariants
* If a line is wrong, nothing is written.
* Every step and its progress are one transaction. If a worker is killed, its import goes on where the last step ended.
  Steps that write to the log may be repeated: an id is sent once per conversation, and marks only move forward.
* One worker at a time works on an import: it holds the lock on its row.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine

from app.clock import now_ms
from app.core.ids import CLOCK_AHEAD_MS
from app.message_log.conversations import mark_sent
from app.message_log.shards import Shards
from app.services.imports import steps
from app.services.imports.check_lines import Limits
from app.services.imports.live import LiveMessages, LogBusyError
from app.store import import_writes
from app.store import imports as store
from app.store.engine import reading, writing
from app.store.imports import Progress, StoredImport

# After this, another task continues: the task that wakes the drain may be waiting behind this one.
RUN_SECONDS = 2.0
BUSY_SECONDS = 0.05
STAGES = ("users", "messages", "rest", "live", "tell", "clean")
ENDED = ("done", "failed")


class ImportRunner:
    """``visible``: who sees the presence of new users. ``stopping`` returns whether the process is shutting down."""

    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        live: LiveMessages,
        limits: Limits,
        visible: str,
        dedupe_seconds: int,
        stopping: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._shards = shards
        self._live = live
        self._limits = limits
        self._visible = visible
        self._dedupe_seconds = dedupe_seconds
        self._stopping = stopping

    def run(self, import_id: str) -> bool:
        """Works on the import for a while. Returns True if nothing is left to do here, False if it must run again.
        Raises Overloaded, RedisError, EpochLostError.
        """
        ends_at = time.monotonic() + RUN_SECONDS
        while not self._stopping() and time.monotonic() < ends_at:
            try:
                if self.step(import_id):
                    return True
            except LogBusyError:
                time.sleep(BUSY_SECONDS)
        return False

    def step(self, import_id: str) -> bool:
        """Carries out one step. Returns whether nothing is left to do here. Raises the errors of ``run``, and
        LogBusyError.
        """
        with writing(self._engine) as conn:
            found = store.hold(conn, import_id)
            if found is None or found.state in (*ENDED, "receiving"):
                return True
            progress = found.progress
            self._mark_recent(conn, progress)  # the worker of the last step may have died before it did this
            progress.recent = []
            if found.state == "running":
                state = self._write(conn, found)
            elif progress.stage == "clean":
                state = "checking" if steps.clean_up(conn, found) else "failed"
            else:
                state = steps.check_piece(conn, found, self._limits)
                if state == "failed":
                    state, progress.stage, progress.done = "checking", "clean", 0
            store.save(conn, import_id, state, progress)
        if progress.recent:
            # After the commit: a mark of a message that does not exist would lose the next send of its id.
            with reading(self._engine) as conn:
                self._mark_recent(conn, progress)
        return state in ENDED

    def _mark_recent(self, conn: Connection, progress: Progress) -> None:
        recent = import_writes.sent_since(conn, progress.recent, self._since_ms())
        mark_sent(self._shards, recent, seconds=self._dedupe_seconds)

    def _since_ms(self) -> int:
        return now_ms() - (self._dedupe_seconds * 1000 + CLOCK_AHEAD_MS)

    def _write(self, conn: Connection, found: StoredImport) -> str:
        """Carries out one step of the present stage. Returns the next state."""
        progress = found.progress
        if self._has_more(conn, found):
            return "running"
        if progress.stage == "rest":
            steps.index_later(conn, progress)
        following = STAGES[STAGES.index(progress.stage) + 1 :]
        if not following:
            progress.done = found.total
            return "done"
        _begin(progress, following[0])
        return "running"

    def _has_more(self, conn: Connection, found: StoredImport) -> bool:
        stage = found.progress.stage
        if stage == "users":
            return steps.write_users(conn, found, self._visible)
        if stage == "messages":
            moved, more = steps.write_messages(conn, found)
            since_ms = self._since_ms()
            found.progress.recent = [one.part for one in moved if one.ms > since_ms]
            return more
        if stage == "rest":
            return steps.write_rest(conn, found)
        if stage == "live":
            return self._live.write_next(conn, found)
        if stage == "tell":
            return self._live.announce_next(conn, found)
        return steps.clean_up(conn, found)


def _begin(progress: Progress, stage: str) -> None:
    progress.stage = stage
    progress.conversation = progress.ms = progress.line = progress.seq = 0
