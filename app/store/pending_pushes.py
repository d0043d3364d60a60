"""Pending pushes: the rows of ``push_owed`` that the drain writes with the messages, one per user and conversation.

Invariants:

* A claim is a lease: it moves ``due_at`` to the end of the lease. The claimant changes a row only while the row still
  has that ``due_at``.
* If a claimed row gets a new message, the drain moves ``due_at`` to an earlier time, so the row is checked again.
* Rows are locked without waiting, in transactions that wait for nothing else. So the drain never waits long for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.layout import is_distributed, routed
from app.store.pg_arrays import bool_array, int_array, text_array
from app.store.sql import HotStatement, OneForm

CLAIM_LEASE_SECONDS = 15


class PendingPush(NamedTuple):
    user_id: int
    conversation_id: int
    seq: int


class Claimed(NamedTuple):
    """Each row has ``lease`` as its ``due_at`` until somebody else changes the row."""

    rows: list[PendingPush]
    lease: datetime | None


_CLAIM = HotStatement(f"""
    UPDATE push_owed AS o SET due_at = now() + interval '{CLAIM_LEASE_SECONDS} seconds', looked_at = now()
    FROM (
        SELECT user_id, conversation_id FROM push_owed WHERE due_at <= now()
        ORDER BY due_at, user_id LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE o.user_id = due.user_id AND o.conversation_id = due.conversation_id
    RETURNING o.user_id, o.conversation_id, o.seq, o.due_at
""")
_SETTLE = HotStatement("""
    WITH checked AS (
        SELECT * FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:again AS bigint[]))
            AS checked (u, c, again)
    ), later AS (
        UPDATE push_owed SET due_at = to_timestamp(CAST(again AS float8) / 1000) FROM checked
        WHERE again > 0 AND user_id = u AND conversation_id = c AND due_at = :lease
    ), done AS (
        DELETE FROM push_owed USING checked
        WHERE again = 0 AND user_id = u AND conversation_id = c AND due_at = :lease
    )
    SELECT 1
""")
# ``:platforms`` and ``:providers``: which provider serves which platform. Targets of other platforms get nothing.
_SERVED = "unnest(CAST(:platforms AS text[]), CAST(:providers AS text[])) AS served (platform, provider)"
_ENQUEUE = HotStatement(f"""
    INSERT INTO push_deliveries AS d (target_id, user_id, conversation_id, seq, kind, provider, host, due_at)
    SELECT t.id, t.user_id, c, s, 'message', served.provider, t.host,
           greatest(now(), w.sent_at + CAST(:spacing AS float8) * interval '1 second')
    FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS due (u, c, s)
    JOIN push_targets AS t ON t.user_id = u
    JOIN {_SERVED} ON served.platform = t.platform
    LEFT JOIN push_shown AS w ON w.target_id = t.id AND w.conversation_id = c
    WHERE coalesce(w.seq, 0) < s AND NOT EXISTS (
        SELECT FROM unnest(CAST(:busy_users AS bigint[]), CAST(:busy_devices AS text[])) AS busy (u, d)
        WHERE busy.u = t.user_id AND busy.d = t.device_id)
    AND NOT EXISTS (SELECT FROM users AS x
        WHERE x.id = t.user_id AND x.suspended_at IS NOT NULL AND NOT x.suspended_shadow
        AND (x.suspended_until IS NULL OR x.suspended_until > now()))
    ON CONFLICT (target_id, conversation_id) WHERE state = 'pending'
    DO UPDATE SET seq = greatest(d.seq, excluded.seq), kind = 'message'
    RETURNING 1
