"""Events for hosts about messages for which no device of a member could be notified. Each is written in the transaction
that finds that the member has no device, or that the notification to the member's last device has failed for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import Connection

from app.store.host_events import add_events
from app.store.host_feed import is_feeding
from app.store.layout import is_distributed, routed
from app.store.pending_pushes import PendingPush
from app.store.pg_arrays import int_array, text_array
from app.store.push_deliveries import Ended
from app.store.sql import HotStatement, OneForm
from app.store.suspensions import is_shadowed
from app.store.unread import read_by

TYPE = "notification.undelivered"
Reason = Literal["no_device", "failed"]

_DUE = "unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS due (u, c, s)"
_IN = "conversations"
_MESSAGE = "JOIN messages AS x ON x.conversation_id = c AND x.seq = s AND x.deleted_at IS NULL"
# No device of a suspended user is notified either.
_WITHOUT_DEVICE = OneForm(f"""
    SELECT u, c, s, CAST(x.id AS text), x.sender_id FROM {_DUE} {_MESSAGE}
    JOIN users AS o ON o.id = u AND o.deleted_at IS NULL AND (o.suspended_at IS NULL OR {is_shadowed("o")})
    WHERE NOT EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = u AND t.platform = ANY (CAST(:served AS text[])))
    ORDER BY c, u
""")
# In parts, for distributed conversations.
_MESSAGES = HotStatement(routed(f"SELECT u, c, s, CAST(x.id AS text), x.sender_id FROM {_DUE} {_MESSAGE}", _IN))
_WITHOUT = HotStatement(f"""
    SELECT u, c, s FROM {_DUE}
    JOIN users AS o ON o.id = u AND o.deleted_at IS NULL AND (o.suspended_at IS NULL OR {is_shadowed("o")})
    WHERE NOT EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = u AND t.platform = ANY (CAST(:served AS text[])))
""")
# Two lanes may store the last two failures of a user at the same time. The second one waits for the first, and sees it.
_TURNS = HotStatement("""
    SELECT pg_advisory_xact_lock(1347571030, CAST(u % 2147483647 AS integer))
    FROM (SELECT DISTINCT u FROM unnest(CAST(:users AS bigint[])) AS failed (u) ORDER BY u) AS ordered
""")
_UNREACHED = OneForm(f"""
    SELECT u, c, s, CAST(x.id AS text), x.sender_id FROM {_DUE} {_MESSAGE}
    JOIN members AS m ON m.conversation_id = c AND m.user_id = u AND m.left_seq IS NULL AND {read_by("m")} < s
    WHERE NOT EXISTS (
        SELECT FROM push_targets AS t
        LEFT JOIN push_shown AS w ON w.target_id = t.id AND w.conversation_id = c
        LEFT JOIN push_deliveries AS d ON d.target_id = t.id AND d.conversation_id = c AND d.state = 'pending'
        WHERE t.user_id = u AND (w.seq >= s OR d.id IS NOT NULL))
    ORDER BY c, u
""")
_UNREAD = HotStatement(
    routed(
        f"""
    SELECT u, c, s FROM {_DUE}
    JOIN members AS m ON m.conversation_id = c AND m.user_id = u AND m.left_seq IS NULL AND {read_by("m")} < s
    """,
        _IN,
    )
)
_ALL_FAILED = HotStatement(f"""
    SELECT u, c, s FROM {_DUE}
    WHERE NOT EXISTS (
        SELECT FROM push_targets AS t
        LEFT JOIN push_shown AS w ON w.target_id = t.id AND w.conversation_id = c
        LEFT JOIN push_deliveries AS d ON d.target_id = t.id AND d.conversation_id = c AND d.state = 'pending'
        WHERE t.user_id = u AND (w.seq >= s OR d.id IS NOT NULL))
""")


def note_without_device(conn: Connection, notify: Sequence[PendingPush], providers: Mapping[str, str]) -> None:
    """Adds an event for each user of ``notify`` without a device that a provider serves. Call it last, before the
    commit.
    """
    if notify and is_feeding(conn):
        served = text_array(providers.keys())
        if is_distributed(conn):
            rows = _messages_among(conn, _WITHOUT.rows(conn, **_columns(notify), served=served))
        else:
            rows = _WITHOUT_DEVICE.rows(conn, **_columns(notify), served=served)
        _add(conn, rows, "no_device")


def note_failed(conn: Connection, ended: Sequence[Ended]) -> None:
    """Adds an event for each user whose last notification of a message has failed. Call it last, before the commit."""
    failed = {
        PendingPush(one.delivery.user_id, one.delivery.conversation_id, one.delivery.seq)
        for one in ended
        if one.delivery.kind == "message" and _has_failed(one)
    }
    if not failed or not is_feeding(conn):
        return
    columns = _columns(sorted(failed))
    _TURNS.rows(conn, users=columns["users"])
    if is_distributed(conn):
        unread = _UNREAD.rows(conn, **columns)
        unreached = _ALL_FAILED.rows(conn, **_columns([PendingPush(*row) for row in unread])) if unread else []
        rows = _messages_among(conn, unreached)
    else:
        rows = _UNREACHED.rows(conn, **columns)
    _add(conn, rows, "failed")


def _messages_among(conn: Connection, due: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Returns the rows with the messages, by conversation and user."""
    rows = _MESSAGES.rows(conn, **_columns([PendingPush(*row) for row in due])) if due else []
    return sorted(rows, key=itemgetter(1, 0))


def _has_failed(one: Ended) -> bool:
    return one.state in ("gone", "refused", "expired") or (one.state == "dropped" and one.reason == "no target")


def _columns(pending: Sequence[PendingPush]) -> dict[str, str]:
    users, conversations, seqs = zip(*pending, strict=True)
    return {"users": int_array(users), "conversations": int_array(conversations), "seqs": int_array(seqs)}


def _add(conn: Connection, rows: Iterable[tuple[Any, ...]], reason: Reason) -> None:
    events = [
        (
            conversation,
            {
                "messageId": message_id,
                "conversationId": conversation,
                "seq": seq,
                "senderId": sender_id or None,
                "userId": user,
                "reason": reason,
            },
        )
        for user, conversation, seq, message_id, sender_id in rows
    ]
    if events:
        add_events(conn, TYPE, events)
