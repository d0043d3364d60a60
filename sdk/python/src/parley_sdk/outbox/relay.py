"""Sends the rows of the outbox to Parley and deletes them.

Any number of relays may run. Each claims the first row of every lane that no other relay holds, sends these, and
deletes them. A relay that dies leaves its rows as they were; the next one sends them again with the same id, which
Parley stores once. At most one row of a lane is on its way, so a lane keeps its order.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, Table, delete, func, update
from sqlalchemy.exc import SQLAlchemyError

from parley_sdk.errors import APIError, Invalid, ParleyError, TooLarge, api_error
from parley_sdk.outbox.postgres_queue import PostgresQueue
from parley_sdk.outbox.queue import MAX_ROWS, Batch, Queue
from parley_sdk.outbox.sqlite_queue import SqliteQueue
from parley_sdk.outbox.table import check_dialect
from parley_sdk.retry import Retry
from parley_sdk.server import ParleyServer

log = logging.getLogger(__name__)

# Every other refusal (4xx) is final: Parley will give the same answer to the same message again.
NOT_FINAL = frozenset({401, 408, 425, 429})
NOT_POSSIBLE_HERE = 501
SERVER_FAILED = 500
MAX_ERROR = 500


class Relay:
    """Moves messages from the outbox to Parley. ``engine`` leads to the database with the table.

    Raises TypeError for an asynchronous engine, OutboxUnsupported for a database that is neither PostgreSQL nor SQLite.
    """

    def __init__(self, table: Table, engine: Engine, server: ParleyServer, *, pauses: Retry | None = None) -> None:
        self._table = table
        self._queue = _queue_of(table, engine)
        self._server = server
        self._pauses = pauses or Retry(longest_pause=60.0)
        self._after = ""  # the lane of the last row, so that each lane has its turn

    def run_once(self) -> int:
        """Sends the first message of up to ``MAX_ROWS`` lanes. Returns how many were sent or set aside.

        Raises ParleyError if Parley cannot be reached or refuses the key, SQLAlchemyError if the database fails; then
        nothing has changed.
        """
        done = self._send_batch(self._after)
        if done is None and self._after:
            done = self._send_batch("")
        return done or 0

    def run_until_empty(self, stop: threading.Event | None = None) -> int:
        """Sends until no message is due or ``stop`` is set. Returns how many were sent or set aside."""
        total = 0
        while not (stop is not None and stop.is_set()) and (done := self.run_once()):
            total += done
        return total

    def run_forever(self, stop: threading.Event, every: float = 1.0) -> None:
        """Sends until ``stop`` is set, and looks for rows every ``every`` seconds. Failures are logged and repeated."""
        failures = 0
        while not stop.is_set():
            try:
                self.run_until_empty(stop)
                failures = 0
            except (ParleyError, SQLAlchemyError) as error:
                failures += 1
                log.warning("the outbox waits: %s: %s", type(error).__name__, error)
            stop.wait(self._pauses.backoff(failures) if failures else every)

    def _send_batch(self, after: str) -> int | None:
        """Returns how many were sent or set aside, None if no row was due after this lane."""
        with self._queue.claim(after) as batch:
            self._after = batch.rows[-1].lane if len(batch.rows) == MAX_ROWS else ""
            if not batch.rows:
                return None
            return sum([self._conclude(batch, row, result) for row, result in self._send(batch.rows)])

    def _send(self, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], dict[str, Any]]]:
        """Returns each row with its ack or problem."""
        try:
            results = self._server.messages.send_many([row.request for row in rows])["results"]
        except APIError as error:
            if not _may_be_of_one_message(error):
                raise
            results = [self._send_alone(row.request) for row in rows]
        return list(zip(rows, results, strict=True))

    def _send_alone(self, body: Any) -> dict[str, Any]:
        try:
            return self._server.messages.send_many([body])["results"][0]
        except APIError as error:
            if not _may_be_of_one_message(error):
                raise
            return {**error.problem, "status": error.status, "code": error.code}

    def _conclude(self, batch: Batch, row: Row[Any], result: dict[str, Any]) -> bool:
        """Deletes, sets aside or postpones the row. Returns whether the next row of its lane may follow."""
        if result.get("status") == "stored":
            batch.execute(delete(self._table).where(self._table.c.id == row.id))
            return True
        if result.get("status") == "accepted":  # not certain yet: send again with the same id
            self._change(batch, row, due_at=self._later(row))
            return False
        error = api_error(int(result.get("status") or 500), result)
        if _is_final(error):
            log.error("Parley refuses message %s of lane %s: %s", row.id, row.lane, error)
            self._change(batch, row, failed_at=func.now(), error=str(error)[:MAX_ERROR])
            return True
        log.warning("message %s of lane %s waits: %s", row.id, row.lane, error)
        self._change(batch, row, due_at=self._later(row, error.retry_after), error=str(error)[:MAX_ERROR])
        return False

    def _change(self, batch: Batch, row: Row[Any], **values: Any) -> None:
        table = self._table
        batch.execute(update(table).where(table.c.id == row.id).values(attempts=row.attempts + 1, **values))

    def _later(self, row: Row[Any], seconds: float | None = None) -> Any:
        pause = max(seconds or 0.0, self._pauses.backoff(row.attempts + 1))
        return self._queue.now() + timedelta(seconds=pause)


def _may_be_of_one_message(error: APIError) -> bool:
    """Returns whether a single message may have made the whole request fail. Other answers are about the key or the
    server.
    """
    return isinstance(error, (Invalid, TooLarge)) or error.status == SERVER_FAILED


def _is_final(error: APIError) -> bool:
    return (400 <= error.status < 500 and error.status not in NOT_FINAL) or error.status == NOT_POSSIBLE_HERE


def _queue_of(table: Table, engine: Engine) -> Queue:
    if not isinstance(engine, Engine):
        raise TypeError("A relay needs a synchronous engine, also if your sessions are asynchronous.")
    check_dialect(engine.dialect.name)
    return SqliteQueue(table, engine) if engine.dialect.name == "sqlite" else PostgresQueue(table, engine)