""")
_KEPT = "unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS kept (u, c, s)"


# For devices that show a deleted message, an outdated text, or a message that is no longer worth a notification, if
# another message is worth one.
def _updates(kept: str, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    INSERT INTO push_deliveries AS d (target_id, user_id, conversation_id, seq, kind, provider, host, due_at)
    SELECT t.id, t.user_id, c, w.seq, 'update', served.provider, t.host, now()
    FROM {_KEPT}
    JOIN push_shown AS w ON w.user_id = u AND w.conversation_id = c AND w.seq > 0
    {kept}
    JOIN push_targets AS t ON t.id = w.target_id AND t.user_id = u
    JOIN {_SERVED} ON served.platform = t.platform
    WHERE s > 0
    ON CONFLICT (target_id, conversation_id) WHERE state = 'pending'
    DO UPDATE SET seq = greatest(d.seq, excluded.seq), kind = 'update'
    RETURNING 1
""")


_ENQUEUE_UPDATES = _updates(
    """JOIN messages AS x ON x.conversation_id = c AND x.seq = w.seq
        AND (w.seq > s OR x.deleted_at IS NOT NULL OR x.edited_at IS DISTINCT FROM w.edited_at)""",
    OneForm,
)
# In parts, for distributed conversations.
_SHOWN = HotStatement(f"""
    SELECT DISTINCT c, w.seq FROM {_KEPT}
    JOIN push_shown AS w ON w.user_id = u AND w.conversation_id = c AND w.seq > 0 WHERE s > 0
""")
_CHANGED = HotStatement(
    routed(
        """
    SELECT x.conversation_id, x.seq, x.edited_at, x.deleted_at IS NOT NULL
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS shown (c, s)
    JOIN messages AS x ON x.conversation_id = c AND x.seq = s
    """,
        "conversations",
    )
)
_ENQUEUE_UPDATES_OF = _updates("""JOIN unnest(
        CAST(:x_conversations AS bigint[]), CAST(:x_seqs AS bigint[]), CAST(:x_edited AS timestamptz[]),
        CAST(:x_deleted AS boolean[])
    ) AS x (conversation_id, seq, edited_at, is_deleted) ON x.conversation_id = c AND x.seq = w.seq
        AND (w.seq > s OR x.is_deleted OR x.edited_at IS DISTINCT FROM w.edited_at)""")
_ENQUEUE_CLEARS = HotStatement(f"""
    INSERT INTO push_deliveries AS d (target_id, user_id, conversation_id, seq, kind, provider, host, due_at)
    SELECT t.id, t.user_id, c, w.seq, 'clear', served.provider, t.host, now()
    FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS kept (u, c, s)
    JOIN push_shown AS w ON w.user_id = u AND w.conversation_id = c AND w.seq > 0
    JOIN push_targets AS t ON t.id = w.target_id AND t.user_id = u
    JOIN {_SERVED} ON served.platform = t.platform
    WHERE s = 0
    ON CONFLICT (target_id, conversation_id) WHERE state = 'pending'
    DO UPDATE SET seq = excluded.seq, kind = 'clear'
    RETURNING 1
""")
# Steps through the index (provider, due_at) from provider to provider, so it reads two rows of each.
_NEXT = HotStatement("""
    WITH RECURSIVE providers (provider) AS (
        SELECT min(provider) FROM push_deliveries WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(d.provider) FROM push_deliveries AS d
                WHERE d.state = 'pending' AND d.provider > providers.provider)
        FROM providers WHERE providers.provider IS NOT NULL
    )
    SELECT CAST(1000 * date_part('epoch', least(
        (SELECT due_at FROM push_owed ORDER BY due_at LIMIT 1),
        (SELECT min(first.due_at) FROM providers CROSS JOIN LATERAL (
            SELECT due_at FROM push_deliveries AS d WHERE d.state = 'pending' AND d.provider = providers.provider
            ORDER BY due_at LIMIT 1) AS first)
    ) - now()) AS bigint)
""")
_BACKLOG = HotStatement("""
    SELECT count(*), coalesce(date_part('epoch', now() - min(since)), 0) FROM (
        SELECT due_at AS since FROM push_owed
        UNION ALL SELECT created_at FROM push_deliveries WHERE state = 'pending'
    ) AS pending
""")


