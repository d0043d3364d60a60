"""The drain's writes: a whole batch of the log in one statement, which is one transaction and one round trip.

Invariants:

* A batch is stored completely or not at all, and only in the current epoch: the statement first locks the row of
  ``log_state`` that has the shard's epoch.
* Safe to run again: a stored message is not stored twice, and marks and positions only move forward.
  * All drains of a shard take the same lock, so only one of its batches is written at a time, and these cannot
    deadlock. Batches of different shards are about different conversations. They share only rows of media, and the lock
    of the feed (host_events.py). If two batches wait for each other's media, Postgres ends one of them, and its drain
    repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple
from weakref import WeakSet

import psycopg
from msgspec import Struct
from psycopg.errors import ProgramLimitExceeded, UniqueViolation
from sqlalchemy import Connection, Engine

from app.core.part import WHOLE, Part
from app.store.batch_pending_pushes import PushTrigger, push_parameters, queue_pushes
from app.store.batch_statement import NewMessage, Receipt, parameters_of, statement_for
from app.store.distributed_notes import note_changes
from app.store.distribution import ListStatement
from app.store.engine import KeptConnection, autocommit, reading, writing
from app.store.epochs import StaleEpochError, row_of
from app.store.layout import is_distributed, known_as_distributed
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, driver, ms_of, pipelined

# Engines of deployments in which somebody has registered a device, or whose host gets events.
_PUSHING: WeakSet[Engine] = WeakSet()
_FEEDING: WeakSet[Engine] = WeakSet()
_READ_STATE = HotStatement("SELECT pushing, feeding FROM log_state WHERE id = :row")


class Conflict(Struct, frozen=True):
    """A message of the batch that was not stored.

    ``duplicate``: the conversation already has a message with this id. ``seq``, ``version``, ``sent_ms`` and
    ``sender_id`` are those of the stored message; the seq of the new one stays empty. ``seq_taken``: another message
    has this seq, so the message needs a new one.
    """

    index: int
    kind: Literal["duplicate", "seq_taken"]
    seq: int
    version: int
    sent_ms: int
    sender_id: int


class UnstorableError(Exception):
    """Something in the batch can never be stored (a NUL in a text, an invalid UUID, …), so nothing was stored. The
    caller halves the batch to find it.
    """


class Stored(NamedTuple):
    """``pushes``: the number of queued rows that are due now (store/pending_pushes.py). ``settled``: what ``apply``
    returned. ``events``: the number of events for hosts.
    """

    conflicts: list[Conflict]
    pushes: int
    settled: Sequence[str] = ()
    events: int = 0


class Apart(NamedTuple):
    """The pushes and the notes of a batch of distributed conversations, which are statements of their own."""

    triggers: Sequence[PushTrigger]
    read: Sequence[tuple[int, int]]
    changed: Collection[int]
    feeding: bool

    def write(self, conn: Connection) -> int:
        """Returns the number of queued pushes."""
        queued = queue_pushes(conn, self.triggers, self.read, feeding=self.feeding)
        note_changes(conn, self.changed)
        return queued


# Applies the other changes of the batch in its transaction, except those of rejected messages (their versions).
Apply = Callable[[Connection, frozenset[int]], list[str]]
# Writes the events of the batch, except those of rejected messages. Returns how many there are.
Feed = Callable[[Connection, frozenset[int]], int]


def store_batch(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt] = (),
    last_seen: Sequence[tuple[int, int]] = (),
    *,
    part: Part = WHOLE,
) -> list[Conflict]:
    """Stores the batch in one transaction. Returns the messages that were not stored, and why; all other messages are
    committed. The result is nearly always an empty list.

    ``last_seen`` is ``(user_id, ms)``. ``part`` belongs to the shard whose epoch this is. Raises StaleEpochError or
    UnstorableError if nothing was stored. Raises Overloaded if the batch may or may not be stored: the caller repeats
    it unchanged.
    """
    return store_batch_and_enqueue_pushes(engine, epoch, messages, receipts, last_seen, part=part).conflicts


def store_batch_and_enqueue_pushes(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt] = (),
    last_seen: Sequence[tuple[int, int]] = (),
    triggers: Callable[[], Sequence[PushTrigger]] = lambda: (),
    apply: Apply | None = None,
    feed: Feed | None = None,
    *,
    part: Part = WHOLE,
    kept: KeptConnection | None = None,
) -> Stored:
    """Stores the batch like ``store_batch``, and queues push notifications in the same transaction: for the messages of
    ``triggers``, and for displayed notifications whose messages were read.

    ``apply`` runs in the same transaction. Messages and changes of one batch must become visible together: a reader
    between a removal and the messages after it would give these messages to the removed member. ``feed`` runs last in
    the transaction, and only if a host gets events. A batch of one statement runs on the ``kept`` connection.
    """
    if not (messages or receipts or last_seen or apply):
        return Stored([], 0)
    while True:
        feeding = engine in _FEEDING
        owed = triggers() if feeding or engine in _PUSHING else None
        try:
            return _store(
                engine, epoch, messages, receipts, last_seen, owed, apply, feed, feeding=feeding, part=part, kept=kept
            )
        except StaleEpochError:  # the epoch is stale, or the first device was registered, or a host began to get events
            if not _learn_state(engine, part):
                raise


def _learn_state(engine: Engine, part: Part) -> bool:
    """Returns whether the fence was closed because there is now something to push or to feed."""
    with reading(engine) as conn:
        pushing, feeding = _READ_STATE.row(conn, row=row_of(part)) or (False, False)
    learned = False
    for engines, on in ((_PUSHING, pushing), (_FEEDING, feeding)):
        if on and engine not in engines:
            engines.add(engine)
            learned = True
    return learned


def _store(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt],
    last_seen: Sequence[tuple[int, int]],
    triggers: Sequence[PushTrigger] | None,
    apply: Apply | None,
    feed: Feed | None,
    *,
    feeding: bool,
    part: Part,
    kept: KeptConnection | None,
) -> Stored:
    """``triggers`` is None if the fence must require that no device was ever registered. Unless ``feeding``, it must
    require that no host gets events.
    """
    detailed = any(one.mentions or one.mentions_all or one.extra or one.shadow for one in messages)
    read = [] if triggers is None else [(conversation, user) for conversation, user, _, seq, _ in receipts if seq]
    has = bool(messages), detailed, bool(messages or receipts), bool(receipts), bool(last_seen)
    distributed = _is_distributed(engine)
    batch = epoch, messages, receipts, last_seen
    parameters = parameters_of(*batch, row=row_of(part), detailed=detailed, distributed=distributed)
    feed = feed if feeding else None
    parts: tuple[bool, ...] = (triggers is None, not feeding, *has)
    apart = None
    if distributed:
        changed = {one.conversation_id for one in messages} | {one.conversation_id for one in receipts}
        apart = Apart(triggers or (), read, changed, feeding)
        parts = (*parts, False, False)
    else:
        parameters += push_parameters(triggers or (), read)
        parts = (*parts, bool(triggers), bool(read))
    try:
        if apply is None and feed is None and apart is None:
            with kept.autocommit() if kept is not None else autocommit(engine) as conn:
                return _write(conn, messages, parts, parameters)
        if kept is not None:
            kept.release()
        with writing(engine) as conn:
            return _write_and_apply(conn, messages, parts, parameters, apply, feed, apart)
    except (psycopg.DataError, psycopg.IntegrityError, ProgramLimitExceeded, UnicodeError) as error:
        raise UnstorableError(type(error).__name__) from error


def _write(conn: Connection, messages: Sequence[NewMessage], has: tuple[bool, ...], parameters: list[Any]) -> Stored:
    try:
        return Stored([], _run(conn, statement_for(*has, False), parameters)[1])
    except UniqueViolation:
        stored, pushes = _run(conn, statement_for(*has, True), parameters)
        return Stored(_conflicts(conn, messages) if stored < len(messages) else [], pushes)


def _write_and_apply(
    conn: Connection,
    messages: Sequence[NewMessage],
    has: tuple[bool, ...],
    parameters: list[Any],
    apply: Apply | None,
    feed: Feed | None,
    apart: Apart | None,
) -> Stored:
    """Expects conflicts from the start, because a failed statement would end the transaction."""
    with pipelined(conn):
        stored, pushes = _run(conn, statement_for(*has, True, apart is not None), parameters)
        conflicts = _conflicts(conn, messages) if stored < len(messages) else []
        rejected = frozenset(messages[conflict.index].version for conflict in conflicts)
        if apart is not None:
            pushes = apart.write(conn)
        settled = apply(conn, rejected) if apply is not None else []
        return Stored(conflicts, pushes, settled, feed(conn, rejected) if feed is not None else 0)


def _is_distributed(engine: Engine) -> bool:
    known = known_as_distributed(engine)
    if known is None:
        with reading(engine) as conn:
            return is_distributed(conn)
    return known


def _run(conn: Connection, statement: bytes, parameters: list[Any]) -> tuple[int, int]:
    """Returns the number of inserted messages and of queued pushes."""
    fenced, inserted, pushes = driver(conn).execute(statement, parameters, prepare=True).fetchone() or (0, 0, 0)
    if not fenced:
        raise StaleEpochError
    return int(inserted), int(pushes)


_CLASSIFY = ListStatement(
    f"""
    SELECT n - 1, by_id.seq IS NOT NULL,
           coalesce(by_id.seq, at_seq.seq), coalesce(by_id.version, at_seq.version),
           {ms_of("coalesce(by_id.sent_at, at_seq.sent_at)")}, coalesce(by_id.sender_id, at_seq.sender_id)
    FROM unnest(CAST(:c AS bigint[]), CAST(:s AS bigint[]), CAST(:i AS uuid[]))
         WITH ORDINALITY AS b (c, s, i, n)
    LEFT JOIN messages AS at_seq ON at_seq.conversation_id = c AND at_seq.seq = s
    LEFT JOIN messages AS by_id ON by_id.id = i AND by_id.conversation_id = c
    WHERE at_seq.id IS DISTINCT FROM i
    ORDER BY n
""",
    "c",
)


def _conflicts(conn: Connection, messages: Sequence[NewMessage]) -> list[Conflict]:
    """Runs after the insert, which all other writers of messages wait for. Messages are never removed."""
    rows = _CLASSIFY.rows(
        conn,
        c=int_array(m.conversation_id for m in messages),
        s=int_array(m.seq for m in messages),
        i=text_array(m.id for m in messages),
    )
    return [Conflict(index, "duplicate" if duplicate else "seq_taken", *stored) for index, duplicate, *stored in rows]
