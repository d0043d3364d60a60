"""The drain's writes: a whole batch of the log in one statement, which is one transaction and one round trip.

Invariants:

* All or nothing, and only under the present epoch: the statement's first part takes the lock of the epoch's
  row.
* Safe to run again: a message that is there is not stored twice, marks and positions only move forward.
* At most one batch is being written at a time, whoever drains, since all take the same lock. So batches
  cannot deadlock.

Cost of a batch of 100 messages with their receipts over 50 conversations: 17 µs of Postgres and 9 µs of Python a
message; of a batch of one, 400 and 300 µs. What made it so: one statement instead of five; arrays as literals; sums
made here, so that the wide input is read once; a plain INSERT, and ``ON CONFLICT`` (a quarter dearer) only after one
failed; one unique index for two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from weakref import WeakSet

import psycopg
from msgspec import Struct
from psycopg.errors import ProgramLimitExceeded, UniqueViolation
from sqlalchemy import Connection, Engine, text

from app.store.batch_pending_pushes import NewPending, owed_parameters, push_cte
from app.store.engine import autocommit
from app.store.epochs import StaleEpochError
from app.store.pg_arrays import int_array, text_array
from app.store.sql import driver, moment, ms_of


class NewMessage(NamedTuple):
    """A row of ``messages``. ``attachments`` is JSON text; ``id`` and ``reply_to`` are UUIDs as text."""

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
    """How far a member's marks have come; 0 for the one that did not move. What was read counts as
    delivered.
    """

    conversation_id: int
    user_id: int
    delivered_seq: int
    read_seq: int
    version: int


class Conflict(Struct, frozen=True):
    """A message of the batch that was not stored.

    ``duplicate``: its id is in the conversation already, under the ``seq`` (with ``version``, ``sent_ms``,
    ``sender_id``) given here; the message's own seq is left empty. ``seq_taken``: another message has its
    seq; give it a new one.
    """

    index: int
    kind: Literal["duplicate", "seq_taken"]
    seq: int
    version: int
    sent_ms: int
    sender_id: int


class UnstorableError(Exception):
    """Something in the batch can never be stored (a NUL in a text, no UUID, …), so none of it was. Halve it
    to find it.
    """


Parameters = list[Any]


class Stored(NamedTuple):
    """``owed``: how many users with a device are owed a look at it, now (store/push_owed.py)."""

    conflicts: list[Conflict]
    owed: int


def store_batch(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt] = (),
    last_seen: Sequence[tuple[int, int]] = (),
) -> list[Conflict]:
    """Store all of it in one transaction. Returns the messages that were not stored, with what stands in
    their way; every other message of the batch is committed. An empty list is the usual answer.

    Raises StaleEpochError, UnstorableError (nothing was stored) or Overloaded (perhaps it was: call again
    with the same). ``last_seen`` is ``(user_id, ms)``.
    """
    return store_batch_and_enqueue_pushes(engine, epoch, messages, receipts, last_seen).conflicts


def store_batch_and_enqueue_pushes(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt] = (),
    last_seen: Sequence[tuple[int, int]] = (),
    owing: Callable[[], Sequence[NewPending]] = lambda: (),
) -> Stored:
    """As ``store_batch``; in the same transaction note what is owed to devices, by ``owing`` and by what was read."""
    if not (messages or receipts or last_seen):
        return Stored([], 0)
    if engine not in _PUSHING:
        try:
            return _store(engine, epoch, messages, receipts, last_seen, None)
        except StaleEpochError:  # or somebody registered the first device
            stored = _store(engine, epoch, messages, receipts, last_seen, owing())
            _PUSHING.add(engine)
            return stored
    return _store(engine, epoch, messages, receipts, last_seen, owing())


def _store(
    engine: Engine,
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt],
    last_seen: Sequence[tuple[int, int]],
    owing: Sequence[NewPending] | None,
) -> Stored:
    """``owing``: None where nothing is owed to anybody unless the fence says that there is a device."""
    detailed = any(message.mentions or message.mentions_all or message.extra for message in messages)
    read = [] if owing is None else [(conversation, user) for conversation, user, _, seq, _ in receipts if seq]
    has = bool(messages), detailed, bool(messages or receipts), bool(receipts), bool(last_seen)
    parameters = _parameters(epoch, messages, receipts, last_seen, detailed=detailed)
    parameters += owed_parameters(owing or (), read)
    try:
        with autocommit(engine) as conn:
            return _write(conn, messages, (owing is None, *has, bool(owing), bool(read)), parameters)
    except (psycopg.DataError, psycopg.IntegrityError, ProgramLimitExceeded, UnicodeError) as error:
        raise UnstorableError(type(error).__name__) from error


def _write(conn: Connection, messages: Sequence[NewMessage], has: tuple[bool, ...], parameters: Parameters) -> Stored:
    try:
        return Stored([], _run(conn, _statement(*has, False), parameters)[1])
    except UniqueViolation:
        stored, owed = _run(conn, _statement(*has, True), parameters)
        return Stored(_conflicts(conn, messages) if stored < len(messages) else [], owed)


def _run(conn: Connection, statement: bytes, parameters: Parameters) -> tuple[int, int]:
    """How many messages were inserted, and how many users are owed something."""
    fenced, inserted, owed = driver(conn).execute(statement, parameters, prepare=True).fetchone() or (0, 0, 0)
    if not fenced:
        raise StaleEpochError
    return int(inserted), int(owed)


_FENCE = "fence AS MATERIALIZED (SELECT 1 FROM log_state WHERE id = 1 AND epoch = %s FOR NO KEY UPDATE)"
# Holds as long as nobody in the deployment has registered a device: then nothing can be owed, and nobody looks.
_FENCE_WITHOUT_DEVICES = _FENCE.replace("FOR NO", "AND NOT pushing FOR NO")
# Of which it is known that somebody has.
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
# With what few messages have, and the others need not pay for.
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
    owing: bool,
    read: bool,
    expect_conflicts: bool,
) -> bytes:
    """The statement with the parts that this batch has; its one row is (fence held, messages inserted, users owed)."""
    parts = [_FENCE_WITHOUT_DEVICES if without_devices else _FENCE]
    if messages:
        parts.append(
            (_DETAILED if detailed else _MESSAGES)
            + ("ON CONFLICT DO NOTHING RETURNING 1)" if expect_conflicts else ")")
        )
    parts += [_CONVERSATIONS] * conversations + [_RECEIPTS] * receipts + [_SEEN] * seen
    parts += [push_cte(messages=owing, read=read)] * (owing or read)
    inserted = "(SELECT count(*) FROM added)" if messages and expect_conflicts else "0"
    owed = "(SELECT count(*) FROM owed)" if owing or read else "0"
    return f"WITH {', '.join(parts)} SELECT (SELECT count(*) FROM fence), {inserted}, {owed}".encode()


def _parameters(
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt],
    last_seen: Sequence[tuple[int, int]],
    *,
    detailed: bool,
) -> Parameters:
    parameters: Parameters = [epoch]
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
    """Of each conversation of the batch: greatest seq, version and moment."""
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
    """Of each member of the batch: how far the marks have come."""
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for conversation, user, delivered, read, version in receipts:
        d, r, v = found.get((conversation, user), (0, 0, 0))
        found[conversation, user] = (max(d, delivered, read), max(r, read), max(v, version))
    return [(*member, *marks) for member, marks in found.items()]


_CLASSIFY = text(f"""
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
    """Looked up after the insert has committed: what stands in the way is committed too, and is never
    removed.
    """
    values = {
        "c": int_array(m.conversation_id for m in messages),
        "s": int_array(m.seq for m in messages),
        "i": text_array(m.id for m in messages),
    }
    return [
        Conflict(index, "duplicate" if duplicate else "seq_taken", *first)
        for index, duplicate, *first in conn.execute(_CLASSIFY, values)
    ]


