"""The drain's writes: a whole batch of the log in one statement, which is one transaction and one round trip.

Invariants:

* A batch is stored completely or not at all, and only in the current epoch: the statement first locks the epoch's row.
* Safe to run again: a stored message is not stored twice, and marks and positions only move forward.
* All drains take the same lock, so only one batch is written at a time, and batches cannot deadlock.

A batch of 100 messages with their receipts in 50 conversations costs 17 µs of Postgres and 9 µs of Python per message.
A batch of one message costs 400 µs and 300 µs. What brought the cost down: one statement instead of five; arrays as
literals; maxima computed here, so that Postgres reads the wide input once; a plain INSERT first, and ``ON CONFLICT``
(a quarter more expensive) only after it failed; one unique index that serves two purposes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from weakref import WeakSet

import psycopg
from msgspec import Struct
from psycopg.errors import ProgramLimitExceeded, UniqueViolation
from sqlalchemy import Connection, Engine

from app.store.batch_pending_pushes import PushTrigger, push_cte, push_parameters
from app.store.engine import autocommit
from app.store.epochs import StaleEpochError
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, driver, moment, ms_of


class NewMessage(NamedTuple):
    """A row of ``messages``. ``attachments`` is JSON text. ``id`` and ``reply_to`` are UUIDs as text."""

    conversation_id: int
    seq: int
    id: str
    sender_id: int
    kind: str
    body: str | None
    attachments: str | None
    reply_to: str | None
    version: int
    sent_ms: int
    mentions: str | None = None  # an array literal
    mentions_all: bool = False
    extra: str | None = None  # JSON text


class Receipt(NamedTuple):
    """A member's new marks; 0 for a mark that did not move. A read message counts as delivered."""

    conversation_id: int
    user_id: int
    delivered_seq: int
    read_seq: int
    version: int


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
    """``pushes``: the number of queued rows that are due now (store/pending_pushes.py)."""

    conflicts: list[Conflict]
    pushes: int


def store_batch(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt] = (),
    last_seen: Sequence[tuple[int, int]] = (),
) -> list[Conflict]:
    """Stores the batch in one transaction. Returns the messages that were not stored, and why; all other messages are
    committed. The result is nearly always an empty list.

    ``last_seen`` is ``(user_id, ms)``. Raises StaleEpochError or UnstorableError if nothing was stored. Raises
    Overloaded if the batch may or may not be stored: the caller repeats it unchanged.
    """
    return store_batch_and_enqueue_pushes(engine, epoch, messages, receipts, last_seen).conflicts


def store_batch_and_enqueue_pushes(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt] = (),
    last_seen: Sequence[tuple[int, int]] = (),
    triggers: Callable[[], Sequence[PushTrigger]] = lambda: (),
) -> Stored:
    """Stores the batch like ``store_batch``, and queues push notifications in the same transaction: for the messages of
    ``triggers``, and for displayed notifications whose messages were read.
    """
    if not (messages or receipts or last_seen):
        return Stored([], 0)
    if engine not in _PUSHING:
        try:
            return _store(engine, epoch, messages, receipts, last_seen, None)
        except StaleEpochError:  # the epoch is stale, or somebody registered the first device
            stored = _store(engine, epoch, messages, receipts, last_seen, triggers())
            _PUSHING.add(engine)
            return stored
    return _store(engine, epoch, messages, receipts, last_seen, triggers())


def _store(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt],
    last_seen: Sequence[tuple[int, int]],
    triggers: Sequence[PushTrigger] | None,
) -> Stored:
    """``triggers`` is None if the fence must require that no device was ever registered."""
    detailed = any(message.mentions or message.mentions_all or message.extra for message in messages)
    read = [] if triggers is None else [(conversation, user) for conversation, user, _, seq, _ in receipts if seq]
    has = bool(messages), detailed, bool(messages or receipts), bool(receipts), bool(last_seen)
    parameters = _parameters(epoch, messages, receipts, last_seen, detailed=detailed)
    parameters += push_parameters(triggers or (), read)
    try:
        with autocommit(engine) as conn:
            return _write(conn, messages, (triggers is None, *has, bool(triggers), bool(read)), parameters)
    except (psycopg.DataError, psycopg.IntegrityError, ProgramLimitExceeded, UnicodeError) as error:
        raise UnstorableError(type(error).__name__) from error


def _write(conn: Connection, messages: Sequence[NewMessage], has: tuple[bool, ...], parameters: list[Any]) -> Stored:
    try:
        return Stored([], _run(conn, _statement(*has, False), parameters)[1])
    except UniqueViolation:
        stored, pushes = _run(conn, _statement(*has, True), parameters)
        return Stored(_conflicts(conn, messages) if stored < len(messages) else [], pushes)