def claim(conn: Connection, limit: int) -> Claimed:
    """Leases up to ``limit`` due rows for ``CLAIM_LEASE_SECONDS``. Several workers may claim at the same time."""
    rows = _CLAIM.rows(conn, limit=limit)
    return Claimed([PendingPush(*row[:3]) for row in rows], rows[0][3] if rows else None)


def settle(conn: Connection, lease: datetime, checked: Sequence[tuple[int, int, int]]) -> None:
    """Deletes or postpones claimed rows. Rows that got a new message during the lease stay due.

    ``checked`` is ``(user, conversation, ms of the next check)``; 0 ms deletes the row.
    """
    users, conversations, again = zip(*checked, strict=True)
    _SETTLE.rows(
        conn, users=int_array(users), conversations=int_array(conversations), again=int_array(again), lease=lease
    )


def enqueue(
    conn: Connection,
    pending: Sequence[PendingPush],
    busy: Sequence[tuple[int, str]],
    *,
    providers: Mapping[str, str],
    spacing_seconds: float,
) -> int:
    """Queues a notification up to ``seq`` for each device of the user that does not show that message yet.

    Skips the devices in ``busy`` (user, device id). A notification is due at the earliest ``spacing_seconds`` after the
    last one to the same device and conversation. ``providers`` maps platforms to providers. Returns how many
    notifications it queued or renewed.
    """
    if not pending:
        return 0
    users, conversations, seqs = zip(*pending, strict=True)
    return len(
        _ENQUEUE.rows(
            conn,
            users=int_array(users),
            conversations=int_array(conversations),
            seqs=int_array(seqs),
            busy_users=int_array(user for user, _ in busy),
            busy_devices=text_array(device for _, device in busy),
            platforms=text_array(providers.keys()),
            providers=text_array(providers.values()),
            spacing=spacing_seconds,
        )
    )


def enqueue_corrections(conn: Connection, newest: Sequence[PendingPush], *, providers: Mapping[str, str]) -> int:
    """Queues silent changes of notifications that devices display.

    ``seq`` is the newest message worth a notification. If it is 0, because all were read or deleted, the notification
    is removed. Otherwise it is replaced if it shows a deleted message or an older text. Returns how many changes were
    queued or renewed.
    """
    if not newest:
        return 0
    users, conversations, seqs = zip(*newest, strict=True)
    values = {
        "users": int_array(users),
        "conversations": int_array(conversations),
        "seqs": int_array(seqs),
        "platforms": text_array(providers.keys()),
        "providers": text_array(providers.values()),
    }
    return len(_ENQUEUE_CLEARS.rows(conn, **values)) + len(_updated(conn, values))


def _updated(conn: Connection, values: dict[str, str]) -> list[tuple[Any, ...]]:
    if not is_distributed(conn):
        return _ENQUEUE_UPDATES.rows(conn, **values)
    shown = _SHOWN.rows(conn, **values)
    if not shown:
        return []
    conversations, seqs = (int_array(column) for column in zip(*shown, strict=True))
    found = _CHANGED.rows(conn, conversations=conversations, seqs=seqs)
    messages = {
        "x_conversations": int_array(row[0] for row in found),
        "x_seqs": int_array(row[1] for row in found),
        "x_edited": text_array(None if row[2] is None else str(row[2]) for row in found),
        "x_deleted": bool_array(row[3] for row in found),
    }
    return _ENQUEUE_UPDATES_OF.rows(conn, **values, **messages)


def next_due_ms(conn: Connection) -> int | None:
    """Returns in how many ms the next row or notification is due (0 or less: it is due now); None if there is none."""
    (due,) = _NEXT.rows(conn)[0]
    return None if due is None else int(due)


def backlog(conn: Connection) -> tuple[int, float]:
    """Returns the number of pending rows and notifications, and the age of the oldest in seconds."""
    count, age = _BACKLOG.rows(conn)[0]
    return int(count), max(0.0, float(age))