_TOMBSTONE = text("""
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, version, sent_at, deleted_at)
    VALUES (:conversation_id, :seq, gen_random_uuid(), :sender_id, 'text', :version, :sent_at, :sent_at)
    ON CONFLICT DO NOTHING
""")
_RAISE_POSITION = text("""
    UPDATE conversations SET last_seq = greatest(last_seq, :seq), version = greatest(version, :version)
    WHERE id = :conversation_id
""")
_DEAD_LETTER = text("INSERT INTO dead_letters (record, reason) VALUES (:record, :reason)")


def insert_tombstone(
    conn: Connection, conversation_id: int, seq: int, *, sender_id: int, version: int, sent_ms: int
) -> None:
    """A deleted message where ``seq`` was given out and its message set aside, so that seqs have no gap.

    Does nothing where the seq is taken. In a transaction after ``check_epoch``.
    """
    position = {"conversation_id": conversation_id, "seq": seq, "version": version}
    conn.execute(_TOMBSTONE, {**position, "sender_id": sender_id, "sent_at": moment(sent_ms)})
    conn.execute(_RAISE_POSITION, position)


def insert_dead_letter(conn: Connection, record: bytes, reason: str) -> None:
    """Keep a record that cannot be stored, as it was in the log."""
    conn.execute(_DEAD_LETTER, {"record": record, "reason": reason})
