"""Retries and drops records that could not be stored, for operators.

A message is sent again: it gets a new seq, reaches all members live, and keeps its id. Its old seq stays a deleted
message. Any other record is stored unchanged. It does nothing if a later change has replaced it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from app.core.kinds import Kind
from app.core.records import Record, unpack_record
from app.message_log.append import SHADOW, Decided, Operation, message_operand
from app.services.drain.store_records import RecordStore
from app.store.dead_letters import delete_dead_letter, delete_tombstone, find_dead_letter
from app.store.engine import reading, writing
from app.store.epochs import read_epoch
from app.store.search_index import rewind

SENT_AGAIN = (Kind.MESSAGE, Kind.BLOCKED_MESSAGE, Kind.SHADOW_MESSAGE)
# STORED and PENDING: the sender has repeated the message, and the id was accepted.
ACCEPTED = (Decided.DONE, Decided.STORED, Decided.PENDING)

CarryOut = Callable[[list[Operation]], list[int]]


class DeadLetterError(Exception):
    """The reason why a dead letter cannot be retried. The dead letter is kept."""


def record_of(blob: bytes) -> Record | None:
    """Returns the record of a dead letter, or None if its bytes are not those of a record."""
    try:
        return unpack_record(blob)
    except (ValueError, TypeError):
        return None


class DeadLetterRetry:
    """``store_of`` returns the store of a conversation's shard. ``send`` appends operations of one conversation to the
    log and returns a ``Decided`` for each.
    """

    def __init__(self, *, engine: Engine, store_of: Callable[[int], RecordStore], send: CarryOut) -> None:
        self._engine = engine
        self._store_of = store_of
        self._send = send

    def retry(self, letter_id: int) -> None:
        """Raises DeadLetterError; Overloaded, RedisError, StaleEpochError and EpochLostError mean "try later"."""
        record = self._find(letter_id)
        if record.kind in SENT_AGAIN:
            self._send_again(record)
        else:
            self._store_as_it_was(record)
        with writing(self._engine) as connection:
            delete_dead_letter(connection, letter_id)

    def _find(self, letter_id: int) -> Record:
        with reading(self._engine) as connection:
            letter = find_dead_letter(connection, letter_id)
        if letter is None:
            raise DeadLetterError(f"there is no dead letter {letter_id}")
        record = record_of(letter.record)
        if record is None:
            raise DeadLetterError("it is not a valid record; it can only be dropped")
        return record

    def _send_again(self, record: Record) -> None:
        what = message_operand(record.id, flags=SHADOW * (record.kind == Kind.SHADOW_MESSAGE))
        operation = Operation(Kind.MESSAGE, record.conversation_id, record.user_id, what, record.body, id=record.id)
        (decided,) = self._send([operation])
        if decided not in ACCEPTED:
            raise DeadLetterError(f"the log refused it ({Decided(decided).name})")

    def _store_as_it_was(self, record: Record) -> None:
        store = self._store_of(record.conversation_id)
        with writing(self._engine) as connection:
            epoch = read_epoch(connection, store.part).number
            delete_tombstone(connection, record.conversation_id, record.seq, record.version)
        reasons = store.store(epoch, [record])
        if reasons:
            raise DeadLetterError(f"it cannot be stored: {reasons[record.version]}")
        with writing(self._engine) as connection:
            rewind(connection, record.version)  # the indexer has passed this version
