"""The part of the drain's statement that queues push notifications, in the transaction that stores the messages.

It writes one row of ``push_owed`` per user and conversation, however many messages there are: the seq up to which
messages are new, and when the row is due. Only members who have a device get a row, unless a host wants events about
members whom no notification reached (``notification.undelivered``).

As long as no device was ever registered, the statement runs without this part, and its fence requires that
``log_state.pushing`` is false in the shard's row. The first registration sets ``pushing`` in all rows, under their
locks (log_switches.py). So each batch either came before that registration, or finds its fence closed and is written
again with this part. No device is missed, and no cache can be stale.

The cost for a batch of 100 messages in 50 conversations is in docs/decisions/push.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.layout import is_distributed, routed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm

# A row that was checked and waits is checked again after a new message, but at most this often.
CHECK_INTERVAL_SECONDS = 1


class PushTrigger(NamedTuple):
    """Messages by one sender in one conversation, up to ``seq``. All other members should be notified of them."""

    conversation_id: int
    seq: int
    sender_id: int


_RECHECK_SHOWN = OneForm(f"""
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT DISTINCT m.user_id, m.conversation_id, CAST(0 AS bigint), now() FROM members AS m
    JOIN push_shown AS w ON w.user_id = m.user_id AND w.conversation_id = m.conversation_id AND w.seq >= :seq
        AND w.seq > 0
    WHERE m.conversation_id = :conversation AND (CAST(:only AS bigint) IS NULL OR m.user_id = :only)
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{CHECK_INTERVAL_SECONDS} seconds'))
""")

_MESSAGES = """
    SELECT m.user_id, m.conversation_id, s
    FROM fence, unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS new (c, s, u)
    JOIN members AS m ON m.conversation_id = c AND m.user_id <> u AND m.left_seq IS NULL
        AND (m.muted_until IS NULL OR m.muted_until <= now() OR m.mute_except_mentions)
    WHERE (EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = m.user_id)"""
_UNDELIVERED_WANTED = """
    OR EXISTS (SELECT FROM webhooks AS h WHERE h.state = 'on'
               AND (h.types IS NULL OR 'notification.undelivered' = ANY (h.types)))
    OR EXISTS (SELECT FROM host_feed WHERE pulled_at IS NOT NULL)"""
# A notification that a device displays is cleared after the messages were read elsewhere.
_READ = """
    SELECT w.user_id, w.conversation_id, CAST(0 AS bigint)
    FROM fence, unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS new (c, u)
    JOIN push_shown AS w ON w.user_id = u AND w.conversation_id = c AND w.seq > 0"""


# In parts, for distributed conversations.
_RECHECK_NOTED = HotStatement(f"""
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT DISTINCT w.user_id, w.conversation_id, CAST(0 AS bigint), now() FROM push_shown AS w
    WHERE w.conversation_id = :conversation AND w.seq >= :seq AND w.seq > 0
        AND (CAST(:only AS bigint) IS NULL OR w.user_id = :only)
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{CHECK_INTERVAL_SECONDS} seconds'))
""")
_EVERYBODY = HotStatement(f"SELECT false {_UNDELIVERED_WANTED}")
_NOTIFIED = HotStatement(
    routed(
        """
    SELECT m.user_id, m.conversation_id, s
    FROM unnest(CAST(:c AS bigint[]), CAST(:s AS bigint[]), CAST(:u AS bigint[])) AS new (c, s, u)
    JOIN members AS m ON m.conversation_id = c AND m.user_id <> u AND m.left_seq IS NULL
        AND (m.muted_until IS NULL OR m.muted_until <= now() OR m.mute_except_mentions)
    """,
        "c",
    )
)
_QUEUE = HotStatement(f"""
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT user_id, conversation_id, max(s), now() FROM (
        SELECT u, c, s FROM unnest(
            CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS new (u, c, s)
        WHERE :everybody OR EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = u)
        UNION ALL
        SELECT w.user_id, w.conversation_id, CAST(0 AS bigint)
        FROM unnest(CAST(:read_in AS bigint[]), CAST(:readers AS bigint[])) AS new (c, u)
        JOIN push_shown AS w ON w.user_id = u AND w.conversation_id = c AND w.seq > 0
    ) AS news (user_id, conversation_id, s)
    GROUP BY user_id, conversation_id
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET seq = greatest(o.seq, excluded.seq),
        due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{CHECK_INTERVAL_SECONDS} seconds'))
    RETURNING 1
""")


def recheck_shown(conn: Connection, conversation_id: int, seq: int, *, only: int | None = None) -> None:
    """Makes notifications due that devices of the members display for this message or a later one, because it was
    changed. With ``only``, those of one member.
    """
    statement = _RECHECK_NOTED if is_distributed(conn) else _RECHECK_SHOWN
    statement.send(conn, conversation=conversation_id, seq=seq, only=only)


def push_cte(*, messages: bool, read: bool, feeding: bool = False) -> str:
    """Returns ``pushes AS (…)``, which returns one row per queued user. Its parameters are ``push_parameters``.

    ``feeding``: a host gets events, perhaps those about members without a device.
    """
    news = _MESSAGES + _UNDELIVERED_WANTED * feeding
    sources = " UNION ALL ".join([f"{news})"] * messages + [_READ] * read)
    return f"""pushes AS (
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT user_id, conversation_id, max(s), now() FROM ({sources}) AS news (user_id, conversation_id, s)
    GROUP BY user_id, conversation_id
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET seq = greatest(o.seq, excluded.seq),
        due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{CHECK_INTERVAL_SECONDS} seconds'))
    RETURNING 1)"""


def push_parameters(triggers: Sequence[PushTrigger], read: Iterable[tuple[int, int]]) -> list[Any]:
    """Returns the parameters of ``push_cte``. ``read`` is (conversation, user) of users who read something."""
    parameters: list[Any] = []
    if triggers:
        parameters += [int_array(column) for column in zip(*triggers, strict=True)]
    marks = set(read)
    if marks:
        parameters += [int_array(column) for column in zip(*marks, strict=True)]
    return parameters


def queue_pushes(
    conn: Connection, triggers: Sequence[PushTrigger], read: Iterable[tuple[int, int]], *, feeding: bool
) -> int:
    """Does what ``push_cte`` does, for distributed conversations. Returns the number of queued users."""
    marks = set(read)
    if not (triggers or marks):
        return 0
    news = _notified(conn, triggers) if triggers else []
    everybody = feeding and bool(_EVERYBODY.rows(conn)[0][0])
    users, conversations, seqs = zip(*news, strict=True) if news else ((), (), ())
    values = {"users": int_array(users), "conversations": int_array(conversations), "seqs": int_array(seqs)}
    read_in, readers = int_array(c for c, _ in marks), int_array(u for _, u in marks)
    return len(_QUEUE.rows(conn, **values, everybody=everybody, read_in=read_in, readers=readers))


def _notified(conn: Connection, triggers: Sequence[PushTrigger]) -> list[tuple[Any, ...]]:
    c, s, u = (int_array(column) for column in zip(*triggers, strict=True))
    return _NOTIFIED.rows(conn, c=c, s=s, u=u)
