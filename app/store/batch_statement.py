"""The statement that stores a batch of the log, and its parameters. batch_writes.py runs it.

A batch of 100 messages with their receipts in 50 conversations costs 17 µs of Postgres and 9 µs of Python per message.
A batch of one message costs 400 µs and 300 µs. These measures brought the cost down: one statement instead of five;
arrays as literals; maxima computed here, so that Postgres reads the wide input once; a plain INSERT first, and ``ON
CONFLICT`` (a quarter more expensive) only after it failed; one unique index that serves two purposes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from app.store.batch_pending_pushes import push_cte
from app.store.pg_arrays import bool_array, int_array, text_array


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
    shadow: bool = False


class Receipt(NamedTuple):
    """A member's new marks; 0 for a mark that did not move. A read message counts as delivered."""

    conversation_id: int
    user_id: int
    delivered_seq: int
    read_seq: int
    version: int


_FENCE = "fence AS MATERIALIZED (SELECT 1 FROM log_state WHERE id = %s AND epoch = %s FOR NO KEY UPDATE)"
# True until somebody in the deployment registers the first device, because until then there is nothing to push; and
# until a host first reads events, because until then there is no feed.
_WITHOUT_DEVICES, _WITHOUT_FEED = "AND NOT pushing ", "AND NOT feeding "


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
# With the columns that few messages use. Other messages should not pay for them.
_DETAILED = _insert_messages(
    ", mentions, mentions_all, extra, shadow",
    ", CAST(me AS bigint[]), al, CAST(e AS jsonb), sh",
    ", CAST(%s AS text[]), CAST(%s AS boolean[]), CAST(%s AS text[]), CAST(%s AS boolean[])",
    ", me, al, e, sh",
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
def statement_for(
    without_devices: bool,
    without_feed: bool,
    messages: bool,
    detailed: bool,
    conversations: bool,
    receipts: bool,
    seen: bool,
    triggers: bool,
    read: bool,
    expect_conflicts: bool,
    distributed: bool = False,
) -> bytes:
    """Returns the statement with the parts that this batch needs. If conversations are ``distributed``, it names those
    that it changes once more, so that it runs only where they are.

    Its single row is (1 if the fence was open, number of inserted messages, number of queued pushes).
    """
    expected = _WITHOUT_DEVICES * without_devices + _WITHOUT_FEED * without_feed
    parts = [_FENCE.replace("FOR NO", f"{expected}FOR NO")]
    if messages:
        parts.append(
            (_DETAILED if detailed else _MESSAGES)
            + ("ON CONFLICT DO NOTHING RETURNING 1)" if expect_conflicts else ")")
        )
    parts += [_of_these(_CONVERSATIONS, "id") if distributed else _CONVERSATIONS] * conversations
    parts += [_of_these(_RECEIPTS, "conversation_id") if distributed else _RECEIPTS] * receipts + [_SEEN] * seen
    parts += [push_cte(messages=triggers, read=read, feeding=not without_feed)] * (triggers or read)
    inserted = "(SELECT count(*) FROM added)" if messages and expect_conflicts else "0"
    pushes = "(SELECT count(*) FROM pushes)" if triggers or read else "0"
    return f"WITH {', '.join(parts)} SELECT (SELECT count(*) FROM fence), {inserted}, {pushes}".encode()


def _of_these(update: str, column: str) -> str:
    return f"{update.removesuffix(')')} AND {column} = ANY(CAST(%s AS bigint[])))"


def parameters_of(
    epoch: int,
    messages: Sequence[NewMessage],
    receipts: Sequence[Receipt],
    last_seen: Sequence[tuple[int, int]],
    *,
    row: int,
    detailed: bool,
    distributed: bool = False,
) -> list[Any]:
    """Returns the parameters of ``statement_for``, without those of the pushes. ``row`` is the shard's row of
    ``log_state``.
    """
    parameters: list[Any] = [row, epoch]
    if messages:
        parameters += _message_columns(messages, detailed=detailed)
    if messages or receipts:
        positions = _columns(_positions(messages, receipts))
        parameters += [*positions, positions[0]] if distributed else positions
    if receipts:
        marks = _columns(_marks(receipts))
        parameters += [*marks, marks[0]] if distributed else marks
    if last_seen:
        parameters += _columns(_latest(last_seen).items())
    return parameters


def _message_columns(messages: Sequence[NewMessage], *, detailed: bool) -> list[str]:
    c, s, i, u, k, b, a, r, v, ms, mentions, everybody, extra, shadow = zip(*messages, strict=True)
    columns = [int_array(c), int_array(s), text_array(i), int_array(u), text_array(k), text_array(b)]
    columns += [text_array(a), text_array(r), int_array(v), int_array(ms)]
    if detailed:
        columns += [text_array(mentions), bool_array(everybody), text_array(extra), bool_array(shadow)]
    return columns


def _latest(last_seen: Sequence[tuple[int, int]]) -> dict[int, int]:
    latest: dict[int, int] = {}
    for user, ms in last_seen:
        latest[user] = max(ms, latest.get(user, 0))
    return latest


def _columns(rows: Iterable[Sequence[int]]) -> list[str]:
    return [int_array(column) for column in zip(*rows, strict=True)]


def _positions(messages: Sequence[NewMessage], receipts: Sequence[Receipt]) -> list[tuple[int, int, int, int]]:
    """Returns (conversation, greatest seq, greatest version, latest ms) for each conversation of the batch. A message
    that only its sender sees does not count as activity.
    """
    found: dict[int, tuple[int, int, int]] = {}
    get = found.get
    for conversation, seq, _, _, _, _, _, _, version, ms, *_, shadow in messages:
        s, v, at = get(conversation, (0, 0, 0))
        found[conversation] = (max(seq, s), max(version, v), at if shadow else max(ms, at))
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