def _run(conn: Connection, statement: bytes, parameters: list[Any]) -> tuple[int, int]:
    """Returns the number of inserted messages and of queued pushes."""
    fenced, inserted, pushes = driver(conn).execute(statement, parameters, prepare=True).fetchone() or (0, 0, 0)
    if not fenced:
        raise StaleEpochError
    return int(inserted), int(pushes)


_FENCE = "fence AS MATERIALIZED (SELECT 1 FROM log_state WHERE id = 1 AND epoch = %s FOR NO KEY UPDATE)"
# Open until somebody in the deployment registers the first device; until then there is nothing to push.
_FENCE_WITHOUT_DEVICES = _FENCE.replace("FOR NO", "AND NOT pushing FOR NO")
# Engines of deployments in which somebody has registered a device.
_PUSHING: WeakSet[Engine] = WeakSet()


def _insert_messages(columns: str = "", values: str = "", arrays: str = "", names: str = "") -> str:
    return f"""added AS (
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, attachments, reply_to, version,
    created_version, sent_at{columns})
    SELECT c, s, i, u, k, b, a, r, v, v, to_timestamp(CAST(ms AS float8) / 1000){values}
    FROM fence, unnest(
        CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS uuid[]), CAST(%s AS bigint[]), CAST(%s AS
        text[]), CAST(%s AS text[]), CAST(%s AS jsonb[]), CAST(%s AS uuid[]), CAST(%s AS bigint[]), CAST(%s AS
        bigint[]){arrays}
    ) AS new (c, s, i, u, k, b, a, r, v, ms{names}) """


_MESSAGES = _insert_messages()
# With the columns that few messages use, so that the other messages do not pay for them.
_DETAILED = _insert_messages(
    ", mentions, mentions_all, extra",
    ", CAST(me AS bigint[]), al, CAST(e AS jsonb)",
    ", CAST(%s AS text[]), CAST(%s AS boolean[]), CAST(%s AS text[])",
    ", me, al, e",
)
_CONVERSATIONS = """moved AS (
    UPDATE conversations
    SET last_seq = greatest(last_seq, s), version = greatest(version, v),
        last_activity_at = greatest(last_activity_at, to_timestamp(CAST(ms AS float8) / 1000))
    FROM fence, unnest(
        CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[])
    ) AS new (c, s, v, ms)
    WHERE id = c AND (last_seq < s OR version < v))"""
_RECEIPTS = """marked AS (
    UPDATE members
    SET last_delivered_seq = greatest(last_delivered_seq, d), last_read_seq = greatest(last_read_seq, r),
        version = greatest(version, v)
    FROM fence, unnest(
        CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS
        bigint[])
    ) AS new (c, u, d, r, v)
    WHERE conversation_id = c AND user_id = u AND (last_delivered_seq < d OR last_read_seq < r))"""
_SEEN = """seen AS (
    UPDATE users SET last_seen_at = greatest(last_seen_at, to_timestamp(CAST(ms AS float8) / 1000))
    FROM fence, unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS new (u, ms) WHERE id = u)"""


@lru_cache
def _statement(
    without_devices: bool,
    messages: bool,
    detailed: bool,
    conversations: bool,
    receipts: bool,
    seen: bool,
    triggers: bool,
    read: bool,
    expect_conflicts: bool,
) -> bytes:
    """Returns the statement with the parts that this batch needs.

    Its single row is (1 if the fence was open, number of inserted messages, number of queued pushes).
    """
    parts = [_FENCE_WITHOUT_DEVICES if without_devices else _FENCE]
    if messages:
        parts.append(
            (_DETAILED if detailed else _MESSAGES)
            + ("ON CONFLICT DO NOTHING RETURNING 1)" if expect_conflicts else ")")
        )
    parts += [_CONVERSATIONS] * conversations + [_RECEIPTS] * receipts + [_SEEN] * seen
    parts += [push_cte(messages=triggers, read=read)] * (triggers or read)
    inserted = "(SELECT count(*) FROM added)" if messages and expect_conflicts else "0"
    pushes = "(SELECT count(*) FROM pushes)" if triggers or read else "0"
    return f"WITH {', '.join(parts)} SELECT (SELECT count(*) FROM fence), {inserted}, {pushes}".encode()


def _parameters(
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt],
    last_seen: Sequence[tuple[int, int]],
    *,
    detailed: bool,
) -> list[Any]:
    parameters: list[Any] = [epoch]
    if messages:
        c, s, i, u, k, b, a, r, v, ms, mentions, everybody, extra = zip(*messages, strict=True)
        numbers = int_array
        parameters += [numbers(c), numbers(s), text_array(i), numbers(u), text_array(k), text_array(b)]
        parameters += [text_array(a), text_array(r), numbers(v), numbers(ms)]
        if detailed:
            parameters += [
                text_array(mentions),
                text_array("t" if all_ else "f" for all_ in everybody),
                text_array(extra),
            ]
    if messages or receipts:
        parameters += _columns(_positions(messages, receipts))
    if receipts:
        parameters += _columns(_marks(receipts))
    if last_seen:
        seen: dict[int, int] = {}
        for user, at in last_seen:
            seen[user] = max(at, seen.get(user, 0))
        parameters += _columns(seen.items())
    return parameters


def _columns(rows: Iterable[Sequence[int]]) -> list[str]:
    return [int_array(column) for column in zip(*rows, strict=True)]


def _positions(messages: Sequence[NewMessage], receipts: Sequence[Receipt]) -> list[tuple[int, int, int, int]]:
    """Returns (conversation, greatest seq, greatest version, latest ms) for each conversation of the batch."""
    found: dict[int, tuple[int, int, int]] = {}
    get = found.get
    for conversation, seq, _, _, _, _, _, _, version, ms, *_ in messages:
        s, v, at = get(conversation, (0, 0, 0))
        found[conversation] = (max(seq, s), max(version, v), max(ms, at))
    for conversation, _, _, _, version in receipts:
        s, v, at = get(conversation, (0, 0, 0))
        found[conversation] = (s, max(version, v), at)
    return [(conversation, *position) for conversation, position in found.items()]


def _marks(receipts: Sequence[Receipt]) -> list[tuple[int, int, int, int, int]]:
    """Returns (conversation, user, delivered, read, version) for each member of the batch, with the highest marks."""
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for conversation, user, delivered, read, version in receipts:
        d, r, v = found.get((conversation, user), (0, 0, 0))
        found[conversation, user] = (max(d, delivered, read), max(r, read), max(v, version))
    return [(*member, *marks) for member, marks in found.items()]


_CLASSIFY = HotStatement(f"""
    SELECT n - 1, by_id.seq IS NOT NULL,
           coalesce(by_id.seq, at_seq.seq), coalesce(by_id.version, at_seq.version),
           {ms_of("coalesce(by_id.sent_at, at_seq.sent_at)")}, coalesce(by_id.sender_id, at_seq.sender_id)
    FROM unnest(CAST(:c AS bigint[]), CAST(:s AS bigint[]), CAST(:i AS uuid[]))
         WITH ORDINALITY AS b (c, s, i, n)
    LEFT JOIN messages AS at_seq ON at_seq.conversation_id = c AND at_seq.seq = s
    LEFT JOIN messages AS by_id ON by_id.id = i AND by_id.conversation_id = c
    WHERE at_seq.id IS DISTINCT FROM i
    ORDER BY n
""")


def _conflicts(conn: Connection, messages: Sequence[NewMessage]) -> list[Conflict]:
    """Runs after the insert was committed. The conflicting rows are committed too, and messages are never removed."""
    rows = _CLASSIFY.rows(
        conn,
        c=int_array(m.conversation_id for m in messages),
        s=int_array(m.seq for m in messages),
        i=text_array(m.id for m in messages),
    )
    return [Conflict(index, "duplicate" if duplicate else "seq_taken", *stored) for index, duplicate, *stored in rows]


_TOMBSTONE = HotStatement("""
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, version, sent_at, deleted_at)
    VALUES (:conversation_id, :seq, gen_random_uuid(), :sender_id, 'text', :version, :sent_at, :sent_at)
    ON CONFLICT DO NOTHING
""")
_RAISE_POSITION = HotStatement("""
    UPDATE conversations SET last_seq = greatest(last_seq, :seq), version = greatest(version, :version)
    WHERE id = :conversation_id
""")
_DEAD_LETTER = HotStatement("INSERT INTO dead_letters (record, reason) VALUES (:record, :reason)")


def insert_tombstone(
    conn: Connection, conversation_id: int, seq: int, *, sender_id: int, version: int, sent_ms: int
) -> None:
    """Stores a deleted message under the seq of a record that became a dead letter, so that seqs have no gap.

    Does nothing if the seq is taken. Needs a transaction, after ``check_epoch``.
    """
    position = {"conversation_id": conversation_id, "seq": seq, "version": version}
    _TOMBSTONE.run(conn, **position, sender_id=sender_id, sent_at=moment(sent_ms))
    _RAISE_POSITION.run(conn, **position)


def insert_dead_letter(conn: Connection, record: bytes, reason: str) -> None:
    """Stores a record that cannot be applied, exactly as it was in the log."""
    _DEAD_LETTER.run(conn, record=record, reason=reason)
